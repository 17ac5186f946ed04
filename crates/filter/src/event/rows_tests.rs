//! Which rows are dropped. Rows are written as `id:v`, updates as `id:v>id:v`.

use tidegate_model::{ColumnInfo, ColumnType, Datum, Generated, IndexInfo, TableId};

use super::*;
use crate::event::rules::EventRule;

fn table(name: &str, columns: &[&str], keyed: bool) -> Arc<TableInfo> {
    let column = |name: &&str| ColumnInfo {
        name: (*name).into(),
        ty: ColumnType::Int,
        nullable: true,
        unsigned: false,
        zerofill: false,
        charset: "binary".into(),
        collation: None,
        default: None,
        generated: Generated::No,
        display_width: None,
    };
    let key = IndexInfo {
        name: "PRIMARY".into(),
        primary: true,
        columns: vec![0],
    };
    Arc::new(TableInfo {
        name: TableName::new("shop", name),
        id: TableId(1),
        version: Ts::ZERO,
        columns: columns.iter().map(column).collect(),
        indexes: if keyed { vec![key] } else { Vec::new() },
    })
}

fn datum(text: &str) -> Datum<'static> {
    if text == "n" {
        Datum::Null
    } else {
        Datum::Int(text.parse().unwrap())
    }
}

fn block(table: &Arc<TableInfo>, op: RowOp, rows: &str) -> RowBlock {
    let mut builder = RowBlockBuilder::new(Arc::clone(table), op, Bytes::new());
    for value in rows.split([' ', '>', ':']).filter(|value| !value.is_empty()) {
        builder.push(datum(value));
    }
    builder.finish()
}

fn show(blocks: &[RowBlock]) -> String {
    let image = |image: Image<'_>| {
        let values = image.iter().map(|datum| match datum {
            Datum::Int(value) => value.to_string(),
            _ => "n".to_owned(),
        });
        values.collect::<Vec<_>>().join(":")
    };
    let block = |block: &RowBlock| {
        let rows = block.rows().map(|row| {
            let images: Vec<_> = row.before().into_iter().chain(row.after()).map(image).collect();
            images.join(">")
        });
        format!("{:?} {}", block.op(), rows.collect::<Vec<_>>().join(" "))
    };
    blocks.iter().map(block).collect::<Vec<_>>().join(" | ")
}

/// What is configured: the events to drop and the four conditions.
#[derive(Clone, Copy, Default)]
struct Config<'a> {
    events: &'a [&'a str],
    insert: &'a str,
    update_old: &'a str,
    update_new: &'a str,
    delete: &'a str,
}

fn filter(configs: &[Config<'_>]) -> RowFilter {
    let matcher = ["shop.t".to_owned()];
    let events: Vec<Vec<String>> = configs
        .iter()
        .map(|config| config.events.iter().map(|&event| event.to_owned()).collect())
        .collect();
    let rules: Vec<EventRule<'_>> = configs
        .iter()
        .zip(&events)
        .map(|(config, ignore_event)| EventRule {
            matcher: &matcher,
            ignore_event,
            insert: config.insert,
            update_old: config.update_old,
            update_new: config.update_new,
            delete: config.delete,
            ..EventRule::default()
        })
        .collect();
    RowFilter::new(Arc::new(EventFilter::new(&rules, TimeZone::UTC).unwrap()))
}

const INSERTS: &str = "1:10 2:20 3:n";
const UPDATES: &str = "1:10>1:11 2:20>5:20 3:n>3:30";
const DELETES: &str = "1:10 2:20 3:n";

/// What is left of one block of each operation, and how many rows were dropped.
fn left(configs: &[Config<'_>]) -> (String, u64) {
    let t = table("t", &["id", "v"], true);
    let mut blocks = vec![
        block(&t, RowOp::Insert, INSERTS),
        block(&t, RowOp::Update, UPDATES),
        block(&t, RowOp::Delete, DELETES),
    ];
    let dropped = filter(configs).apply(&mut blocks, Ts::from_u64(7)).unwrap();
    (show(&blocks), dropped)
}

#[track_caller]
fn check(config: Config<'_>, expect: &str, dropped: u64) {
    assert_eq!(left(&[config]), (expect.to_owned(), dropped));
}

/// An update that moves its row to another primary key is a delete and an insert, to every rule.
#[test]
fn events_are_dropped_by_their_kind() {
    let events = |events| Config {
        events,
        ..Config::default()
    };
    let all = "Insert 1:10 2:20 3:n | Update 1:10>1:11 2:20>5:20 3:n>3:30 | Delete 1:10 2:20 3:n";
    check(events(&[]), all, 0);
    check(events(&["all ddl", "drop table", "alter table"]), all, 0);
    check(
        events(&["insert"]),
        "Update 1:10>1:11 | Delete 2:20 | Update 3:n>3:30 | Delete 1:10 2:20 3:n",
        4,
    );
    check(
        events(&["update"]),
        "Insert 1:10 2:20 3:n | Update 2:20>5:20 | Delete 1:10 2:20 3:n",
        2,
    );
    check(
        events(&["delete"]),
        "Insert 1:10 2:20 3:n | Update 1:10>1:11 | Insert 5:20 | Update 3:n>3:30",
        4,
    );
    check(events(&["insert", "delete"]), "Update 1:10>1:11 3:n>3:30", 7);
    check(
        events(&["insert", "update"]),
        "Delete 2:20 | Delete 1:10 2:20 3:n",
        6,
    );
    check(events(&["all dml"]), "", 9);
}

/// A condition looks at the image that its name says; NULL drops nothing; either of both drops an update.
#[test]
fn rows_are_dropped_by_their_values() {
    let none = Config::default();
    check(
        Config {
            insert: "v >= 20",
            ..none
        },
        "Insert 1:10 3:n | Update 1:10>1:11 | Delete 2:20 | Update 3:n>3:30 | Delete 1:10 2:20 3:n",
        2,
    );
    check(
        Config {
            update_old: "v >= 10",
            ..none
        },
        "Insert 1:10 2:20 3:n | Update 2:20>5:20 3:n>3:30 | Delete 1:10 2:20 3:n",
        1,
    );
    check(
        Config {
            update_new: "v >= 20",
            ..none
        },
        "Insert 1:10 2:20 3:n | Update 1:10>1:11 2:20>5:20 | Delete 1:10 2:20 3:n",
        1,
    );
    check(
        Config {
            update_old: "v = 10",
            update_new: "v = 30",
            ..none
        },
        "Insert 1:10 2:20 3:n | Update 2:20>5:20 | Delete 1:10 2:20 3:n",
        2,
    );
    check(
        Config {
            delete: "v IS NULL OR id = 2",
            ..none
        },
        "Insert 1:10 2:20 3:n | Update 1:10>1:11 | Insert 5:20 | Update 3:n>3:30 | Delete 1:10",
        3,
    );
    // Both halves of the moved row.
    check(
        Config {
            insert: "id = 5",
            delete: "id = 2",
            ..none
        },
        "Insert 1:10 2:20 3:n | Update 1:10>1:11 3:n>3:30 | Delete 1:10 3:n",
        2,
    );
    check(
        Config { insert: "v", ..none },
        "Insert 1:10 2:20 3:n | Update 1:10>1:11 2:20>5:20 3:n>3:30 | Delete 1:10 2:20 3:n",
        0,
    );
}

#[test]
fn one_entry_is_enough() {
    let by_event = Config {
        events: &["delete"],
        ..Config::default()
    };
    let by_value = Config {
        insert: "id = 1",
        ..Config::default()
    };
    let expect = "Insert 2:20 3:n | Update 1:10>1:11 | Insert 5:20 | Update 3:n>3:30";
    assert_eq!(left(&[by_event, by_value]), (expect.to_owned(), 5));
    assert_eq!(left(&[by_value, by_event]), (expect.to_owned(), 5));
}

/// Without a primary key every update is one: there is no other key to move to.
#[test]
fn tables_without_a_primary_key_have_plain_updates() {
    let t = table("t", &["id", "v"], false);
    let mut blocks = vec![block(&t, RowOp::Update, UPDATES)];
    let config = Config {
        events: &["update"],
        ..Config::default()
    };
    assert_eq!(filter(&[config]).apply(&mut blocks, Ts::from_u64(7)).unwrap(), 3);
    assert!(blocks.is_empty());
}

#[test]
fn other_tables_are_left_alone() {
    let u = table("u", &["id", "v"], true);
    let mut blocks = vec![block(&u, RowOp::Insert, INSERTS)];
    let config = Config {
        events: &["all dml"],
        insert: "no_such_column = 1",
        ..Config::default()
    };
    assert_eq!(filter(&[config]).apply(&mut blocks, Ts::from_u64(7)).unwrap(), 0);
    assert_eq!(blocks.len(), 1);
}

/// Rules are bound anew when a table changes, and only then.
#[test]
fn a_new_version_of_a_table_is_compiled_again() {
    let config = Config {
        insert: "v = 20",
        ..Config::default()
    };
    let mut filter = filter(&[config]);
    let old = table("t", &["id", "v"], true);
    let mut blocks = vec![block(&old, RowOp::Insert, "1:10 2:20")];
    assert_eq!(filter.apply(&mut blocks, Ts::from_u64(7)).unwrap(), 1);
    let new = table("t", &["v", "id"], true);
    let mut blocks = vec![block(&new, RowOp::Insert, "10:1 20:2")];
    assert_eq!(filter.apply(&mut blocks, Ts::from_u64(7)).unwrap(), 1);
    assert_eq!(show(&blocks), "Insert 10:1");
    assert_eq!(filter.tables.len(), 1);

    let without = table("t", &["id", "w"], true);
    let mut blocks = vec![block(&without, RowOp::Insert, "1:10")];
    let error = filter.apply(&mut blocks, Ts::from_u64(7)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::ExpressionColumnNotFound);
    assert!(
        error.message().contains("column 'v' from table 'shop.t'"),
        "{error}"
    );
}

#[test]
fn a_row_without_a_result_names_table_and_expression() {
    let config = Config {
        insert: "v * 9223372036854775807 > 0",
        ..Config::default()
    };
    let t = table("t", &["id", "v"], true);
    let mut blocks = vec![block(&t, RowOp::Insert, INSERTS)];
    let error = filter(&[config]).apply(&mut blocks, Ts::from_u64(7)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::FailedToFilterDML);
    assert_eq!(
        error.message(),
        "failed to filter dml event of table shop.t in the transaction with start_ts 7: a BIGINT value is out of range \
         in: 'v * 9223372036854775807 > 0'"
    );
}
