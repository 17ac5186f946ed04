//! `file://`: rows as csv or canal-json files below a directory, in the layout of TiCDC's storage sinks.
//!
//! Per flush: schema file where needed, index file, data file, acknowledgement. A data file appears whole or not at
//! all and is never touched again; `metadata` never runs ahead of the files.

mod config;
mod files;
mod metrics;
mod storage_sink;
mod table_files;
mod worker;

#[cfg(test)]
mod tests;
