//! The text of the statements.

use std::sync::Arc;

use tidegate_model::{
    ColumnType, Datum, ErrorCode, Generated, IndexInfo, RowBlock, RowOp, TableInfo, Timestamp,
};

use super::bulk::BulkSwitch;
use super::script::{Form, Script, ScriptOptions, Step};
use super::testing::{SCRIPT, block, column, deleted, inserted, pairs, table, text, updated};

fn texts(options: ScriptOptions, form: Form, blocks: &[RowBlock]) -> Vec<String> {
    let mut script = Script::new(options, BulkSwitch::new(false));
    for block in blocks {
        script.push(block, 0..block.len(), form).unwrap();
    }
    script
        .take("BEGIN", "COMMIT")
        .into_iter()
        .map(|step| match step {
            Step::Text(text) => String::from_utf8(text).unwrap(),
            Step::Bulk(bulk) => panic!("a bulk: {}", bulk.statement),
        })
        .collect()
}

fn check(form: Form, blocks: &[RowBlock], expect: &[&str]) {
    assert_eq!(texts(SCRIPT, form, blocks), [expect.join(";")]);
}

#[test]
fn neighbours_of_one_kind_share_a_statement() {
    let t = pairs("s", "t");
    check(
        Form::Plain,
        &[
            inserted(&t, 1, "a"),
            inserted(&t, 2, "b"),
            updated(&t, (1, "a"), (1, "A")),
            updated(&t, (2, "b"), (2, "B")),
            updated(&t, (2, "B"), (3, "b")),
            deleted(&t, 1, "A"),
            deleted(&t, 2, "b"),
            inserted(&t, 1, "c"),
        ],
        &[
            "BEGIN",
            "INSERT INTO `s`.`t` (`id`,`v`) VALUES (1,'a'),(2,'b')",
            "UPDATE `s`.`t` SET `v`=CASE `id` WHEN 1 THEN 'A' WHEN 2 THEN 'B' END WHERE `id` IN (1,2)",
            "UPDATE `s`.`t` SET `id`=3,`v`='b' WHERE `id`=2 LIMIT 1",
            "DELETE FROM `s`.`t` WHERE `id` IN (1,2)",
            "INSERT INTO `s`.`t` (`id`,`v`) VALUES (1,'c')",
            "COMMIT",
        ],
    );
}

#[test]
fn updates_share_a_statement_as_far_as_they_may() {
    let mut columns = vec![
        column("id", ColumnType::Int),
        column("v", ColumnType::VarChar { chars: 50 }),
        column("u", ColumnType::Int),
        column(
            "s",
            ColumnType::Set {
                members: Arc::from([]),
            },
        ),
        column("at", ColumnType::Timestamp { fsp: 0 }),
    ];
    columns[2].nullable = true;
    let mut t = (*table("s", "t", columns, &[0])).clone();
    t.indexes.push(IndexInfo {
        name: "u".into(),
        primary: false,
        columns: vec![2],
    });
    let t = Arc::new(t);
    let at = Datum::Timestamp(Timestamp {
        seconds: 1,
        micros: 0,
    });
    let row = |id, v, u, s| [Datum::Int(id), text(v), Datum::Int(u), Datum::Set(s), at];
    let update = |old: [Datum<'static>; 5], new: [Datum<'static>; 5]| {
        block(&t, RowOp::Update, &[&[old, new].concat()])
    };
    check(
        Form::Plain,
        &[
            update(row(1, "a", 1, 0), row(1, "b", 1, 0)),
            // Nothing changes.
            update(row(9, "a", 1, 0), row(9, "a", 1, 0)),
            update(row(2, "a", 2, 0), row(2, "b", 2, 0)),
            // The row is in the statement already.
            update(row(1, "b", 1, 0), row(1, "c", 1, 0)),
            // A unique value, and a type that goes alone.
            update(row(2, "b", 2, 0), row(2, "b", 3, 0)),
            update(row(2, "b", 3, 0), row(2, "b", 3, 1)),
            update(row(3, "a", 4, 0), row(3, "b", 4, 0)),
        ],
        &[
            "BEGIN",
            "UPDATE `s`.`t` SET `v`=CASE `id` WHEN 1 THEN 'b' WHEN 2 THEN 'b' END,`at`=CASE `id` WHEN 1 THEN \
             '1970-01-01 00:00:01' WHEN 2 THEN '1970-01-01 00:00:01' END WHERE `id` IN (1,2)",
            "UPDATE `s`.`t` SET `v`='c',`at`='1970-01-01 00:00:01' WHERE `id`=1 LIMIT 1",
            "UPDATE `s`.`t` SET `id`=2,`v`='b',`u`=3,`s`=0,`at`='1970-01-01 00:00:01' WHERE `id`=2 LIMIT 1",
            "UPDATE `s`.`t` SET `id`=2,`v`='b',`u`=3,`s`=1,`at`='1970-01-01 00:00:01' WHERE `id`=2 LIMIT 1",
            "UPDATE `s`.`t` SET `v`='b',`at`='1970-01-01 00:00:01' WHERE `id`=3 LIMIT 1",
            "COMMIT",
        ],
    );
}

#[test]
fn an_update_of_many_rows_has_limits() {
    let t = pairs("s", "t");
    let rows: Vec<_> = (0..10)
        .map(|id| updated(&t, (id, "a"), (id, "0123456789")))
        .collect();
    let statements = |update_rows_max, update_row_bytes_max| {
        let options = ScriptOptions {
            update_rows_max,
            update_row_bytes_max,
            ..SCRIPT
        };
        texts(options, Form::Plain, &rows)
            .join(";")
            .matches("UPDATE")
            .count()
    };
    assert_eq!(statements(40, 1024), 1);
    assert_eq!(statements(4, 1024), 3);
    assert_eq!(statements(1, 1024), 10);
    assert_eq!(statements(40, 5), 10);
    assert_eq!(statements(40, 0), 10);
}

#[test]
fn a_key_of_several_columns_chooses_by_conditions() {
    let columns = vec![
        column("a", ColumnType::Int),
        column("b", ColumnType::Int),
        column("c", ColumnType::Int),
    ];
    let t = table("s", "t", columns, &[0, 1]);
    let update = |a, b, c| {
        let row = [
            Datum::Int(a),
            Datum::Int(b),
            Datum::Int(0),
            Datum::Int(a),
            Datum::Int(b),
            Datum::Int(c),
        ];
        block(&t, RowOp::Update, &[&row])
    };
    check(
        Form::Plain,
        &[update(1, 2, 3), update(4, 5, 6)],
        &[
            "BEGIN",
            "UPDATE `s`.`t` SET `c`=CASE WHEN `a`=1 AND `b`=2 THEN 3 WHEN `a`=4 AND `b`=5 THEN 6 END WHERE \
             (`a`=1 AND `b`=2) OR (`a`=4 AND `b`=5)",
            "COMMIT",
        ],
    );
}

#[test]
fn tables_are_collected_apart_and_keep_their_own_order() {
    let (a, b) = (pairs("s", "a"), pairs("s", "b"));
    check(
        Form::Plain,
        &[
            inserted(&a, 1, "x"),
            inserted(&b, 1, "x"),
            inserted(&a, 2, "y"),
            deleted(&b, 1, "x"),
        ],
        &[
            "BEGIN",
            "INSERT INTO `s`.`a` (`id`,`v`) VALUES (1,'x'),(2,'y')",
            "INSERT INTO `s`.`b` (`id`,`v`) VALUES (1,'x')",
            "DELETE FROM `s`.`b` WHERE `id` IN (1)",
            "COMMIT",
        ],
    );
}

#[test]
fn the_safe_form_overwrites_and_deletes_the_old_key_only_when_it_changes() {
    let t = pairs("s", "t");
    check(
        Form::Safe,
        &[
            inserted(&t, 1, "a"),
            updated(&t, (1, "a"), (1, "b")),
            updated(&t, (1, "b"), (2, "b")),
        ],
        &[
            "BEGIN",
            "REPLACE INTO `s`.`t` (`id`,`v`) VALUES (1,'a'),(1,'b')",
            "DELETE FROM `s`.`t` WHERE `id` IN (1)",
            "REPLACE INTO `s`.`t` (`id`,`v`) VALUES (2,'b')",
            "COMMIT",
        ],
    );
}

#[test]
fn a_key_of_several_columns_is_a_chain_of_conditions() {
    let columns = vec![
        column("a", ColumnType::Int),
        column("b", ColumnType::VarChar { chars: 9 }),
        column("c", ColumnType::Int),
    ];
    let t = table("s", "t", columns, &[1, 0]);
    let row = |a, b| [Datum::Int(a), text(b), Datum::Null];
    check(
        Form::Plain,
        &[
            block(&t, RowOp::Delete, &[&row(1, "x"), &row(2, "y")]),
            block(&t, RowOp::Update, &[&[row(3, "z"), row(4, "z")].concat()]),
        ],
        &[
            "BEGIN",
            "DELETE FROM `s`.`t` WHERE (`b`='x' AND `a`=1) OR (`b`='y' AND `a`=2)",
            "UPDATE `s`.`t` SET `a`=4,`b`='z',`c`=NULL WHERE `b`='z' AND `a`=3 LIMIT 1",
            "COMMIT",
        ],
    );
}

#[test]
fn without_a_key_one_identical_row_is_meant() {
    let columns = vec![
        column("a", ColumnType::Int),
        column("b", ColumnType::VarChar { chars: 9 }),
    ];
    let t = table("s", "t", columns, &[]);
    let delete = block(
        &t,
        RowOp::Delete,
        &[&[Datum::Null, text("x")], &[Datum::Int(1), Datum::Null]],
    );
    let update = block(
        &t,
        RowOp::Update,
        &[&[Datum::Int(1), text("x"), Datum::Int(1), text("y")]],
    );
    let (first, second) = (
        "DELETE FROM `s`.`t` WHERE (`a` IS NULL AND CAST(CONVERT(`b` USING utf8mb4) AS BINARY)=_binary'x') LIMIT 1",
        "DELETE FROM `s`.`t` WHERE (`a`=1 AND `b` IS NULL) LIMIT 1",
    );
    check(
        Form::Plain,
        std::slice::from_ref(&delete),
        &["BEGIN", first, second, "COMMIT"],
    );
    check(
        Form::Safe,
        &[update],
        &[
            "BEGIN",
            "DELETE FROM `s`.`t` WHERE (`a`=1 AND CAST(CONVERT(`b` USING utf8mb4) AS BINARY)=_binary'x') LIMIT 1",
            "REPLACE INTO `s`.`t` (`a`,`b`) VALUES (1,'y')",
            "COMMIT",
        ],
    );
}

#[test]
fn generated_columns_are_not_written() {
    let mut columns = vec![
        column("id", ColumnType::Int),
        column("g", ColumnType::Int),
        column("v", ColumnType::Int),
    ];
    columns[1].generated = Generated::Stored;
    let t = table("s", "t", columns, &[0]);
    let row = [Datum::Int(1), Datum::Int(2), Datum::Int(3)];
    let new = [Datum::Int(1), Datum::Int(3), Datum::Int(4)];
    check(
        Form::Plain,
        &[
            block(&t, RowOp::Insert, &[&row]),
            block(&t, RowOp::Update, &[&[row, new].concat()]),
        ],
        &[
            "BEGIN",
            "INSERT INTO `s`.`t` (`id`,`v`) VALUES (1,3)",
            "UPDATE `s`.`t` SET `v`=4 WHERE `id`=1 LIMIT 1",
            "COMMIT",
        ],
    );
}

#[test]
fn a_missing_value_is_an_error() {
    let t = pairs("s", "t");
    let mut script = Script::new(SCRIPT, BulkSwitch::new(false));
    let partial = block(&t, RowOp::Insert, &[&[Datum::Int(1), Datum::Absent]]);
    let error = script.push(&partial, 0..1, Form::Plain).unwrap_err();
    assert_eq!(error.code(), ErrorCode::PartialRowImage);
    assert!(
        error.message().contains("s.t") && error.message().contains("column v"),
        "{error}"
    );
}

#[test]
fn merging_can_be_switched_off() {
    let t = pairs("s", "t");
    let rows = [inserted(&t, 1, "a"), inserted(&t, 2, "b")];
    let one = "INSERT INTO `s`.`t` (`id`,`v`) VALUES (1,'a')";
    let two = "INSERT INTO `s`.`t` (`id`,`v`) VALUES (2,'b')";
    let apart = ScriptOptions {
        merge_rows: false,
        ..SCRIPT
    };
    assert_eq!(
        texts(apart, Form::Plain, &rows),
        [format!("BEGIN;{one};{two};COMMIT")]
    );
    let single = ScriptOptions {
        merge_rows: false,
        merge_statements: false,
        ..SCRIPT
    };
    assert_eq!(texts(single, Form::Plain, &rows), ["BEGIN", one, two, "COMMIT"]);
}

#[test]
fn a_round_trip_has_a_size() {
    let t = pairs("s", "t");
    let small = ScriptOptions {
        merge_rows: false,
        text_bytes_max: 100,
        ..SCRIPT
    };
    let rows: Vec<_> = (0..5).map(|id| inserted(&t, id, "a")).collect();
    let texts = texts(small, Form::Plain, &rows);
    assert!(texts.iter().all(|text| text.len() <= 100), "{texts:?}");
    assert_eq!(texts.join(";").matches("INSERT").count(), 5);
    assert!(texts[0].starts_with("BEGIN;") && texts.last().unwrap().ends_with(";COMMIT"));
}

/// A statement that two rows made larger than the server takes could never be sent.
#[test]
fn a_row_that_makes_a_statement_too_large_gets_one_of_its_own() {
    let t = pairs("s", "t");
    let small = ScriptOptions {
        text_bytes_max: 200,
        ..SCRIPT
    };
    let long = "x".repeat(190);
    for form in [Form::Plain, Form::Safe] {
        let rows = [
            inserted(&t, 1, "a"),
            inserted(&t, 2, &long),
            inserted(&t, 3, "c"),
            deleted(&t, 1, "a"),
        ];
        let texts = texts(small, form, &rows);
        let with_long = texts.iter().find(|text| text.contains(&long)).unwrap();
        assert_eq!(with_long.matches("),(").count(), 0, "{with_long}");
        assert_eq!(texts.join(";").matches("INTO").count(), 3);
    }
    let keys: Vec<String> = (0..100).map(|_| "y".repeat(40)).collect();
    let by_text = table(
        "s",
        "k",
        vec![column("k", ColumnType::VarChar { chars: 40 })],
        &[0],
    );
    let rows: Vec<_> = keys
        .iter()
        .map(|key| block(&by_text, RowOp::Delete, &[&[text(key)]]))
        .collect();
    let texts = texts(small, Form::Plain, &rows);
    assert!(texts.iter().all(|text| text.len() <= 200), "{texts:?}");
    assert_eq!(texts.join(";").matches("yyy'").count(), 100);
}

#[test]
fn a_new_table_version_changes_the_statements_at_once() {
    let old = pairs("s", "t");
    let new = Arc::new(TableInfo {
        columns: vec![column("id", ColumnType::Int), column("w", ColumnType::Int)],
        ..(*old).clone()
    });
    check(
        Form::Plain,
        &[
            inserted(&old, 1, "a"),
            block(&new, RowOp::Insert, &[&[Datum::Int(2), Datum::Int(3)]]),
        ],
        &[
            "BEGIN",
            "INSERT INTO `s`.`t` (`id`,`v`) VALUES (1,'a')",
            "INSERT INTO `s`.`t` (`id`,`w`) VALUES (2,3)",
            "COMMIT",
        ],
    );
}
