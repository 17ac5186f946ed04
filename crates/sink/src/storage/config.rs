//! Settings of the storage sink.

use std::time::Duration;

use jiff::tz::TimeZone;
use tidegate_codec::{CanalJsonEncoder, CanalJsonOptions, CsvEncoder, CsvOptions, DateSeparator, Encoder};

use super::schedule::Schedule;
use super::store::Address;

/// Workers of one sink.
pub(crate) const WORKERS_MAX: usize = 512;

/// Everything the sink needs to know, checked.
#[derive(Clone, Debug)]
pub(crate) struct StorageConfig {
    /// Where all files live.
    pub(crate) address: Address,
    /// Format of the data files.
    pub(crate) format: Format,
    /// Longest time rows wait for company.
    pub(crate) flush_interval: Duration,
    /// Encoded bytes after which a file ends at the next transaction, unless little is left for another one.
    pub(crate) file_size: usize,
    /// The changefeed's memory quota in bytes; rows hold their share until they are in a file.
    pub(crate) memory_quota: usize,
    /// Digits of file numbers.
    pub(crate) file_index_width: usize,
    /// Granularity of the date level.
    pub(crate) date_separator: DateSeparator,
    /// Whether schema files number the columns.
    pub(crate) output_column_id: bool,
    /// Whether an update that changes a key stays one update; else it is written as a delete and an insert.
    pub(crate) output_raw_change_event: bool,
    /// Tables are spread over this many workers.
    pub(crate) worker_count: usize,
    /// Which old files are removed, and when; `None`: none ever.
    pub(crate) expiry: Option<Expiry>,
    /// Zone of the date level.
    pub(crate) time_zone: TimeZone,
    /// Whether workers encode themselves instead of handing rows to threads: a simulation is the same every time.
    pub(crate) encode_in_place: bool,
}

/// Which old files are removed, and when.
#[derive(Clone, Debug)]
pub(crate) struct Expiry {
    /// Age in days, at the checkpoint, up to which the files of a day are kept.
    pub(crate) days: u32,
    /// When to look.
    pub(crate) schedule: Schedule,
}

/// Format of the data files.
#[derive(Clone, Debug)]
pub(crate) enum Format {
    Csv(CsvOptions),
    CanalJson(CanalJsonOptions),
}

impl Format {
    /// Name extension of the files.
    pub(crate) fn extension(&self) -> &'static str {
        match self {
            Format::Csv(_) => "csv",
            Format::CanalJson(_) => "json",
        }
    }

    /// A fresh encoder.
    pub(crate) fn encoder(&self) -> Box<dyn Encoder> {
        match self {
            Format::Csv(options) => Box::new(CsvEncoder::new(options.clone())),
            Format::CanalJson(options) => Box::new(CanalJsonEncoder::new(options.clone())),
        }
    }
}
