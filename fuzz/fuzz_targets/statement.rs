//! Any text as a logged statement: classified without a panic, and alike each time. GTID sets read back as written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate_mysql::{GtidSet, ddl};

fuzz_target!(|text: &str| {
    for ansi_quotes in [false, true] {
        let first = ddl::classify(text, "s", ansi_quotes);
        assert_eq!(
            format!("{first:?}"),
            format!("{:?}", ddl::classify(text, "s", ansi_quotes))
        );
    }
    if let Ok(set) = GtidSet::parse_mysql(text) {
        let again = GtidSet::parse_mysql(&set.to_string()).expect("what it writes, it reads");
        assert_eq!(set, again);
    }
    if let Ok(set) = GtidSet::parse_mariadb(text) {
        let again = GtidSet::parse_mariadb(&set.to_string()).expect("what it writes, it reads");
        assert_eq!(set, again);
    }
});
