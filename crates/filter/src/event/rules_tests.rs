//! Which schema changes event filters keep back, and which entries are refused.

use super::*;

/// What one entry says, in words: `matcher / ignore_event / ignore_sql`, each a list with commas.
fn filter(entries: &[&str]) -> Result<EventFilter> {
    let list = |text: &str| -> Vec<String> {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        items.map(str::to_owned).collect()
    };
    let parts: Vec<[Vec<String>; 3]> = entries
        .iter()
        .map(|entry| {
            let mut parts = entry.split('/').map(list);
            std::array::from_fn(|_| parts.next().unwrap_or_default())
        })
        .collect();
    let rules: Vec<EventRule<'_>> = parts
        .iter()
        .map(|[matcher, ignore_event, ignore_sql]| EventRule {
            matcher,
            ignore_event,
            ignore_sql,
            ..EventRule::default()
        })
        .collect();
    EventFilter::new(&rules, TimeZone::UTC)
}

fn facts<'a>(kind: DdlKind, query: &'a str, schema: &'a str, table: &'a str) -> DdlFacts<'a> {
    DdlFacts {
        kind,
        query,
        schema,
        table: (!table.is_empty()).then_some(table),
    }
}

/// Kinds of statements on a schema instead of a table.
const OF_SCHEMAS: [DdlKind; 3] = [DdlKind::CreateSchema, DdlKind::DropSchema, DdlKind::AlterSchema];

/// Every name on every kind of statement.
#[test]
fn each_name_keeps_back_its_own_statements() {
    for name in crate::event_names() {
        let filter = filter(&[&format!("shop.* / {name}")]).unwrap();
        for &kind in DdlKind::ALL {
            let table = if OF_SCHEMAS.contains(&kind) { "" } else { "orders" };
            let own = name == kind.event_name()
                || name == "all ddl"
                || name == "alter table" && kind.is_alter_table()
                || name == "create database" && kind == DdlKind::CreateSchema
                || name == "drop database" && kind == DdlKind::DropSchema;
            let ignored = |schema: &str| filter.ignores_ddl(&facts(kind, "", schema, table));
            assert_eq!(ignored("shop"), own, "{name} on {kind:?}");
            assert!(!ignored("crm"), "{name} on {kind:?} of another schema");
        }
    }
}

#[test]
fn entries_apply_to_the_tables_they_match() {
    let check = |entries: &[&str], kind: DdlKind, schema: &str, table: &str, expect: bool| {
        let ignored = filter(entries)
            .unwrap()
            .ignores_ddl(&facts(kind, "DROP TABLE t", schema, table));
        assert_eq!(ignored, expect, "{entries:?} on {kind:?} of {schema}.{table}");
    };
    use DdlKind::{CreateSchema, DropTable};
    check(&["shop.t / drop table"], DropTable, "shop", "t", true);
    check(&["shop.t / drop table"], DropTable, "shop", "u", false);
    // Matchers know upper from lower case whatever the changefeed says.
    check(&["shop.t / drop table"], DropTable, "SHOP", "t", false);
    check(&["shop.T / drop table"], DropTable, "shop", "t", false);
    // An entry without a matcher matches nothing, and so does one with comments only.
    check(&[" / drop table"], DropTable, "shop", "t", false);
    check(&["# all / drop table"], DropTable, "shop", "t", false);
    // One hit of any entry is enough.
    check(
        &["crm.* / drop table", "shop.* / drop table"],
        DropTable,
        "shop",
        "t",
        true,
    );
    check(&["shop.*, !shop.t / drop table"], DropTable, "shop", "t", false);
    // Schema-level statements ask whether the schema as a whole is matched.
    check(&["shop.t / create schema"], CreateSchema, "shop", "", true);
    check(&["*.*, !shop.* / create schema"], CreateSchema, "shop", "", false);
    check(&["crm.* / create schema"], CreateSchema, "shop", "", false);
    check(&["shop.* / insert, all dml"], DropTable, "shop", "t", false);
    check(&[], DropTable, "shop", "t", false);
}

#[test]
fn regular_expressions_search_the_statement() {
    let check = |patterns: &str, query: &str, expect: bool| {
        let filter = filter(&[&format!("*.* // {patterns}")]).unwrap();
        assert_eq!(
            filter.ignores_ddl(&facts(DdlKind::AddColumn, query, "shop", "t")),
            expect,
            "{patterns:?} in {query:?}"
        );
    };
    // The list separates at commas, the entry at slashes.
    check("^alter table", "ALTER TABLE t ADD COLUMN c INT", true);
    check("add column", "ALTER TABLE t ADD COLUMN c INT", true);
    check("^add column", "ALTER TABLE t ADD COLUMN c INT", false);
    check("^drop, c int$", "ALTER TABLE t ADD COLUMN c INT", true);
    check("t.add", "ALTER TABLE t\nADD COLUMN c INT", false);
    check("(?s)t.add", "ALTER TABLE t\nADD COLUMN c INT", true);
    check(r"column \S+ int", "ALTER TABLE t ADD COLUMN c INT", true);
    check("(?-i)add", "ALTER TABLE t ADD COLUMN c INT", false);
}

/// The second of two entries is refused with a code and a message that begins like this.
#[track_caller]
fn refused(rule: EventRule<'_>, code: ErrorCode, message: &str) {
    let error = EventFilter::new(&[EventRule::default(), rule], TimeZone::UTC).unwrap_err();
    assert_eq!(error.code(), code);
    assert!(error.message().starts_with(message), "{error}");
}

#[test]
fn bad_entries_are_refused_by_their_place() {
    let texts = |text: &str| vec![text.to_owned()];
    refused(
        EventRule {
            matcher: &texts("a-b.c"),
            ..EventRule::default()
        },
        ErrorCode::FilterRuleInvalid,
        "filter.event_filters[1].matcher: filter rule 1, column 2",
    );
    refused(
        EventRule {
            matcher: &texts("@file"),
            ..EventRule::default()
        },
        ErrorCode::FilterRuleInvalid,
        "filter.event_filters[1].matcher: filter rule 1, column 1: expected a rule: files cannot be imported here",
    );
    refused(
        EventRule {
            ignore_event: &texts("INSERT"),
            ..EventRule::default()
        },
        ErrorCode::InvalidIgnoreEventType,
        "invalid ignore event type: 'INSERT'",
    );
    for (pattern, problem) in [
        ("(", "error: unclosed group"),
        (r"\C", r"\C is not supported"),
        ("(?=a)", "(?= is not"),
    ] {
        refused(
            EventRule {
                ignore_sql: &texts(pattern),
                ..EventRule::default()
            },
            ErrorCode::FilterRuleInvalid,
            &format!("filter.event_filters[1].ignore_sql[0]: {problem}"),
        );
    }
}

#[test]
fn bad_expressions_are_refused_by_their_name() {
    let expressions: [fn(&str) -> EventRule<'_>; 4] = [
        |text| EventRule {
            insert: text,
            ..EventRule::default()
        },
        |text| EventRule {
            update_old: text,
            ..EventRule::default()
        },
        |text| EventRule {
            update_new: text,
            ..EventRule::default()
        },
        |text| EventRule {
            delete: text,
            ..EventRule::default()
        },
    ];
    let names = [
        "insert_value",
        "update_old_value",
        "update_new_value",
        "delete_value",
    ];
    for (rule, name) in expressions.iter().zip(names) {
        refused(
            rule("a ="),
            ErrorCode::InvalidFilterExpression,
            &format!("invalid filter expression filter.event_filters[1].ignore_{name}_expr: syntax error"),
        );
    }
}

/// The first error in the order of the original is the one that is reported.
#[test]
fn errors_come_in_a_fixed_order() {
    let (bad_rule, bad_event, bad_sql) = (["x".to_owned()], ["x".to_owned()], ["(".to_owned()]);
    let mut rule = EventRule {
        matcher: &bad_rule,
        ignore_event: &bad_event,
        ignore_sql: &bad_sql,
        insert: "a =",
        ..EventRule::default()
    };
    let code = |rule: EventRule<'_>| EventFilter::new(&[rule], TimeZone::UTC).unwrap_err().code();
    assert_eq!(code(rule), ErrorCode::FilterRuleInvalid);
    rule.matcher = &[];
    assert_eq!(code(rule), ErrorCode::InvalidFilterExpression);
    rule.insert = "";
    assert_eq!(code(rule), ErrorCode::InvalidIgnoreEventType);
    rule.ignore_event = &[];
    assert_eq!(code(rule), ErrorCode::FilterRuleInvalid);
}
