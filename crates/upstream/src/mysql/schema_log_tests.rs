//! Versions and incarnations of tables.

use tidegate_mysql::ddl::Target;

use super::*;

fn name(table: &str) -> TableName {
    TableName::new("s", table)
}

fn ddl(kind: DdlKind, tables: &[(&str, Option<&str>)]) -> Ddl {
    Ddl {
        kind,
        tables: tables
            .iter()
            .map(|(new, old)| Target {
                name: name(new),
                old_name: old.map(name),
            })
            .collect(),
        schema: None,
        like: None,
        has_select: false,
        start_transaction_at: None,
        or_replace: false,
        qualified: true,
    }
}

#[test]
fn incarnations_and_versions_follow_the_statements() {
    let log = SchemaLog::new(1, Ts::from_u64(5));
    let at = |table: &str, ts| log.version_at(&name(table), Ts::from_u64(ts));
    let mut stored = Vec::new();
    let mut apply = |kind, tables: &[(&str, Option<&str>)], ts| {
        if let Some(Write::Put(_, value)) = log.apply(&ddl(kind, tables), Ts::from_u64(ts)) {
            stored.push(value);
        }
    };
    apply(DdlKind::AddColumn, &[("t", None)], 10);
    apply(
        DdlKind::RenameTable,
        &[("tmp", Some("t")), ("t", Some("u")), ("u", Some("tmp"))],
        20,
    );
    apply(DdlKind::CreateTable, &[("t", None)], 25);
    apply(DdlKind::TruncateTable, &[("t", None)], 30);
    apply(DdlKind::DropTable, &[("t", None)], 40);
    apply(DdlKind::CreateTable, &[("t", None)], 50);

    assert_eq!(at("t", 9).since, Ts::from_u64(5));
    assert_eq!(at("t", 10).since, Ts::from_u64(10));
    assert_eq!(at("t", 10).id, at("t", 9).id, "an added column keeps the table");
    assert_eq!(at("u", 20).id, at("t", 19).id, "the swap took the number along");
    assert_eq!(at("t", 20).id, at("u", 19).id);
    assert_eq!(
        at("t", 29),
        at("t", 20),
        "IF NOT EXISTS on an existing table changes nothing"
    );
    assert_ne!(at("t", 30).id, at("t", 29).id);
    assert_ne!(at("t", 50).id, at("t", 39).id);

    let copy = SchemaLog::new(1, Ts::from_u64(5));
    for value in &stored {
        copy.restore(value).unwrap();
        assert!(
            (1..value.len()).all(|len| len == 9 || decode(&value[..len]).is_none_or(|(_, c)| c.len() < 3))
        );
    }
    for (table, ts) in [("t", 9), ("t", 25), ("u", 20), ("t", 60)] {
        assert_eq!(copy.version_at(&name(table), Ts::from_u64(ts)), at(table, ts));
    }
    assert_eq!(
        copy.apply(&ddl(DdlKind::DropTable, &[("u", None)]), Ts::from_u64(50)),
        None,
        "already known"
    );
}

#[test]
fn what_nobody_can_need_is_forgotten() {
    let log = SchemaLog::new(1, Ts::from_u64(5));
    let apply = |kind, table: &str, ts| log.apply(&ddl(kind, &[(table, None)]), Ts::from_u64(ts)).unwrap();
    for ts in [10, 12, 14] {
        apply(DdlKind::AddColumn, "t", ts);
    }
    apply(DdlKind::CreateTable, "temporary", 20);
    apply(DdlKind::DropTable, "temporary", 22);
    apply(DdlKind::AddColumn, "t", 30);
    let at = |ts| log.version_at(&name("t"), Ts::from_u64(ts));
    let (seen, newest) = (at(25), at(99));
    let keys = |before| -> Vec<u64> {
        let dropped = log.prune(Ts::from_u64(before));
        let key = |write: &Write| match write {
            Write::Delete(key) => key.rsplit_once('/').unwrap().1.parse().unwrap(),
            Write::Put(..) => panic!("pruning writes nothing"),
        };
        dropped.iter().map(key).collect()
    };
    assert_eq!(keys(25), [10, 12, 20, 22]);
    assert_eq!((at(25), at(99)), (seen, newest));
    assert_eq!(keys(25), [0; 0]);
    assert_eq!(keys(30), [14]);
    assert_eq!(at(99), newest);
}

#[test]
fn numbers_are_positive_and_exact_in_json() {
    for n in 0..1000u64 {
        let id = table_id(&name("t"), Ts::from_u64(n)).0;
        assert!(0 < id && id < 1 << ID_BITS);
    }
}

/// What was left out because it has no key is remembered, for as long as somebody may read of that table.
#[test]
fn tables_without_a_key_are_remembered() {
    let log = SchemaLog::new(1, Ts::from_u64(5));
    let at = |ts| log.version_at(&name("t"), Ts::from_u64(ts)).id;
    let before = at(9);
    let Some(Write::Put(key, value)) = log.set_keyless(&name("t"), before, Ts::from_u64(9), true) else {
        panic!("news");
    };
    assert_eq!(log.set_keyless(&name("t"), before, Ts::from_u64(10), true), None);
    let copy = SchemaLog::new(1, Ts::from_u64(5));
    copy.restore_keyless(&value).unwrap();
    assert!(copy.is_keyless(before) && log.is_keyless(before));
    assert_eq!(copy.restore_keyless(&value[..12]), None);

    log.apply(&ddl(DdlKind::DropTable, &[("t", None)]), Ts::from_u64(20));
    log.apply(&ddl(DdlKind::CreateTable, &[("t", None)]), Ts::from_u64(30));
    assert!(!log.is_keyless(at(30)), "another table");
    log.prune(Ts::from_u64(15));
    assert!(log.is_keyless(before));
    assert!(log.prune(Ts::from_u64(30)).contains(&Write::Delete(key.clone())));
    assert!(!log.is_keyless(before));
    assert_eq!(
        copy.set_keyless(&name("t"), before, Ts::from_u64(40), false),
        Some(Write::Delete(key))
    );
}
