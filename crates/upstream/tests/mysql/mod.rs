//! One server per test.

mod failover;
mod faults;
mod large;
mod schema;
mod sharing;
mod stream;
