//! The seam between a sink and a format.

use tidegate_model::{Result, Row, TableInfo, Ts};

/// Turns rows into bytes of one format.
///
/// Keeps per-table preparations, so it is cheap to use for many rows and not meant to be shared: one per worker.
pub trait Encoder: Send {
    /// Appends what a new file of `table` starts with; nothing for most formats.
    fn start_file(&mut self, table: &TableInfo, out: &mut Vec<u8>);

    /// Appends one row change, terminator included. On an error `out` is as it was.
    ///
    /// `now_ms` is the wall clock in unix milliseconds, for formats that carry the time of encoding.
    ///
    /// # Errors
    /// `PartialRowImage` for an incomplete image, `CorruptedDataMutation` for an ENUM or SET value that the column
    /// does not have.
    fn row(&mut self, row: Row<'_>, commit_ts: Ts, now_ms: u64, out: &mut Vec<u8>) -> Result<()>;

    /// File name extension without the dot.
    fn extension(&self) -> &'static str;
}
