//! The built server, over its API, between real MariaDB servers.
//!
//! Every test starts servers of its own. A missing MariaDB fails the tests.
#![allow(
    clippy::print_stdout,
    clippy::too_many_lines,
    clippy::unwrap_used,
    reason = "a failed step fails the test, and tells how to repeat it"
)]

mod chaos;
mod disk;
mod faults;
mod giant;
mod golden;
mod http;
mod replication;
mod restart;
mod scenarios;
mod shutdown;
mod sigkill;
mod storage;
mod support;
