//! Formats against their documented samples and golden files.

#![allow(clippy::unwrap_used, clippy::too_many_lines, reason = "tests")]

mod support;

mod every_type;
mod samples;
