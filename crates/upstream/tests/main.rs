//! The MySQL source against a real MariaDB.

#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

mod harness;
mod mysql;
