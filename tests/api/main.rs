//! The HTTP API of the built server, byte by byte, over a real MariaDB.
//!
//! One server answers all tests; each test uses changefeed ids of its own. A missing MariaDB fails the tests.
#![allow(
    clippy::too_many_lines,
    clippy::unwrap_used,
    reason = "a failed step fails the test"
)]

mod access;
mod bounds;
mod changefeeds;
mod cli;
mod client;
mod command_line;
mod contract;
mod guarded;
mod hostile;
mod refusals;
mod secrets;
mod seed;
mod server;
mod shapes;
mod stable;
mod tls;
mod walk;
