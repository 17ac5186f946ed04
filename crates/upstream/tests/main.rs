//! The MySQL source against a real MariaDB.

mod harness;
mod mysql;
