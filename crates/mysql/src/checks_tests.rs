//! Servers that are fit and unfit.

use super::*;

fn facts(version: &str, changes: &[(&str, &str)]) -> ServerFacts {
    let good = [
        ("binlog_format", "ROW"),
        ("binlog_row_image", "FULL"),
        ("binlog_row_metadata", "FULL"),
        ("gtid_mode", "ON"),
        ("log_bin", "ON"),
        ("mysql56_temporal_format", "ON"),
        ("server_id", "1"),
        ("sync_binlog", "1"),
    ];
    ServerFacts {
        version: version.to_owned(),
        variables: good
            .iter()
            .chain(changes)
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        ..ServerFacts::default()
    }
}

#[test]
fn a_good_server_passes() {
    for version in ["10.11.6-MariaDB-log", "5.5.5-10.5.1-MariaDB", "8.0.36", "9.1.0"] {
        assert_eq!(
            facts(version, &[]).check(Some(2)),
            Findings::default(),
            "{version}"
        );
    }
}

#[test]
fn every_failure_is_in_one_message_with_its_remedy() {
    let error = facts(
        "10.11.6-MariaDB",
        &[
            ("binlog_format", "MIXED"),
            ("binlog_row_metadata", "NO_LOG"),
            ("log_bin", "OFF"),
        ],
    )
    .check(None)
    .into_result()
    .unwrap_err();
    assert_eq!(error.code(), ErrorCode::UpstreamMisconfigured);
    for part in [
        "binlog_format is \"MIXED\", needed is ROW. Run: SET GLOBAL binlog_format = 'ROW';",
        "SET GLOBAL binlog_row_metadata = 'FULL';",
        "log_bin is \"OFF\"",
    ] {
        assert!(error.message().contains(part), "{part}: {}", error.message());
    }
}

#[test]
fn unfit_servers_are_named() {
    let unmet = |facts: ServerFacts| -> Vec<String> {
        facts
            .check(Some(7))
            .unmet
            .into_iter()
            .map(|unmet| unmet.what)
            .collect()
    };
    assert_eq!(unmet(facts("10.4.1-MariaDB", &[])), ["version"]);
    assert_eq!(unmet(facts("5.7.44-log", &[])), ["version"]);
    assert_eq!(unmet(facts("5.7.25-TiDB-v8.5.0", &[])), ["version"]);
    assert_eq!(unmet(facts("8.0.1", &[("server_id", "7")])), ["server_id"]);
    let mut replica = facts("8.0.1", &[]);
    replica.is_replica = true;
    replica.binlog_filters.0 = "shop".to_owned();
    assert_eq!(unmet(replica), ["binlog filter", "log_slave_updates"]);
}

#[test]
fn servers_that_ignore_case_are_known() {
    for (value, expect) in [
        ("0", NameCase::Exact),
        ("1", NameCase::Lower),
        ("2", NameCase::Lower),
    ] {
        let facts = facts("8.0.36", &[("lower_case_table_names", value)]);
        assert_eq!(facts.name_case(), expect);
        let warned = facts
            .check(None)
            .warnings
            .iter()
            .any(|w| w.contains("lower_case"));
        assert_eq!(warned, expect == NameCase::Lower);
    }
}

#[test]
fn compressed_transactions_are_a_warning() {
    for (value, count) in [("ON", 1), ("OFF", 0)] {
        let facts = facts("8.0.36", &[("binlog_transaction_compression", value)]);
        let warnings = facts.check(None).warnings;
        assert_eq!(warnings.len(), count, "{warnings:?}");
    }
}

#[test]
fn short_retention_is_a_warning() {
    let check = |changes: &[(&str, &str)], expect: bool| {
        let warnings = facts("10.11.6-MariaDB", changes).check(None).warnings;
        assert_eq!(!warnings.is_empty(), expect, "{warnings:?}");
    };
    check(&[("binlog_expire_logs_seconds", "3600")], true);
    check(&[("binlog_expire_logs_seconds", "0")], false);
    check(&[("expire_logs_days", "10.000000")], false);
}
