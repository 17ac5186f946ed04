//! One server per test.

mod stream;
