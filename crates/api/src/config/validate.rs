//! Rules for the members of a config, in the order in which the original checks them.

use tidegate_model::{CdcError, ErrorCode, Result};

use super::{CsvConfig, MEMORY_QUOTA_DEFAULT, ReplicaConfig, SinkConfig};
use crate::duration::GoDuration;
use crate::sink_uri::{Scheme, SinkUri};

/// Protocols the original knows. Which of them a sink can write is the sink's business.
const PROTOCOLS: [&str; 12] = [
    "default",
    "open-protocol",
    "canal",
    "canal-json",
    "avro",
    "flat-avro",
    "maxwell",
    "craft",
    "csv",
    "debezium",
    "simple",
    "",
];
const STUCK_MIN: GoDuration = GoDuration::from_secs(1800);
const SYNC_POINT_INTERVAL_MIN: GoDuration = GoDuration::from_secs(30);
const SYNC_POINT_RETENTION_MIN: GoDuration = GoDuration::from_secs(3600);
const TERMINATOR_DEFAULT: &str = "\r\n";
const ADVANCE_TIMEOUT_DEFAULT: u64 = 150;
const FILE_INDEX_WIDTHS: std::ops::RangeInclusive<i64> = 6..=20;

impl ReplicaConfig {
    /// Checks every member that can be checked without asking anybody, and fills in what is adjusted silently.
    /// Parameters of the URI that are also members win and are copied into the config.
    ///
    /// # Errors
    /// The original's code with the member and the reason: `SinkURIInvalid`, `SinkUnknownProtocol`,
    /// `SinkInvalidConfig`, `InvalidReplicaConfig`. The config may be partly adjusted then.
    pub fn adjust(&mut self, uri: &SinkUri) -> Result<()> {
        if uri.has_mask() {
            return Err(CdcError::new(
                ErrorCode::SinkURIInvalid,
                "sink uri invalid: the mask xxxxx stands in place of a secret; give the secret itself",
            ));
        }
        if uri.kind() == Scheme::Unknown {
            return Err(CdcError::new(
                ErrorCode::SinkURIInvalid,
                format_args!(
                    "the sink scheme ({}) is not supported: use mysql, file, s3, gcs, azblob or blackhole",
                    uri.scheme()
                ),
            ));
        }
        self.sink.adjust(uri)?;
        self.adjust_redo()?;
        self.check_sync_point()?;
        if self.memory_quota == 0 {
            self.memory_quota = MEMORY_QUOTA_DEFAULT;
        }
        self.check_scheduler()?;
        self.check_integrity()?;
        if self
            .changefeed_error_stuck_duration
            .is_some_and(|stuck| stuck < STUCK_MIN)
        {
            return Err(invalid("changefeed_error_stuck_duration must be at least 30m"));
        }
        self.check_scheme(uri)
    }

    fn adjust_redo(&mut self) -> Result<()> {
        let Some(redo) = &mut self.consistent else {
            return Ok(());
        };
        match redo.level.as_str() {
            "" | "none" => return Ok(()),
            "eventual" => {}
            other => {
                return Err(invalid(format_args!(
                    "consistent.level {other:?} is not none or eventual"
                )));
            }
        }
        for (name, value, default) in [
            ("flush_interval", &mut redo.flush_interval, 2000),
            ("meta_flush_interval", &mut redo.meta_flush_interval, 200),
        ] {
            if *value == 0 {
                *value = default;
            }
            if *value < 50 {
                return Err(invalid(format_args!(
                    "consistent.{name} must be at least 50 (milliseconds)"
                )));
            }
        }
        if !matches!(redo.compression.as_str(), "" | "none" | "lz4") {
            return Err(invalid(format_args!(
                "consistent.compression {:?} is not none or lz4",
                redo.compression
            )));
        }
        Ok(())
    }

    fn check_sync_point(&self) -> Result<()> {
        if self.enable_sync_point != Some(true) {
            return Ok(());
        }
        if self
            .sync_point_interval
            .is_some_and(|interval| interval < SYNC_POINT_INTERVAL_MIN)
        {
            return Err(invalid("sync_point_interval must be at least 30s"));
        }
        if self
            .sync_point_retention
            .is_some_and(|retention| retention < SYNC_POINT_RETENTION_MIN)
        {
            return Err(invalid("sync_point_retention must be at least 1h"));
        }
        Ok(())
    }

    fn check_scheduler(&self) -> Result<()> {
        let scheduler = &self.scheduler;
        if !scheduler.enable_table_across_nodes {
            return Ok(());
        }
        if scheduler.region_threshold < 0 {
            return Err(invalid("scheduler.region_threshold must not be negative"));
        }
        if scheduler.write_key_threshold < 0 {
            return Err(invalid("scheduler.write_key_threshold must not be negative"));
        }
        Ok(())
    }

    fn check_integrity(&self) -> Result<()> {
        let integrity = &self.integrity;
        if !matches!(integrity.integrity_check_level.as_str(), "none" | "correctness") {
            return Err(invalid(format_args!(
                "integrity.integrity_check_level {:?} is not none or correctness",
                integrity.integrity_check_level
            )));
        }
        if !matches!(integrity.corruption_handle_level.as_str(), "warn" | "error") {
            return Err(invalid(format_args!(
                "integrity.corruption_handle_level {:?} is not warn or error",
                integrity.corruption_handle_level
            )));
        }
        Ok(())
    }

    fn check_scheme(&self, uri: &SinkUri) -> Result<()> {
        if uri.kind().is_database() {
            return Ok(());
        }
        for (set, name) in [
            (self.enable_sync_point, "enable_sync_point"),
            (self.bdr_mode, "bdr_mode"),
        ] {
            if set == Some(true) {
                return Err(CdcError::new(
                    ErrorCode::SinkURIInvalid,
                    format_args!(
                        "{name} works with a mysql or tidb sink only, not with {}",
                        uri.scheme()
                    ),
                ));
            }
        }
        Ok(())
    }
}

impl SinkConfig {
    fn adjust(&mut self, uri: &SinkUri) -> Result<()> {
        for (parameter, member) in [
            ("transaction-atomicity", &mut self.transaction_atomicity),
            ("protocol", &mut self.protocol),
        ] {
            if let Some(value) = uri.param(parameter) {
                *member = Some(value.to_owned());
            }
        }
        self.check_atomicity(uri)?;
        self.check_protocol(uri)?;
        if uri.kind().is_database() {
            return Ok(());
        }
        if self.encoder_concurrency.is_some_and(|encoders| encoders < 0) {
            return Err(sink_invalid("encoder_concurrency must not be negative"));
        }
        self.terminator
            .get_or_insert_with(|| TERMINATOR_DEFAULT.to_owned());
        if self.advance_timeout.unwrap_or(0) == 0 {
            self.advance_timeout = Some(ADVANCE_TIMEOUT_DEFAULT);
        }
        if uri.kind().is_storage() {
            self.adjust_storage()
        } else {
            Ok(())
        }
    }

    fn check_atomicity(&self, uri: &SinkUri) -> Result<()> {
        match self.transaction_atomicity.as_deref() {
            None | Some("" | "none") => Ok(()),
            Some("table") if !uri.kind().is_mq() => Ok(()),
            Some(level) => Err(CdcError::new(
                ErrorCode::SinkURIInvalid,
                format_args!(
                    "{level} level atomicity is not supported by {} scheme",
                    uri.scheme()
                ),
            )),
        }
    }

    fn check_protocol(&self, uri: &SinkUri) -> Result<()> {
        let protocol = self.protocol.as_deref();
        if uri.kind().is_database() {
            return protocol.map_or(Ok(()), |protocol| {
                Err(CdcError::new(
                    ErrorCode::SinkURIInvalid,
                    format_args!("protocol {protocol} is incompatible with {} scheme", uri.scheme()),
                ))
            });
        }
        if !uri.kind().is_mq() && !uri.kind().is_storage() {
            return Ok(());
        }
        let protocol = protocol.unwrap_or_default();
        let known = !protocol.is_empty() && PROTOCOLS.contains(&protocol.to_lowercase().as_str());
        if known {
            return Ok(());
        }
        Err(CdcError::new(
            ErrorCode::SinkUnknownProtocol,
            format_args!("unknown '{protocol}' message protocol for sink"),
        ))
    }

    fn adjust_storage(&mut self) -> Result<()> {
        let csv_protocol = self
            .protocol
            .as_deref()
            .is_some_and(|protocol| protocol.eq_ignore_ascii_case("csv"));
        if csv_protocol && self.delete_only_output_handle_key_columns == Some(true) {
            return Err(sink_invalid(
                "delete_only_output_handle_key_columns does not work with csv",
            ));
        }
        if let Some(separator) = &self.date_separator
            && !matches!(
                separator.to_lowercase().as_str(),
                "none" | "year" | "month" | "day"
            )
        {
            return Err(sink_invalid(format_args!(
                "date_separator {separator:?} is not none, year, month or day"
            )));
        }
        if !self
            .file_index_width
            .is_some_and(|width| FILE_INDEX_WIDTHS.contains(&width))
        {
            self.file_index_width = Some(*FILE_INDEX_WIDTHS.end());
        }
        self.csv.as_ref().map_or(Ok(()), CsvConfig::check)
    }
}

impl CsvConfig {
    fn check(&self) -> Result<()> {
        let breaks_lines = |text: &str| text.contains(['\r', '\n']);
        if self.quote.len() > 1 || breaks_lines(&self.quote) {
            return Err(sink_invalid(
                "csv.quote must be empty or one character, no line break",
            ));
        }
        if self.delimiter.is_empty() || self.delimiter.len() > 3 || breaks_lines(&self.delimiter) {
            return Err(sink_invalid(
                "csv.delimiter must be 1 to 3 characters, no line breaks",
            ));
        }
        if !self.quote.is_empty() && self.delimiter.contains(&self.quote) {
            return Err(sink_invalid(
                "csv.quote and csv.delimiter must not share a character",
            ));
        }
        if !matches!(self.binary_encoding_method.as_str(), "base64" | "hex") {
            return Err(sink_invalid(format_args!(
                "csv.binary_encoding_method {:?} is not base64 or hex",
                self.binary_encoding_method
            )));
        }
        Ok(())
    }
}

fn invalid(detail: impl std::fmt::Display) -> CdcError {
    CdcError::new(
        ErrorCode::InvalidReplicaConfig,
        format_args!("invalid replica config, {detail}"),
    )
}

fn sink_invalid(detail: impl std::fmt::Display) -> CdcError {
    CdcError::new(
        ErrorCode::SinkInvalidConfig,
        format_args!("sink config invalid: {detail}"),
    )
}
