//! One server per test.

mod faults;
mod large;
mod schema;
mod sharing;
mod stream;
