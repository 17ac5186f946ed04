//! SQL text for MySQL-compatible servers: identifiers and literals, appended straight to a byte buffer.
//!
//! In: names and [`Datum`](tidegate_model::Datum)s. Out: bytes. No I/O, nothing allocated but the buffer's growth.
//! The text is right for a session with `SET NAMES utf8mb4`, `time_zone = '+00:00'` and an `sql_mode` without
//! `NO_BACKSLASH_ESCAPES` and `ANSI_QUOTES`.

mod ident;
mod literal;

pub use ident::{push_ident, push_table};
pub use literal::{civil, push_binary, push_literal, push_string};
