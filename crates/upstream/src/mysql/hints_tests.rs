//! Hints for tables of the past.

use tidegate_model::{DdlKind, TableId};
use tidegate_mysql::ddl::Target;

use super::*;

fn name(table: &str) -> TableName {
    TableName::new("s", table)
}

fn column(name: &str, ty: ColumnType) -> ColumnInfo {
    ColumnInfo {
        name: name.into(),
        ty,
        nullable: false,
        unsigned: false,
        zerofill: false,
        charset: "binary".into(),
        collation: None,
        default: None,
        generated: Generated::No,
        display_width: None,
    }
}

fn index(name: &str, columns: &[usize]) -> IndexInfo {
    IndexInfo {
        name: name.into(),
        primary: name == "PRIMARY",
        columns: columns.to_vec(),
    }
}

fn table(kind: TableKind, columns: &[ColumnInfo], indexes: &[IndexInfo]) -> CatalogueTable {
    CatalogueTable {
        columns: columns.to_vec(),
        indexes: indexes.to_vec(),
        kind,
    }
}

fn logged(columns: &[ColumnInfo], indexes: &[IndexInfo]) -> TableInfo {
    TableInfo {
        name: name("t"),
        id: TableId(1),
        version: Ts::ZERO,
        columns: columns.to_vec(),
        indexes: indexes.to_vec(),
    }
}

fn ddl(kind: DdlKind, new: &str, old: Option<&str>) -> Ddl {
    Ddl {
        kind,
        tables: vec![Target {
            name: name(new),
            old_name: old.map(name),
        }],
        schema: None,
        like: None,
        has_select: false,
        start_transaction_at: None,
        or_replace: false,
        qualified: true,
    }
}

/// A table was renamed between two questions to the catalogue, which then showed its columns and no index: the rows
/// counted as those of a table without a key and were left out.
#[test]
fn the_primary_key_is_that_of_the_log() {
    let columns = [column("id", ColumnType::Int), column("code", ColumnType::Int)];
    let (by_id, by_code) = (index("PRIMARY", &[0]), index("by_code", &[1]));
    let hint = |indexes: &[IndexInfo]| table(TableKind::Table, &columns, indexes);
    let enriched =
        |logged_key: &[IndexInfo], hint: &CatalogueTable| enrich(logged(&columns, logged_key), hint).indexes;
    let keyed = [by_id.clone()];
    assert_eq!(
        enriched(&keyed, &hint(&[])),
        keyed,
        "dropped, or missed by the question"
    );
    let by_both = index("by_both", &[1, 0]);
    let moved = hint(&[index("PRIMARY", &[1]), by_both.clone()]);
    assert_eq!(enriched(&keyed, &moved), [by_id.clone(), by_both]);
    let standing_in = [index("PRIMARY", &[1])];
    assert_eq!(
        enriched(&standing_in, &hint(std::slice::from_ref(&by_code))),
        [by_code],
        "the log shows the key that stands in for a primary one under that name"
    );
    assert_eq!(enriched(&[], &hint(&keyed)), [], "added later");
}

#[test]
fn types_the_log_cannot_tell_apart_are_the_same() {
    assert!(same_type(&ColumnType::LongText, &ColumnType::Json));
    assert!(same_type(&ColumnType::Binary { bytes: 16 }, &ColumnType::Uuid));
    assert!(!same_type(&ColumnType::Binary { bytes: 16 }, &ColumnType::Inet4));
    assert!(!same_type(
        &ColumnType::VarChar { chars: 10 },
        &ColumnType::VarChar { chars: 11 }
    ));
    assert!(!same_type(&ColumnType::Int, &ColumnType::BigInt));
}

/// A table was renamed away and a view took its name: the rows of the table were dropped, because the catalogue says
/// that views have none.
#[test]
fn what_has_a_name_now_does_not_condemn_the_rows_of_then() {
    let columns = [column("a", ColumnType::Int)];
    let rows = logged(&columns, &[index("PRIMARY", &[0])]);
    let view = table(TableKind::View, &columns, &[]);
    assert_eq!(unsupported(&rows, &view), None);
    assert_eq!(enrich(rows.clone(), &view), rows);

    let sequence = [
        column("next_not_cached_value", ColumnType::BigInt),
        column("cycle_option", ColumnType::TinyInt),
    ];
    let now = table(TableKind::Sequence, &sequence, &[]);
    assert_eq!(unsupported(&rows, &now), None);
    assert!(unsupported(&logged(&sequence, &[]), &now).is_some());

    // Versioned since: the rows of before lack the two columns that the catalogue hides.
    let now = table(TableKind::Versioned, &columns, &[]);
    let period = |name| column(name, ColumnType::Timestamp { fsp: 6 });
    let versioned = [columns[0].clone(), period("row_start"), period("row_end")];
    assert!(unsupported(&logged(&versioned, &[]), &now).is_some());
    assert_eq!(unsupported(&rows, &now), None);
}

/// One later ADD COLUMN made everything unknown that only the catalogue tells: which columns are generated, and that
/// a unique key identifies the rows.
#[test]
fn columns_that_are_still_the_same_keep_their_hints() {
    let mut generated = column("g", ColumnType::Int);
    generated.generated = Generated::Stored;
    let json = column("j", ColumnType::Json);
    let then = [
        column("gone", ColumnType::Int),
        column("k", ColumnType::BigInt),
        column("g", ColumnType::Int),
        column("j", ColumnType::LongText),
        column("wider", ColumnType::Int),
    ];
    let now = [
        column("new", ColumnType::Int),
        json.clone(),
        generated.clone(),
        column("k", ColumnType::BigInt),
        column("wider", ColumnType::BigInt),
    ];
    let keys = [
        index("PRIMARY", &[0]),
        index("by_k", &[3]),
        index("by_k_and_j", &[3, 1]),
        index("by_wider", &[4]),
    ];
    let info = enrich(logged(&then, &[]), &table(TableKind::Table, &now, &keys));
    let expect = [&then[0], &then[1], &generated, &json, &then[4]];
    assert!(info.columns.iter().eq(expect), "{:?}", info.columns);
    assert_eq!(info.indexes, [index("by_k", &[1]), index("by_k_and_j", &[1, 3])]);
}

/// The answer to a question of before a schema change arrived after it, and stayed.
#[test]
fn an_answer_from_before_a_schema_change_is_not_remembered() {
    let hints = Hints::new(1);
    let known = |table: &str| hints.lock().tables.contains_key(&name(table));
    let asked_at = hints.generation();
    hints.forget(&ddl(DdlKind::AddColumn, "t", None), Ts::from_u64(9));
    hints.remember(asked_at, &name("t"), None);
    assert!(!known("t"));
    hints.remember(hints.generation(), &name("t"), None);
    assert!(known("t"));
}

#[test]
fn both_names_of_a_rename_and_all_tables_of_a_schema_are_forgotten() {
    let hints = Hints::new(1);
    let known = |table: &str| hints.lock().tables.contains_key(&name(table));
    for table in ["a", "b", "c"] {
        hints.remember(hints.generation(), &name(table), None);
    }
    hints.forget(&ddl(DdlKind::RenameTable, "a", Some("b")), Ts::from_u64(9));
    assert!(!known("a") && !known("b") && known("c"));
    let drop = Ddl {
        tables: Vec::new(),
        schema: Some("s".to_owned()),
        ..ddl(DdlKind::DropSchema, "", None)
    };
    hints.forget(&drop, Ts::from_u64(10));
    assert!(!known("c"));
}

/// A generated column was dropped while a changefeed was behind: its rows of before still have the column.
#[test]
fn who_is_behind_gets_what_was_known_before_a_change() {
    let hints = Hints::new(1);
    let version = |column_name: &str| {
        let columns = [column(column_name, ColumnType::Int)];
        Some(Arc::new(table(TableKind::Table, &columns, &[])))
    };
    let known = |ts| hints.known(&name("t"), Ts::from_u64(ts));
    for (n, ts) in (0u64..).zip([10, 20, 30]) {
        hints.remember(hints.generation(), &name("t"), version(&n.to_string()));
        hints.forget(&ddl(DdlKind::DropColumn, "t", None), Ts::from_u64(ts));
    }
    assert_eq!(known(9), Some(version("0")));
    assert_eq!(known(10), Some(version("1")));
    assert_eq!(known(29), Some(version("2")));
    assert_eq!(known(30), None, "to be asked");
}

/// Makes writes durable in a map, and reads it back as a new process does.
fn restarted(hints: &Hints, disk: &mut HashMap<String, Vec<u8>>, started: u64) -> Hints {
    for write in hints.take_writes() {
        match write {
            Write::Put(key, value) => drop(disk.insert(key, value)),
            Write::Delete(key) => drop(disk.remove(&key)),
        }
    }
    let fresh = Hints::new(1);
    let mut keys: Vec<&String> = disk.keys().collect();
    keys.sort();
    for key in keys {
        fresh.restore(
            hint_store::decode(&disk[key]).expect("it reads back"),
            Ts::from_u64(started),
        );
    }
    fresh
}

/// After a restart, a changefeed that was behind a schema change had only the catalogue of today to go by.
#[test]
fn what_was_known_survives_a_restart() {
    let version = |column_name: &str| {
        let columns = [column(column_name, ColumnType::Json)];
        Some(Arc::new(table(
            TableKind::Table,
            &columns,
            &[index("by_c", &[0])],
        )))
    };
    let known = |hints: &Hints, ts| hints.known(&name("t"), Ts::from_u64(ts));
    let change = ddl(DdlKind::DropColumn, "t", None);
    let mut disk = HashMap::new();

    let hints = Hints::new(1);
    hints.remember(0, &name("t"), version("old"));
    hints.forget(&change, Ts::from_u64(10));
    hints.remember(hints.generation(), &name("t"), version("new"));
    let hints = restarted(&hints, &mut disk, 50);
    assert_eq!(known(&hints, 9), Some(version("old")));
    assert_eq!(known(&hints, 49), Some(version("new")));
    assert_eq!(
        known(&hints, 50),
        None,
        "to be asked: a catalogue changes without a trace, too"
    );

    // It was changed while nobody looked, and that is read now.
    hints.forget(&change, Ts::from_u64(40));
    assert_eq!(known(&hints, 39), Some(version("new")));
    assert_eq!(known(&hints, 40), None);
    let hints = restarted(&hints, &mut disk, 90);
    assert_eq!(known(&hints, 39), Some(version("new")));
    assert_eq!(known(&hints, 89), None, "it ended at 40");
    hints.prune(Ts::from_u64(40));
    restarted(&hints, &mut disk, 100);
    assert!(disk.is_empty(), "nothing is kept for ever: {:?}", disk.keys());
}
