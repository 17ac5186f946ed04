//! Rules for the members of a config, in the order in which the original checks them. Which values a member may have
//! stands in the table of settings; what depends on other members stands here.

mod destination;
mod queue;
mod rules;
mod sink;
mod support;

use tidegate_model::{CdcError, ErrorCode, Result};

use self::rules::{check_duration, check_number, check_text, fault};
use super::{Findings, MEMORY_QUOTA_DEFAULT, ReplicaConfig};
use crate::sink_uri::{Scheme, SinkUri};

/// Protocols the original knows. Which of them a sink can write is the sink's business.
pub(super) const PROTOCOLS: &[&str] = &[
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
];
/// Schemes of a redo log's storage, `blackhole...` beside them.
const REDO_SCHEMES: [&str; 10] = [
    "local",
    "nfs",
    "s3",
    "gcs",
    "gs",
    "azblob",
    "azure",
    "file",
    "noop",
    "blackhole",
];

impl ReplicaConfig {
    /// Checks every member that can be checked without asking anybody, and fills in what is adjusted silently.
    /// Parameters of the URI that are also members win and are copied into the config.
    ///
    /// Findings have the original's code, the member and the reason: `SinkURIInvalid`, `SinkUnknownProtocol`,
    /// `SinkInvalidConfig`, `InvalidReplicaConfig`, `ConsistentStorage`, `InvalidGlueSchemaRegistryConfig`,
    /// `PulsarInvalidConfig`. [`ReplicaConfig::check_scheme`], [`ReplicaConfig::check_support`] and
    /// [`ReplicaConfig::check_destination`] come later in the original's order: after the filter and the tables.
    ///
    /// # Errors
    /// The first finding, where `findings` ends at it. The config may be partly adjusted then.
    pub fn check(&mut self, uri: &SinkUri, findings: &mut Findings) -> Result<()> {
        if uri.has_mask() {
            let text = "sink uri invalid: the mask xxxxx stands in place of a secret; give the secret itself";
            findings.error("/sink_uri", CdcError::new(ErrorCode::SinkURIInvalid, text))?;
        }
        if uri.kind() == Scheme::Unknown {
            findings.error("/sink_uri", destination::unsupported(uri))?;
        }
        self.check_sink(uri, findings)?;
        self.adjust_redo(findings)?;
        self.check_sync_point(findings)?;
        if self.memory_quota == 0 {
            self.memory_quota = MEMORY_QUOTA_DEFAULT;
            let text = "memory_quota 0 means the default of 1 GiB";
            findings.warning(
                "/replica_config/memory_quota",
                ErrorCode::InvalidReplicaConfig,
                text,
            );
        }
        self.check_scheduler(findings)?;
        self.check_integrity(uri, findings)?;
        check_duration(
            "changefeed_error_stuck_duration",
            self.changefeed_error_stuck_duration,
            findings,
        )
    }

    fn adjust_redo(&mut self, findings: &mut Findings) -> Result<()> {
        let Some(redo) = &mut self.consistent else {
            return Ok(());
        };
        check_text("consistent.level", Some(&redo.level), findings)?;
        if redo.level != "eventual" {
            return Ok(());
        }
        for (value, default) in [
            (&mut redo.max_log_size, 64),
            (&mut redo.flush_interval, 2000),
            (&mut redo.meta_flush_interval, 200),
            (&mut redo.encoding_worker_num, 16),
            (&mut redo.flush_worker_num, 8),
        ] {
            if *value == 0 {
                *value = default;
            }
        }
        check_number("consistent.flush_interval", Some(redo.flush_interval), findings)?;
        check_number(
            "consistent.meta_flush_interval",
            Some(redo.meta_flush_interval),
            findings,
        )?;
        check_text("consistent.compression", Some(&redo.compression), findings)?;
        check_redo_storage(&redo.storage, findings)
    }

    fn check_sync_point(&self, findings: &mut Findings) -> Result<()> {
        if self.enable_sync_point != Some(true) {
            return Ok(());
        }
        check_duration("sync_point_interval", self.sync_point_interval, findings)?;
        check_duration("sync_point_retention", self.sync_point_retention, findings)
    }

    fn check_scheduler(&self, findings: &mut Findings) -> Result<()> {
        let scheduler = &self.scheduler;
        if !scheduler.enable_table_across_nodes {
            return Ok(());
        }
        check_number(
            "scheduler.region_threshold",
            Some(scheduler.region_threshold),
            findings,
        )?;
        check_number(
            "scheduler.write_key_threshold",
            Some(scheduler.write_key_threshold),
            findings,
        )
    }

    fn check_integrity(&self, uri: &SinkUri, findings: &mut Findings) -> Result<()> {
        let integrity = &self.integrity;
        check_text(
            "integrity.integrity_check_level",
            Some(&integrity.integrity_check_level),
            findings,
        )?;
        check_text(
            "integrity.corruption_handle_level",
            Some(&integrity.corruption_handle_level),
            findings,
        )?;
        let checks = integrity.integrity_check_level == "correctness";
        if checks && uri.kind() == Scheme::Kafka && !self.sink.column_selectors.is_empty() {
            let text = "it cannot check rows of which sink.column_selectors leave columns out";
            return fault("integrity.integrity_check_level", text, findings);
        }
        Ok(())
    }

    /// What only a database can do, in the order of the original: after the tables.
    ///
    /// # Errors
    /// `SinkURIInvalid`, where `findings` ends at the first.
    pub fn check_scheme(&self, uri: &SinkUri, findings: &mut Findings) -> Result<()> {
        if uri.kind().is_database() {
            return Ok(());
        }
        for (set, name) in [
            (self.enable_sync_point, "enable_sync_point"),
            (self.bdr_mode, "bdr_mode"),
        ] {
            if set == Some(true) {
                let text = format!(
                    "{name} works with a mysql or tidb sink only, not with {}",
                    uri.scheme()
                );
                fault(name, text, findings)?;
            }
        }
        Ok(())
    }
}

fn check_redo_storage(storage: &str, findings: &mut Findings) -> Result<()> {
    let pointer = "/replica_config/consistent/storage";
    let Ok(uri) = SinkUri::parse(storage) else {
        return fault(
            "consistent.storage",
            "it is no URI, scheme://place/path",
            findings,
        );
    };
    let scheme = uri.scheme();
    if REDO_SCHEMES.contains(&scheme) || scheme.starts_with("blackhole") {
        return Ok(());
    }
    let text = format!(
        "consistent.storage has the scheme {scheme}; it must be one of {}",
        REDO_SCHEMES.join(", ")
    );
    findings.error(pointer, CdcError::new(ErrorCode::ConsistentStorage, text))
}
