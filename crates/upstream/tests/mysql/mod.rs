//! One server per test.

mod failover;
mod faults;
mod large;
mod log;
mod schema;
mod sharing;
mod stream;
