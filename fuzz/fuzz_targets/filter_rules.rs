//! Any lines as table rules; the first line is a table to ask about.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate_filter::TableFilter;

fuzz_target!(|text: &str| {
    let mut lines = text.lines();
    let (schema, table) = lines
        .next()
        .unwrap_or_default()
        .split_once('.')
        .unwrap_or(("s", "t"));
    let rules: Vec<String> = lines.map(str::to_owned).collect();
    for case_sensitive in [true, false] {
        let Ok(filter) = TableFilter::parse(&rules, case_sensitive) else {
            continue;
        };
        let matches = filter.matches_table(schema, table);
        assert!(
            !matches || filter.matches_schema(schema),
            "a table without its schema"
        );
        if !case_sensitive && schema.is_ascii() && table.is_ascii() {
            assert_eq!(
                matches,
                filter.matches_table(&schema.to_ascii_uppercase(), &table.to_ascii_uppercase())
            );
        }
        let _explained = filter.explain(schema, table);
    }
});
