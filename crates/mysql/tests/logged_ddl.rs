//! Classification judged by a real server: what it accepts and how it logs it.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use tidegate_mariadb::{Server, ServerOptions};
use tidegate_mysql::ddl::{Classified, Control, classify};

/// Statement => what its Query events are, joined by commas. Run in order, in the schema `shop`.
#[rustfmt::skip]
const STATEMENTS: &[(&str, &str)] = &[
    ("CREATE TABLE t (id INT PRIMARY KEY, e ENUM('x,y','(z') DEFAULT 'x,y') COMMENT='SELECT (1, 2'", "create table shop.t"),
    ("CREATE OR REPLACE TABLE u LIKE t", "create table shop.u"),
    ("CREATE TABLE s AS SELECT 1 AS a, 'x' AS b", "create table shop.s, commit"),
    ("CREATE TABLE other.o (id INT PRIMARY KEY, t_id INT)", "create table other.o"),
    ("CREATE TABLE `we``ird, (name` (a INT)", "create table shop.we`ird, (name"),
    ("SET sql_mode='ANSI_QUOTES'; CREATE TABLE \"a b\" (a INT DEFAULT 1)", "create table shop.a b"),
    ("SET sql_mode='NO_BACKSLASH_ESCAPES'; CREATE TABLE nb (a CHAR(1) DEFAULT '\\', b INT) COMMENT ' SELECT'", "create table shop.nb"),
    ("CREATE TABLE p (a INT) PARTITION BY RANGE (a) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN (20), PARTITION p2 VALUES LESS THAN MAXVALUE)", "create table shop.p"),
    ("ALTER TABLE p DROP PARTITION p0, p1", "drop table partition shop.p"),
    ("ALTER TABLE p TRUNCATE PARTITION p2", "truncate table partition shop.p"),
    ("ALTER TABLE p REORGANIZE PARTITION p2 INTO (PARTITION n1 VALUES LESS THAN (30), PARTITION n2 VALUES LESS THAN MAXVALUE)", "reorganize table partition shop.p"),
    ("ALTER TABLE p REMOVE PARTITIONING", "remove table partitioning shop.p"),
    ("ALTER TABLE p PARTITION BY HASH(a) PARTITIONS 2", "alter table partitioning shop.p"),
    ("ALTER TABLE p ADD b INT PARTITION BY KEY(a) PARTITIONS 2", "multi schema change shop.p"),
    ("ALTER TABLE t ADD COLUMN IF NOT EXISTS n INT DEFAULT (1 + 2) COMMENT 'a, b', ALGORITHM=INPLACE, LOCK=NONE", "add column shop.t"),
    ("ALTER ONLINE TABLE t WAIT 5 ADD (c INT, d DECIMAL(10, 2))", "multi schema change shop.t"),
    ("SET STATEMENT max_statement_time=60 FOR ALTER TABLE t ADD g INT AS (n * (2 + 1)) STORED", "add column shop.t"),
    ("ALTER TABLE t CHANGE c c2 SET('x(y','z'')') NULL", "modify column shop.t"),
    ("ALTER TABLE t RENAME COLUMN c2 TO c3", "modify column shop.t"),
    ("ALTER TABLE t ALTER d SET DEFAULT 1.5", "set default value shop.t"),
    ("ALTER TABLE t ADD KEY IF NOT EXISTS i (n, d), ALGORITHM=DEFAULT", "create index shop.t"),
    ("ALTER TABLE t ALTER INDEX i IGNORED", "alter index visibility shop.t"),
    ("ALTER TABLE t RENAME KEY i TO j", "rename index shop.t"),
    ("DROP INDEX j ON t NOWAIT", "drop index shop.t"),
    ("CREATE UNIQUE INDEX u ON t (n) COMMENT 'x'", "create index shop.t"),
    ("ALTER TABLE other.o ADD CONSTRAINT f FOREIGN KEY (t_id) REFERENCES shop.t (id)", "add foreign key other.o"),
    ("ALTER TABLE other.o DROP FOREIGN KEY f", "drop foreign key other.o"),
    ("ALTER TABLE t DROP PRIMARY KEY", "drop primary key shop.t"),
    ("ALTER TABLE t ADD PRIMARY KEY (id)", "add primary key shop.t"),
    ("ALTER TABLE t ADD CONSTRAINT c CHECK (n > 0 OR n IN (1, 2))", "alter table shop.t"),
    ("ALTER TABLE t DEFAULT CHARACTER SET = latin1 COLLATE latin1_bin", "modify table charset and collate shop.t"),
    ("ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4", "modify table charset and collate shop.t"),
    ("ALTER TABLE t COMMENT 'engine=x'", "modify table comment shop.t"),
    ("ALTER TABLE t ENGINE=InnoDB ROW_FORMAT=DYNAMIC", "alter table shop.t"),
    ("ALTER TABLE t ADD /*!50100 x INT, ADD */ y INT /*M!100100 DEFAULT 3 */", "multi schema change shop.t"),
    ("ALTER TABLE t DROP x, DROP y", "multi schema change shop.t"),
    ("RENAME TABLE t TO t2, u TO other.u, t2 TO t", "rename table shop.t->shop.t2 shop.u->other.u shop.t2->shop.t"),
    ("ALTER TABLE other.o RENAME o2", "rename table other.o->shop.o2"),
    ("TRUNCATE s", "truncate table shop.s"),
    ("CREATE OR REPLACE DEFINER=CURRENT_USER SQL SECURITY INVOKER VIEW v AS SELECT 1", "create view shop.v"),
    ("ALTER VIEW v AS SELECT 2", "create view shop.v"),
    ("DROP VIEW v", "drop view shop.v"),
    ("ALTER DATABASE shop CHARACTER SET utf8mb4", "modify schema charset and collate shop"),
    ("CREATE SEQUENCE q", "ignored"),
    ("CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.n = 1", "ignored"),
    ("CREATE PROCEDURE r() BEGIN END", "ignored"),
    ("CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1", "ignored"),
    ("CREATE USER nobody IDENTIFIED BY 'secret'", "ignored"),
    ("GRANT SELECT ON shop.* TO nobody", "ignored"),
    ("ANALYZE TABLE t", "ignored"),
    ("OPTIMIZE TABLE s", "ignored"),
    ("SET binlog_format=STATEMENT; INSERT INTO other.u (id) VALUES (1)", "insert other.u, commit"),
    ("SET binlog_format=STATEMENT; UPDATE other.u AS x JOIN (other.u AS y) ON x.id = y.id SET x.id = 2", "update other.u other.u, commit"),
    ("SET binlog_format=STATEMENT; DELETE FROM x USING other.u AS x WHERE x.id = 2", "delete other.u, commit"),
    ("XA START 'x1'; INSERT INTO s VALUES (5, 'y'); XA END 'x1'; XA PREPARE 'x1'; XA COMMIT 'x1'", "xa end X'7831',X'',1, xa commit X'7831',X'',1"),
    ("CREATE TEMPORARY TABLE tmp (a INT); DROP TEMPORARY TABLE tmp", ""),
    ("DROP TABLE IF EXISTS o2, other.u, nothing", "drop table shop.o2 other.u shop.nothing"),
    ("DROP DATABASE other", "drop schema other"),
];

fn describe(found: &Classified) -> String {
    match found {
        Classified::Ddl(change) => {
            let mut text = change.kind.event_name().to_owned();
            text.extend(change.schema.iter().map(|schema| format!(" {schema}")));
            for table in &change.tables {
                let old = table
                    .old_name
                    .as_ref()
                    .map(|old| format!("{old}->"))
                    .unwrap_or_default();
                text += &format!(" {old}{}", table.name);
            }
            text
        }
        Classified::Dml(dml) => {
            let tables: String = dml.tables.iter().map(|table| format!(" {table}")).collect();
            dml.verb.to_lowercase() + &tables
        }
        Classified::Control(Control::XaEnd(xid)) => format!("xa end {xid}"),
        Classified::Control(Control::XaCommit { xid, .. }) => format!("xa commit {xid}"),
        Classified::Control(control) => format!("{control:?}").to_lowercase(),
        Classified::Temporary => "temporary".to_owned(),
        Classified::Ignored(_) => "ignored".to_owned(),
        Classified::Other(head) => format!("other {head}"),
    }
}

/// Undoes the escapes of the client's batch mode.
fn unescape(text: &str) -> String {
    text.replace("\\n", "\n")
        .replace("\\t", "\t")
        .replace("\\\\", "\\")
}

/// Classifies every Query event written after `position`; XID events count as commits.
async fn logged(server: &Server, position: &str, ansi_quotes: bool) -> String {
    let events = server
        .sql(&format!("SHOW BINLOG EVENTS FROM {position}"))
        .await
        .unwrap();
    let mut found = Vec::new();
    for event in events.lines() {
        let columns: Vec<&str> = event.splitn(6, '\t').collect();
        match columns[2] {
            "Query" => {
                let text = unescape(columns[5]);
                let (schema, query) = match text.strip_prefix("use `").and_then(|rest| rest.split_once("`; "))
                {
                    Some((schema, query)) => (schema, query),
                    None => ("", text.as_str()),
                };
                found.push(describe(&classify(query, schema, ansi_quotes)));
            }
            "Xid" => found.push("commit".to_owned()),
            _ => {}
        }
    }
    found.join(", ")
}

#[tokio::test]
async fn every_statement_is_known_as_the_server_logs_it() {
    let server = Server::start(ServerOptions::default()).await.unwrap();
    server
        .sql("CREATE DATABASE shop; CREATE DATABASE other")
        .await
        .unwrap();
    let mut failures = String::new();
    for (statement, expect) in STATEMENTS {
        let status = server.sql("SHOW MASTER STATUS").await.unwrap();
        let position = status.split('\t').nth(1).unwrap().to_owned();
        if let Err(error) = server.sql(&format!("USE shop; {statement}")).await {
            failures += &format!("{statement}\n  refused: {error}\n");
            continue;
        }
        let found = logged(&server, &position, statement.contains("ANSI_QUOTES")).await;
        if found != *expect {
            failures += &format!("{statement}\n  expected {expect}\n  found    {found}\n");
        }
    }
    assert!(failures.is_empty(), "\n{failures}");
}
