//! What a server must have switched on before its binlog can be read.
//!
//! In: the server's variables. Out: every unmet requirement at once, each with the SQL that mends it.

use std::collections::HashMap;
use std::fmt;

use tidegate_model::{CdcError, ErrorCode, Result};

use crate::conn::Flavour;
use crate::name_case::NameCase;

/// Variables the checks look at; a server shows those it has.
const VARIABLES: &[&str] = &[
    "binlog_checksum",
    "binlog_expire_logs_seconds",
    "binlog_format",
    "binlog_row_image",
    "binlog_row_metadata",
    "binlog_row_value_options",
    "binlog_storage_engine",
    "binlog_transaction_compression",
    "enforce_gtid_consistency",
    "expire_logs_days",
    "gtid_mode",
    "gtid_strict_mode",
    "hostname",
    "log_bin",
    "log_replica_updates",
    "log_slave_updates",
    "lower_case_table_names",
    "mysql56_temporal_format",
    "port",
    "replica_preserve_commit_order",
    "server_id",
    "server_uid",
    "server_uuid",
    "slave_parallel_mode",
    "sync_binlog",
    "version",
];

/// Below this retention a stopped changefeed may outlive the log, in seconds (the default gc-ttl).
const RETENTION_SECONDS_MIN: u64 = 86_400;

/// What a server says about itself.
#[derive(Clone, Debug, Default)]
pub struct ServerFacts {
    /// `SELECT VERSION()`.
    pub version: String,
    /// Global variables by lower-case name.
    pub variables: HashMap<String, String>,
    /// Binlog filters: do-db and ignore-db lists of the status statement.
    pub binlog_filters: (String, String),
    /// Whether the server is itself a replica.
    pub is_replica: bool,
}

/// One requirement that is not met.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unmet {
    /// Variable or feature.
    pub what: String,
    /// Value found.
    pub found: String,
    /// Value needed.
    pub needed: String,
    /// How to mend it.
    pub remedy: String,
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} is {:?}, needed is {}. {}",
            self.what, self.found, self.needed, self.remedy
        )
    }
}

/// Outcome of the checks.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Findings {
    /// What must be mended before the binlog can be read.
    pub unmet: Vec<Unmet>,
    /// What works but should be looked at, one sentence each.
    pub warnings: Vec<String>,
}

impl Findings {
    /// Turns unmet requirements into one error that names them all.
    ///
    /// # Errors
    /// `UpstreamMisconfigured`.
    pub fn into_result(self) -> Result<Vec<String>> {
        if self.unmet.is_empty() {
            return Ok(self.warnings);
        }
        let list: Vec<String> = self.unmet.iter().map(Unmet::to_string).collect();
        Err(CdcError::new(
            ErrorCode::UpstreamMisconfigured,
            format!("the upstream is not ready for replication: {}", list.join(" ")),
        ))
    }
}

impl ServerFacts {
    /// The statement whose rows fill [`ServerFacts::variables`].
    pub fn variables_query() -> String {
        format!(
            "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('{}')",
            VARIABLES.join("','")
        )
    }

    /// Which family the server belongs to.
    pub fn flavour(&self) -> Flavour {
        if self.version.to_ascii_lowercase().contains("mariadb") {
            Flavour::MariaDb
        } else {
            Flavour::MySql
        }
    }

    /// Major and minor version.
    pub fn version_number(&self) -> (u32, u32) {
        // Old MariaDB versions hide behind this prefix so that old replicas accept them.
        let text = self.version.strip_prefix("5.5.5-").unwrap_or(&self.version);
        let mut parts = text
            .split(|c: char| !c.is_ascii_digit())
            .map(|part| part.parse().unwrap_or(0));
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
    }

    /// A variable's value; empty when the server does not have it.
    pub fn variable(&self, name: &str) -> &str {
        self.variables.get(name).map_or("", String::as_str)
    }

    /// Whether the server writes GTIDs.
    pub fn has_gtids(&self) -> bool {
        self.flavour() == Flavour::MariaDb || self.variable("gtid_mode").eq_ignore_ascii_case("ON")
    }

    /// Whether the server tells names apart by their case.
    pub fn name_case(&self) -> NameCase {
        match self.variable("lower_case_table_names") {
            "1" | "2" => NameCase::Lower,
            _ => NameCase::Exact,
        }
    }

    /// Whether commit times in the binlog are whole seconds.
    pub fn whole_second_commits(&self) -> bool {
        self.flavour() == Flavour::MariaDb
    }

    /// How long binlog files are kept before the server purges them, in seconds; `None`: until somebody does.
    pub fn retention_seconds(&self) -> Option<u64> {
        let number = |name: &str| self.variable(name).parse::<f64>().unwrap_or(0.0);
        let days = number("expire_logs_days") * 86_400.0;
        let seconds = number("binlog_expire_logs_seconds");
        let kept = if seconds > 0.0 { seconds } else { days };
        (kept > 0.0).then_some(kept as u64)
    }

    /// A text that stays the same over restarts and changes of address: what the upstream's id is made of.
    pub fn identity(&self) -> String {
        for name in ["server_uuid", "server_uid"] {
            if !self.variable(name).is_empty() {
                return self.variable(name).to_owned();
            }
        }
        format!(
            "{}:{}:{}",
            self.variable("hostname"),
            self.variable("port"),
            self.variable("server_id")
        )
    }

    /// A text that two servers do not share, and that does not depend on the address at which this one was reached;
    /// empty when the server shows too little of itself. Stricter than [`ServerFacts::identity`], which may be equal on
    /// machines copied from one image.
    pub fn server_name(&self) -> String {
        let parts =
            ["server_uuid", "server_uid", "hostname", "port", "server_id"].map(|name| self.variable(name));
        if parts[..3].iter().all(|part| part.is_empty()) {
            return String::new();
        }
        parts.join("/")
    }

    /// Compares everything with what reading the binlog needs. `our_server_id` is ours as a replica.
    pub fn check(&self, our_server_id: Option<u32>) -> Findings {
        let mut findings = Findings::default();
        if self.check_version(&mut findings) {
            self.check_binlog(&mut findings);
            self.check_identity(our_server_id, &mut findings);
            self.check_replica(&mut findings);
            self.check_cautions(&mut findings);
        }
        findings
    }

    /// Returns whether the other checks make sense.
    fn check_version(&self, findings: &mut Findings) -> bool {
        let (minimum, what) = match self.flavour() {
            Flavour::MariaDb => ((10, 5), "MariaDB 10.5 or later"),
            // Older ones do not log the names of columns.
            Flavour::MySql => ((8, 0), "MySQL 8.0.1 or later"),
        };
        let unmet = |remedy: &str| Unmet {
            what: "version".to_owned(),
            found: self.version.clone(),
            needed: what.to_owned(),
            remedy: remedy.to_owned(),
        };
        if self.version.to_ascii_lowercase().contains("tidb") {
            findings
                .unmet
                .push(unmet("A TiDB cluster is no binlog upstream."));
            return false;
        }
        if self.version_number() < minimum {
            findings.unmet.push(unmet("Upgrade the server."));
            return false;
        }
        true
    }

    fn check_binlog(&self, findings: &mut Findings) {
        let restart =
            |setting: &str| format!("Put {setting} into the server's configuration and restart it.");
        let mut need = |name: &str, needed: &str, remedy: String| {
            let found = self.variable(name);
            if !found.eq_ignore_ascii_case(needed) {
                findings.unmet.push(Unmet {
                    what: name.to_owned(),
                    found: found.to_owned(),
                    needed: needed.to_owned(),
                    remedy,
                });
            }
        };
        let set = |name: &str, value: &str| format!("Run: SET GLOBAL {name} = '{value}';");
        need("log_bin", "ON", restart("log_bin"));
        need("binlog_format", "ROW", set("binlog_format", "ROW"));
        need("binlog_row_image", "FULL", set("binlog_row_image", "FULL"));
        let metadata_remedy = if self.variables.contains_key("binlog_row_metadata") {
            set("binlog_row_metadata", "FULL")
        } else {
            "The server is too old to log column names: upgrade it to MySQL 8.0 or later.".to_owned()
        };
        need("binlog_row_metadata", "FULL", metadata_remedy);
        if self.flavour() == Flavour::MariaDb {
            need(
                "mysql56_temporal_format",
                "ON",
                set("mysql56_temporal_format", "ON"),
            );
            // Absent before 12.3: absent and empty are the same here.
            need("binlog_storage_engine", "", restart("binlog_storage_engine="));
        }
    }

    fn check_identity(&self, our_server_id: Option<u32>, findings: &mut Findings) {
        let found = self.variable("server_id");
        let clash = our_server_id.is_some_and(|ours| found == ours.to_string());
        if found == "0" || found.is_empty() || clash {
            findings.unmet.push(Unmet {
                what: "server_id".to_owned(),
                found: found.to_owned(),
                needed: "a number above 0 that differs from ours".to_owned(),
                remedy: "Run: SET GLOBAL server_id = 1; (or another free number)".to_owned(),
            });
        }
    }

    fn check_replica(&self, findings: &mut Findings) {
        let (do_db, ignore_db) = &self.binlog_filters;
        if !do_db.is_empty() || !ignore_db.is_empty() {
            findings.unmet.push(Unmet {
                what: "binlog filter".to_owned(),
                found: format!("binlog_do_db={do_db} binlog_ignore_db={ignore_db}"),
                needed: "no filter".to_owned(),
                remedy:
                    "Remove binlog-do-db and binlog-ignore-db from the server's configuration and restart it."
                        .to_owned(),
            });
        }
        let logs_updates = ["log_replica_updates", "log_slave_updates"]
            .iter()
            .any(|name| self.variable(name).eq_ignore_ascii_case("ON"));
        if self.is_replica && !logs_updates {
            findings.unmet.push(Unmet {
                what: "log_slave_updates".to_owned(),
                found: "OFF".to_owned(),
                needed: "ON, since the server is a replica".to_owned(),
                remedy: "Put log_slave_updates into the server's configuration and restart it.".to_owned(),
            });
        }
    }

    fn check_cautions(&self, findings: &mut Findings) {
        let mut warn = |text: &str| findings.warnings.push(text.to_owned());
        if !self.variable("binlog_row_value_options").is_empty() {
            warn("binlog_row_value_options writes partial JSON: set it to '' .");
        }
        if self
            .variable("binlog_transaction_compression")
            .eq_ignore_ascii_case("ON")
        {
            warn(
                "binlog_transaction_compression is ON: a compressed transaction is unpacked whole in memory, by each \
                 connection that reads it. Without free memory of its unpacked size this server ends: switch the setting \
                 off in sessions that write transactions of GiBs.",
            );
        }
        if !self.has_gtids() {
            warn(
                "gtid_mode is OFF: reading goes by file and offset, and a failover to another server is not possible.",
            );
        }
        if self.variable("sync_binlog") != "1" {
            warn(
                "sync_binlog is not 1: after a crash the upstream may lose transactions that were already replicated.",
            );
        }
        if self.is_replica
            && self
                .variable("slave_parallel_mode")
                .eq_ignore_ascii_case("aggressive")
        {
            warn("slave_parallel_mode is aggressive: the order of transactions may differ after a failover.");
        }
        if self.name_case() == NameCase::Lower {
            warn(
                "lower_case_table_names is not 0: tables are known by their lower-case names, and a MySQL downstream \
                 needs the same setting.",
            );
        }
        let days: u64 = self.variable("expire_logs_days").parse::<f64>().map_or(0, whole);
        let seconds: u64 = self
            .variable("binlog_expire_logs_seconds")
            .parse()
            .unwrap_or(days * RETENTION_SECONDS_MIN);
        if 0 < seconds && seconds < RETENTION_SECONDS_MIN {
            findings.warnings.push(format!(
                "the upstream keeps its binlog for {seconds} s only: a changefeed that is stopped for longer cannot resume."
            ));
        }
    }
}

/// Whole days of a value such as `10.000000`.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a saturating cast is right for a number of days"
)]
fn whole(days: f64) -> u64 {
    days as u64
}

#[cfg(test)]
#[path = "checks_tests.rs"]
mod tests;
