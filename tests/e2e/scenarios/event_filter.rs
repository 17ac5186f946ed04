//! The truth tables of event filters: what is dropped upstream must not be seen downstream, and nothing else may be missing.

use serde_json::{Value, json};

use super::Scenario;

const COLUMNS: &str = "id INT, v INT, s VARCHAR(20) DEFAULT 'a'";
const KEYED: &str = "id INT PRIMARY KEY, v INT, s VARCHAR(20) DEFAULT 'a'";

/// A schema change of one table: what the table is, what happens to it, and names of the event that match and do not.
struct Case {
    create: String,
    /// `{t}` stands for the table.
    statement: &'static str,
    hit: &'static [&'static str],
    miss: &'static [&'static str],
}

fn case(
    definition: &str,
    statement: &'static str,
    hit: &'static [&'static str],
    miss: &'static [&'static str],
) -> Case {
    Case {
        create: format!("CREATE TABLE {{t}} ({definition})"),
        statement,
        hit,
        miss,
    }
}

fn partitioned(statement: &'static str, hit: &'static [&'static str], miss: &'static [&'static str]) -> Case {
    Case {
        create: format!(
            "CREATE TABLE {{t}} ({KEYED}) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN (20))"
        ),
        statement,
        hit,
        miss,
    }
}

fn cases() -> Vec<Case> {
    const NOT_COLUMN: &[&str] = &["drop column", "multi schema change", "rename table", "all dml"];
    let indexed = format!("{KEYED}, INDEX i (v)");
    let keyed_by_unique = format!("{COLUMNS}, k INT NOT NULL UNIQUE");
    let primary_too = format!("{COLUMNS}, k INT NOT NULL UNIQUE, PRIMARY KEY (id)");
    vec![
        case(
            KEYED,
            "ALTER TABLE {t} ADD COLUMN n INT",
            &["add column", "alter table", "all ddl"],
            NOT_COLUMN,
        ),
        case(
            KEYED,
            "ALTER TABLE {t} DROP COLUMN s",
            &["drop column", "alter table"],
            &["add column"],
        ),
        case(
            KEYED,
            "ALTER TABLE {t} MODIFY v BIGINT",
            &["modify column", "alter table"],
            &["set default value"],
        ),
        case(
            KEYED,
            "ALTER TABLE {t} CHANGE v w INT",
            &["modify column"],
            &["add column", "drop column"],
        ),
        case(
            KEYED,
            "ALTER TABLE {t} ALTER v SET DEFAULT 5",
            &["set default value", "alter table"],
            &["modify column"],
        ),
        case(
            &keyed_by_unique,
            "ALTER TABLE {t} ADD PRIMARY KEY (id)",
            &["add primary key", "alter table"],
            &["create index"],
        ),
        case(
            &primary_too,
            "ALTER TABLE {t} DROP PRIMARY KEY",
            &["drop primary key", "alter table"],
            &["drop index"],
        ),
        case(
            KEYED,
            "CREATE INDEX i ON {t} (v)",
            &["create index", "alter table"],
            &["add column", "drop index"],
        ),
        case(
            KEYED,
            "ALTER TABLE {t} ADD UNIQUE u (s)",
            &["create index"],
            &["add primary key"],
        ),
        case(
            &indexed,
            "DROP INDEX i ON {t}",
            &["drop index", "alter table"],
            &["create index"],
        ),
        case(
            &indexed,
            "ALTER TABLE {t} RENAME INDEX i TO j",
            &["rename index", "alter table"],
            &["drop index"],
        ),
        case(
            &indexed,
            "ALTER TABLE {t} ALTER INDEX i IGNORED",
            &["alter index visibility", "alter table"],
            &["rename index"],
        ),
        case(
            KEYED,
            "ALTER TABLE {t} COMMENT = 'c'",
            &["modify table comment", "alter table"],
            &["modify table charset and collate"],
        ),
        case(
            KEYED,
            "ALTER TABLE {t} CONVERT TO CHARACTER SET latin1",
            &["modify table charset and collate", "alter table"],
            &["modify column"],
        ),
        case(
            KEYED,
            "ALTER TABLE {t} ADD COLUMN n INT, DROP COLUMN s",
            &["multi schema change", "alter table", "all ddl"],
            &["add column", "drop column"],
        ),
        case(
            KEYED,
            "ALTER TABLE {t} ROW_FORMAT = COMPACT",
            &["alter table"],
            &["modify table comment"],
        ),
        partitioned(
            "ALTER TABLE {t} ADD PARTITION (PARTITION p2 VALUES LESS THAN (30))",
            &["add table partition", "alter table"],
            &["create table"],
        ),
        partitioned(
            "ALTER TABLE {t} DROP PARTITION p1",
            &["drop table partition", "alter table"],
            &["truncate table partition"],
        ),
        partitioned(
            "ALTER TABLE {t} REORGANIZE PARTITION p0, p1 INTO (PARTITION q VALUES LESS THAN (20))",
            &["reorganize table partition", "alter table"],
            &["drop table partition"],
        ),
        partitioned(
            "ALTER TABLE {t} REMOVE PARTITIONING",
            &["remove table partitioning", "alter table"],
            &["drop table partition"],
        ),
        case(
            KEYED,
            "ALTER TABLE {t} PARTITION BY HASH (id) PARTITIONS 2",
            &["alter table partitioning", "alter table"],
            &["add table partition"],
        ),
        case(
            &indexed,
            "ALTER TABLE {t} ADD CONSTRAINT {t}_f FOREIGN KEY (v) REFERENCES parent (id)",
            &["add foreign key", "all ddl"],
            &["alter table", "create index"],
        ),
    ]
}

fn tables(prefix: &str, names: &[&str], number: usize) -> Vec<String> {
    (0..names.len())
        .map(|n| format!("{prefix}{number}_{n}"))
        .collect()
}

/// Each statement on a table of its own for every name that must match, and for every one that must not.
#[tokio::test]
async fn event_filter() {
    let it = Scenario::prepare("event_filter").await;
    let cases = cases();
    let mut entries: Vec<Value> = Vec::new();
    let (mut setup, mut changes) = (format!("CREATE TABLE parent ({KEYED});"), String::new());
    for (number, case) in cases.iter().enumerate() {
        for (prefix, names) in [("hit", case.hit), ("miss", case.miss)] {
            for (table, name) in tables(prefix, names, number).iter().zip(names) {
                entries.push(json!({"matcher": [format!("event_filter.{table}")], "ignore_event": [name]}));
                setup.push_str(&format!("{};", case.create.replace("{t}", table)));
                changes.push_str(&format!("{};", case.statement.replace("{t}", table)));
            }
        }
    }
    // On both sides: CREATE TABLE is one of "all ddl".
    it.up(&setup).await;
    it.down(&setup).await;
    it.create("event_filter", "", json!({"filter": {"event_filters": entries}}))
        .await;
    let all: Vec<String> = cases
        .iter()
        .enumerate()
        .flat_map(|(number, case)| {
            [tables("hit", case.hit, number), tables("miss", case.miss, number)].concat()
        })
        .collect();
    let show: String = all
        .iter()
        .map(|table| format!("SHOW CREATE TABLE {table};"))
        .collect();
    let before = it.up(&show).await;
    it.up(&changes).await;
    it.passed("done").await;
    let (upstream, downstream) = (it.up(&show).await, it.down(&show).await);
    let lines = before.lines().zip(upstream.lines()).zip(downstream.lines());
    let mut checked = 0;
    for (table, ((before, changed), found)) in all.iter().zip(lines) {
        assert_ne!(before, changed, "{table}: the statement changes nothing");
        let expected = if table.starts_with("hit") { before } else { changed };
        assert_eq!(found, expected, "{table}");
        checked += 1;
    }
    assert_eq!(checked, all.len());
}

/// Statements that make, empty, rename or drop a table.
#[tokio::test]
async fn event_filter_of_whole_tables() {
    let it = Scenario::prepare("event_filter_tables").await;
    let entry = |table: &str, event: &str| json!({"matcher": [format!("event_filter_tables.{table}")], "ignore_event": [event]});
    let setup = [
        "drop1", "drop2", "trunc1", "trunc2", "ren1", "ren2", "sql1", "sql2",
    ]
    .map(|table| format!("CREATE TABLE {table} ({KEYED});"))
    .concat();
    it.up(&setup).await;
    it.down(&setup).await;
    let entries = json!([
        entry("drop1", "drop table"), entry("drop2", "truncate table"), entry("trunc1", "truncate table"), entry("trunc2", "drop table"),
        entry("ren1", "rename table"), entry("ren2_new", "rename table"), entry("make1", "create table"), entry("make2", "create index"),
        {"matcher": ["event_filter_tables.sql*"], "ignore_sql": ["ADD column secret", "^drop +table.*sql1"]},
    ]);
    it.create(
        "event_filter_tables",
        "",
        json!({"filter": {"event_filters": entries}}),
    )
    .await;
    it.up(
        "INSERT INTO trunc1 VALUES (1, 1, 'x'); INSERT INTO trunc2 VALUES (1, 1, 'x'); DROP TABLE drop1; DROP TABLE drop2; TRUNCATE TABLE trunc1; TRUNCATE TABLE trunc2;
         RENAME TABLE ren1 TO ren1_new; RENAME TABLE ren2 TO ren2_new; CREATE TABLE make1 (id INT PRIMARY KEY); CREATE TABLE make2 (id INT PRIMARY KEY);
         ALTER TABLE sql1 add COLUMN SECRET INT; ALTER TABLE sql2 ADD COLUMN open INT; DROP TABLE sql1",
    )
    .await;
    it.passed("zz_done").await;
    assert_eq!(
        it.down("SHOW TABLES").await,
        "drop1\nmake2\nren1\nren2_new\nsql1\nsql2\ntrunc1\ntrunc2\nzz_done\n"
    );
    assert_eq!(
        it.down("SELECT COUNT(*) FROM trunc1; SELECT COUNT(*) FROM trunc2")
            .await,
        "1\n0\n"
    );
    assert_eq!(it.down("SHOW COLUMNS FROM sql1 LIKE 'secret'").await, "");
    assert_ne!(it.down("SHOW COLUMNS FROM sql2 LIKE 'open'").await, "");
}

/// Rows by kind and by value. NULL is neither true nor false, and drops nothing.
#[tokio::test]
async fn event_filter_of_rows() {
    let it = Scenario::prepare("event_filter_rows").await;
    let names = [
        "ins", "upd", "del", "dml", "e_ins", "e_old", "e_new", "e_del", "e_two",
    ];
    let setup: String = names
        .iter()
        .map(|name| format!("CREATE TABLE {name} ({KEYED});"))
        .collect();
    it.up(&setup).await;
    it.down(&setup).await;
    let event = |table: &str, event: &str| json!({"matcher": [format!("event_filter_rows.{table}")], "ignore_event": [event]});
    let value = |table: &str, member: &str, expression: &str| json!({"matcher": [format!("event_filter_rows.{table}")], member: expression});
    let entries = json!([
        event("ins", "insert"),
        event("upd", "update"),
        event("del", "delete"),
        event("dml", "all dml"),
        value("e_ins", "ignore_insert_value_expr", "v > 10 OR s = 'drop'"),
        value("e_old", "ignore_update_old_value_expr", "v > 10"),
        value("e_new", "ignore_update_new_value_expr", "v > 10"),
        value("e_del", "ignore_delete_value_expr", "v > 10 AND s LIKE 'd%'"),
        value("e_two", "ignore_insert_value_expr", "v IS NULL"),
        value("e_two", "ignore_insert_value_expr", "v <=> 3"),
    ]);
    it.create(
        "event_filter_rows",
        "",
        json!({"filter": {"event_filters": entries}}),
    )
    .await;
    for table in ["upd", "del", "e_old", "e_new", "e_del"] {
        it.up(&format!(
            "INSERT INTO {table} VALUES (1, 5, 'a'), (2, 50, 'drop'), (3, NULL, 'd')"
        ))
        .await;
    }
    it.up(
        "INSERT INTO ins VALUES (1, 1, 'x'); INSERT INTO dml VALUES (1, 1, 'x'); UPDATE dml SET v = 2; DELETE FROM dml;
         UPDATE upd SET v = 6 WHERE id = 1; UPDATE upd SET id = 9 WHERE id = 3; DELETE FROM upd WHERE id = 2; UPDATE del SET v = 6 WHERE id = 1; DELETE FROM del;
         INSERT INTO e_ins VALUES (1, 5, 'a'), (2, 50, 'a'), (3, NULL, 'a'), (4, NULL, 'drop'), (5, NULL, NULL), (6, 10, 'DROP');
         UPDATE e_old SET v = 1 WHERE id = 1; UPDATE e_old SET v = 1 WHERE id = 2; UPDATE e_old SET v = 99 WHERE id = 3;
         UPDATE e_new SET v = 11 WHERE id = 1; UPDATE e_new SET v = 10 WHERE id = 2; UPDATE e_new SET v = NULL WHERE id = 3; UPDATE e_new SET v = 4 WHERE id = 3;
         DELETE FROM e_del; INSERT INTO e_two VALUES (1, 1, 'x'), (2, NULL, 'x'), (3, 3, 'x')",
    )
    .await;
    it.passed("done").await;
    for (table, rows) in [
        ("ins", ""),
        ("dml", ""),
        ("upd", "1\t5\ta\n9\tNULL\td\n"),
        ("del", "1\t6\ta\n2\t50\tdrop\n3\tNULL\td\n"),
        ("e_ins", "1\t5\ta\n3\tNULL\ta\n5\tNULL\tNULL\n"),
        ("e_old", "1\t1\ta\n2\t50\tdrop\n3\t99\td\n"),
        ("e_new", "1\t5\ta\n2\t10\tdrop\n3\t4\td\n"),
        ("e_del", "2\t50\tdrop\n"),
        ("e_two", "1\t1\tx\n"),
    ] {
        assert_eq!(
            it.down(&format!("SELECT * FROM {table} ORDER BY id")).await,
            rows,
            "{table}"
        );
    }
}
