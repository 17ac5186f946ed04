//! The binlog decoder judged by a real server, and by files that one wrote.
//!
//! Each scenario of [`scenarios`] runs on a private MariaDB and fills one binlog file. The rows decoded from the
//! file must equal what SELECT printed. The same files, with what was printed, are kept in `tests/fixtures`, so that
//! hostile variants of them can be tried without a server. `UPDATE_FIXTURES=1` writes them anew.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod decode;
mod fixtures;
mod handmade;
mod hostile;
mod live;
mod scenarios;
