//! What the tester says about rows and statements.

use std::sync::Arc;

use tidegate_model::{ColumnInfo, ColumnType, Generated, IndexInfo, TableId, TableName};

use super::*;
use crate::app::format::query_escape;

fn table() -> Arc<TableInfo> {
    let column = |name: &str, ty: ColumnType, nullable: bool| ColumnInfo {
        name: name.into(),
        ty,
        nullable,
        unsigned: false,
        zerofill: false,
        charset: "utf8mb4".into(),
        collation: Some("utf8mb4_general_ci".into()),
        default: None,
        generated: Generated::No,
        display_width: None,
    };
    Arc::new(TableInfo {
        name: TableName::new("shop", "orders"),
        id: TableId(1),
        version: Ts::ZERO,
        columns: vec![
            column("id", ColumnType::Int, false),
            column("price", ColumnType::Int, true),
            column("note", ColumnType::VarChar { chars: 20 }, true),
        ],
        indexes: vec![IndexInfo {
            name: "PRIMARY".into(),
            primary: true,
            columns: vec![0],
        }],
    })
}

/// Tries the parameters of an address on the table.
fn tried(parameters: &[(&str, &str)]) -> Trial {
    let pairs: Vec<String> = parameters
        .iter()
        .map(|(name, value)| format!("{name}={}", query_escape(value)))
        .collect();
    let mut asked = Asked::of(&Query::parse(&pairs.join("&")).unwrap());
    asked.read_cells(&table());
    try_events(&asked, &Picked::Table(table()), &TimeZone::UTC)
}

fn fates(trial: &Trial) -> Vec<Fate> {
    trial.rows.iter().map(|row| row.fate).collect()
}

/// Who said something, and whether it drops the event.
fn said(verdict: &Verdict) -> Vec<(String, bool)> {
    let said = verdict.said.iter();
    said.map(|said| (format!("{}:{}", said.entry, said.member), said.drops))
        .collect()
}

const SHOP: (&str, &str) = ("f0.matcher", "shop.*");

#[test]
fn the_expression_that_drops_a_row_is_named() {
    let trial = tried(&[
        ("filters", "2"),
        SHOP,
        ("f0.insert", "price > 100"),
        ("f1.matcher", "shop.orders"),
        ("f1.insert", "note = 'x'"),
        ("rows", "2"),
        ("r0.n.price", "101"),
        ("r1.n.price", "100"),
        ("r1.n.note", "X"),
    ]);
    assert_eq!(trial.faults, []);
    assert_eq!(trial.matching, [0, 1]);
    assert_eq!(fates(&trial), [Fate::Dropped, Fate::Dropped]);
    let (first, second) = (
        "0:ignore_insert_value_expr".to_owned(),
        "1:ignore_insert_value_expr".to_owned(),
    );
    assert_eq!(
        said(&trial.rows[0]),
        [(first.clone(), true), (second.clone(), false)]
    );
    assert_eq!(said(&trial.rows[1]), [(first, false), (second, true)]);
}

#[test]
fn updates_are_judged_by_old_and_new_row_and_moves_by_their_halves() {
    let filters = [
        SHOP,
        ("f0.old", "price = 1"),
        ("f0.new", "price = 2"),
        ("f0.delete", "price = 3"),
    ];
    let update = |id: &str, old: &str, new: &str| {
        let row = [
            ("r0.op", "update"),
            ("r0.n.id", id),
            ("r0.o.price", old),
            ("r0.n.price", new),
        ];
        fates(&tried(&[&filters[..], &row[..]].concat()))
    };
    assert_eq!(update("0", "1", "5"), [Fate::Dropped]);
    assert_eq!(update("0", "5", "2"), [Fate::Dropped]);
    assert_eq!(update("0", "2", "1"), [Fate::Kept]);
    assert_eq!(
        update("7", "1", "2"),
        [Fate::Kept],
        "it is a delete and an insert"
    );
    assert_eq!(update("7", "3", "2"), [Fate::OnlyInsert]);
}

#[test]
fn faults_name_expression_and_column() {
    let trial = tried(&[
        SHOP,
        ("f0.event", "insret"),
        ("f0.insert", "cost > 1"),
        ("f0.delete", "price >"),
        ("r0.n.id", "many"),
    ]);
    let told: Vec<_> = trial
        .faults
        .iter()
        .map(|fault| (fault.field.as_str(), fault.place.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("f0.event", "Filter 1, ignore_event"),
            ("f0.delete", "Filter 1, ignore_delete_value_expr"),
            ("f0.insert", "Filter 1, ignore_insert_value_expr"),
            ("r0.n-0", "Row 1, id"),
        ]
    );
    assert!(
        trial.faults[2].problem.contains("'cost'"),
        "{}",
        trial.faults[2].problem
    );
    assert_eq!(fates(&trial), [Fate::Unknown]);
}

#[test]
fn an_expression_without_a_result_fails_the_changefeed() {
    let trial = tried(&[
        SHOP,
        ("f0.insert", "id * 9223372036854775807 > 1"),
        ("r0.n.id", "9"),
    ]);
    assert_eq!(fates(&trial), [Fate::Failed]);
    assert!(!trial.rows[0].said[0].problem.is_empty());
}

#[test]
fn statements_have_their_event_and_their_verdict() {
    let statement = |sql: &str| {
        let filters = [
            SHOP,
            ("f0.event", "truncate table"),
            ("f0.sql", "^create\n^drop table"),
        ];
        tried(&[&filters[..], &[("ddl", sql)]].concat())
            .statement
            .unwrap()
    };
    let Statement::Ddl { event, verdicts } = statement("drop table orders, other.t") else {
        panic!("it is a schema change");
    };
    assert_eq!(event, "drop table");
    let told: Vec<_> = verdicts
        .iter()
        .map(|verdict| (verdict.title.as_str(), verdict.fate))
        .collect();
    assert_eq!(told, [("shop.orders", Fate::Dropped), ("other.t", Fate::Kept)]);
    let hits: Vec<_> = said(&verdicts[0])
        .into_iter()
        .filter(|(_, drops)| *drops)
        .collect();
    assert_eq!(hits, [("0:ignore_sql[1]".to_owned(), true)]);
    assert!(matches!(statement("update t set a = 1"), Statement::NoDdl(text) if text.contains("rows")));
}

#[test]
fn filters_and_rows_are_added_and_removed_by_address() {
    let asked = |query: &str| {
        let mut asked = Asked::of(&Query::parse(query).unwrap());
        asked.read_cells(&table());
        (asked.entries.len(), asked.samples.len())
    };
    assert_eq!(asked(""), (1, 1));
    assert_eq!(asked("filters=2&rows=3"), (2, 3));
    assert_eq!(asked("filters=2&rows=3&do=add+filter"), (3, 3));
    assert_eq!(asked("filters=2&rows=3&do=add+row"), (2, 4));
    assert_eq!(asked("filters=2&rows=3&do=drop+0"), (1, 3));
    assert_eq!(asked("filters=2&rows=3&do=cut+2"), (2, 2));
    assert_eq!(asked("filters=99&rows=99&do=add+row"), (20, 20));
}
