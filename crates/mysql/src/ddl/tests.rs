//! Everyday statements of both servers, and statements nobody should write.

use proptest::prelude::*;

use super::*;

/// What `classify` found, in one line. Default schema of all statements: `shop`.
fn summary(query: &str) -> String {
    describe(&classify(query, "shop", false))
}

fn describe(found: &Classified) -> String {
    match found {
        Classified::Ddl(change) => describe_ddl(change),
        Classified::Temporary => "temporary".to_owned(),
        Classified::Control(control) => match control {
            Control::XaStart(xid) => format!("xa start {xid}"),
            Control::XaEnd(xid) => format!("xa end {xid}"),
            Control::XaPrepare(xid) => format!("xa prepare {xid}"),
            Control::XaCommit { xid, one_phase } => {
                format!("xa commit {xid}{}", if *one_phase { " once" } else { "" })
            }
            Control::XaRollback(xid) => format!("xa rollback {xid}"),
            other => format!("{other:?}").to_lowercase(),
        },
        Classified::Dml(dml) => {
            let tables: Vec<String> = dml.tables.iter().map(ToString::to_string).collect();
            format!("{} {}", dml.verb, tables.join(" ")).trim_end().to_owned()
        }
        Classified::Ignored(why) => format!("ignored: {why:?}"),
        Classified::Other(head) => format!("other: {head}").trim_end().to_owned(),
    }
}

fn describe_ddl(change: &Ddl) -> String {
    let mut text = change.kind.event_name().to_owned();
    if let Some(schema) = &change.schema {
        text += &format!(" {schema}");
    }
    for table in &change.tables {
        text += " ";
        if let Some(old) = &table.old_name {
            text += &format!("{old}->");
        }
        text += &table.name.to_string();
    }
    if let Some(like) = &change.like {
        text += &format!(" like {like}");
    }
    for (flag, name) in [
        (change.has_select, "select"),
        (change.start_transaction_at.is_some(), "start-transaction"),
        (change.or_replace, "or-replace"),
        (change.qualified, "qualified"),
    ] {
        if flag {
            text += &format!(" +{name}");
        }
    }
    text
}

/// Each line: statement => summary. A backslash-n in a statement is a line break.
fn check_all(table: &str) {
    let mut failures = String::new();
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (query, expect) = line.rsplit_once(" => ").expect("statement => summary");
        let found = summary(&query.replace("\\n", "\n"));
        if found != expect {
            failures += &format!("{query}\n  expected {expect}\n  found    {found}\n");
        }
    }
    assert!(failures.is_empty(), "\n{failures}");
}

#[test]
fn tables_are_created() {
    check_all(
        r#"
        CREATE TABLE t (id INT PRIMARY KEY) => create table shop.t
        create table `t` (`id` int) engine=InnoDB => create table shop.t
        CREATE TABLE crm.lead (id INT) => create table crm.lead +qualified
        CREATE TABLE `crm` . `le``ad` (id INT) => create table crm.le`ad +qualified
        CREATE TABLE IF NOT EXISTS t (a ENUM('x,y','(',')') DEFAULT 'x,y', b DECIMAL(10,2)) => create table shop.t
        CREATE OR REPLACE TABLE t (a INT) => create table shop.t +or-replace
        /* made by app */ CREATE TABLE t (a INT) => create table shop.t
        -- first\nCREATE TABLE t (a INT) # last => create table shop.t
        CREATE TABLE t (a INT, b INT GENERATED ALWAYS AS (a * (1 + 2)) STORED, c JSON DEFAULT (JSON_ARRAY(1,2))) => create table shop.t
        CREATE TABLE t (a INT COMMENT 'select (1, 2' ) COMMENT='AS SELECT' => create table shop.t
        CREATE TABLE t (a INT) /*!50100 PARTITION BY RANGE (a) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE) */ => create table shop.t
        CREATE TABLE t (a INT) PARTITION BY HASH((a + 1)) PARTITIONS 4 => create table shop.t
        CREATE TABLE t (a INT) PARTITION BY LIST COLUMNS(a) (PARTITION p VALUES IN (1,2)) => create table shop.t
        CREATE TABLE t (a INT) WITH SYSTEM VERSIONING PARTITION BY SYSTEM_TIME INTERVAL 1 DAY => create table shop.t
        CREATE TABLE t (a INT) ENGINE=MERGE UNION=(t1,t2) => create table shop.t
        CREATE TABLE t LIKE u => create table shop.t like shop.u
        CREATE TABLE crm.t (LIKE crm.u) => create table crm.t like crm.u +qualified
        CREATE TABLE crm.t LIKE u => create table crm.t like shop.u
        CREATE TABLE t AS SELECT * FROM u => create table shop.t +select
        CREATE TABLE t SELECT 1 AS a => create table shop.t +select
        CREATE TABLE t (a INT) ENGINE=InnoDB IGNORE SELECT a FROM u => create table shop.t +select
        CREATE TABLE t (SELECT a FROM u) => create table shop.t +select
        CREATE TABLE t AS ((SELECT 1) UNION (SELECT 2)) => create table shop.t +select
        CREATE TABLE t WITH c AS (SELECT 1) SELECT * FROM c => create table shop.t +select
        CREATE TABLE t AS VALUES ROW(1,2) => create table shop.t +select
        CREATE TABLE t TABLE u => create table shop.t +select
        CREATE TABLE `t2` (`a` int NOT NULL) START TRANSACTION => create table shop.t2 +start-transaction
        SET STATEMENT max_statement_time=10, sql_mode='a FOR b' FOR CREATE TABLE t (a INT) => create table shop.t
        CREATE TEMPORARY TABLE t (a INT) => temporary
        CREATE OR REPLACE TEMPORARY TABLE t SELECT 1 => temporary
        CREATE /*!32312 TEMPORARY */ TABLE t (a INT) => temporary
        CREATE /*!999999 TEMPORARY */ TABLE t (a INT) => create table shop.t
        CREATE /* TEMPORARY */ TABLE t (a INT) => create table shop.t
        CREATE /*M!100100 OR REPLACE */ TABLE t (a INT) => create table shop.t +or-replace
        CREATE /*! OR REPLACE /* inner */ */ TABLE t (a INT) => create table shop.t +or-replace
        CREATE TABLE таблица (a INT) => create table shop.таблица
        CREATE TABLE 1st.2nd (a INT) => create table 1st.2nd +qualified
        CREATE TABLE .t (a INT) => create table shop.t
        CREATE TABLE => other: CREATE TABLE
        CREATE TABLE ( => other: CREATE TABLE
        "#,
    );
}

#[test]
fn tables_are_dropped_renamed_and_truncated() {
    check_all(
        r#"
        DROP TABLE t => drop table shop.t
        DROP TABLE IF EXISTS `t` /* generated by server */ => drop table shop.t
        DROP TABLES a, crm.b , `c` CASCADE => drop table shop.a crm.b shop.c
        DROP TABLE `shop`.`a`,`shop`.`b` => drop table shop.a shop.b +qualified
        DROP TABLE t WAIT 10 => drop table shop.t
        DROP TEMPORARY TABLE IF EXISTS `shop`.`t` => temporary
        DROP /*!40005 TEMPORARY */ TABLE IF EXISTS t => temporary
        DROP TABLE t; DROP TABLE u => drop table shop.t
        RENAME TABLE a TO b => rename table shop.a->shop.b
        RENAME TABLES a TO b, crm.c TO d, x TO crm.y => rename table shop.a->shop.b crm.c->shop.d shop.x->crm.y
        RENAME TABLE IF EXISTS shop.a NOWAIT TO shop.b => rename table shop.a->shop.b +qualified
        RENAME TABLE a WAIT 5 TO tmp, b TO a, tmp TO b => rename table shop.a->shop.tmp shop.b->shop.a shop.tmp->shop.b
        RENAME USER a TO b => ignored: Account
        TRUNCATE t => truncate table shop.t
        TRUNCATE TABLE `crm`.`t` NOWAIT => truncate table crm.t +qualified
        DROP TABLE => other: DROP TABLE
        RENAME TABLE a => other: RENAME TABLE
        "#,
    );
}

#[test]
fn one_clause_has_its_own_kind() {
    check_all(
        r#"
        ALTER TABLE t ADD COLUMN a INT => add column shop.t
        ALTER TABLE crm.t ADD a VARCHAR(10) DEFAULT 'a, b' AFTER c => add column crm.t +qualified
        ALTER TABLE t ADD COLUMN IF NOT EXISTS a DECIMAL(10, 2) FIRST => add column shop.t
        ALTER TABLE t ADD a ENUM('x','y,z','it''s','\'') NOT NULL => add column shop.t
        ALTER TABLE t ADD `index` INT => add column shop.t
        ALTER TABLE t ADD (a INT) => add column shop.t
        ALTER TABLE t ADD a INT AS (CONCAT(b, ',', c)) VIRTUAL => add column shop.t
        ALTER TABLE t ADD a INT PRIMARY KEY => add column shop.t
        ALTER TABLE t ADD a INT REFERENCES u (id) => add column shop.t
        ALTER ONLINE TABLE t ADD a INT => add column shop.t
        ALTER IGNORE TABLE IF EXISTS t WAIT 5 ADD a INT => add column shop.t
        ALTER TABLE t NOWAIT ADD a INT => add column shop.t
        ALTER TABLE t ADD a INT, ALGORITHM=INSTANT => add column shop.t
        ALTER TABLE t ALGORITHM=INPLACE, LOCK=NONE, ADD COLUMN a INT => add column shop.t
        ALTER TABLE t ADD COLUMN a INT /*!80023 INVISIBLE */ => add column shop.t
        ALTER TABLE t DROP COLUMN a => drop column shop.t
        ALTER TABLE t DROP IF EXISTS a => drop column shop.t
        ALTER TABLE t DROP `key` => drop column shop.t
        ALTER TABLE t MODIFY a BIGINT UNSIGNED NOT NULL => modify column shop.t
        ALTER TABLE t CHANGE COLUMN a b SET('x,y','z') => modify column shop.t
        ALTER TABLE t RENAME COLUMN a TO b => modify column shop.t
        ALTER TABLE t ALTER a SET DEFAULT (UUID()) => set default value shop.t
        ALTER TABLE t ALTER COLUMN a DROP DEFAULT => set default value shop.t
        ALTER TABLE t ALTER COLUMN a SET INVISIBLE => alter table shop.t
        ALTER TABLE t ADD PRIMARY KEY (a, b) => add primary key shop.t
        ALTER TABLE t ADD CONSTRAINT pk PRIMARY KEY (a) => add primary key shop.t
        ALTER TABLE t ADD CONSTRAINT PRIMARY KEY (a) => add primary key shop.t
        ALTER TABLE t DROP PRIMARY KEY => drop primary key shop.t
        ALTER TABLE t DROP INDEX `PRIMARY` => drop primary key shop.t
        ALTER TABLE t ADD INDEX i (a, b(10)) => create index shop.t
        ALTER TABLE t ADD KEY IF NOT EXISTS i (a) => create index shop.t
        ALTER TABLE t ADD UNIQUE (a) => create index shop.t
        ALTER TABLE t ADD CONSTRAINT `u` UNIQUE KEY (a) => create index shop.t
        ALTER TABLE t ADD FULLTEXT KEY (a) WITH PARSER ngram => create index shop.t
        ALTER TABLE t ADD INDEX ((CAST(j->'$.a' AS UNSIGNED ARRAY))) => create index shop.t
        ALTER TABLE t ADD VECTOR INDEX (v) => create index shop.t
        ALTER TABLE t ADD vector VECTOR(3) => add column shop.t
        ALTER TABLE t DROP KEY i => drop index shop.t
        ALTER TABLE t DROP INDEX IF EXISTS i => drop index shop.t
        ALTER TABLE t RENAME INDEX i TO j => rename index shop.t
        ALTER TABLE t RENAME KEY i TO j => rename index shop.t
        ALTER TABLE t ALTER INDEX i INVISIBLE => alter index visibility shop.t
        ALTER TABLE t ALTER INDEX IF EXISTS i NOT IGNORED => alter index visibility shop.t
        ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES crm.u (id) ON DELETE CASCADE => add foreign key shop.t
        ALTER TABLE t ADD FOREIGN KEY IF NOT EXISTS f (a) REFERENCES u (id) => add foreign key shop.t
        ALTER TABLE t ADD CONSTRAINT IF NOT EXISTS f FOREIGN KEY (a) REFERENCES u (id) => add foreign key shop.t
        ALTER TABLE t DROP FOREIGN KEY f => drop foreign key shop.t
        ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) => alter table shop.t
        ALTER TABLE t ADD CHECK (a IN (1,2)) => alter table shop.t
        ALTER TABLE t DROP CONSTRAINT c => alter table shop.t
        ALTER TABLE t ALTER CHECK c NOT ENFORCED => alter table shop.t
        ALTER TABLE t ADD SYSTEM VERSIONING => alter table shop.t
        ALTER TABLE t ADD PERIOD FOR p (a, b) => alter table shop.t
        ALTER TABLE t ADD period INT => add column shop.t
        ALTER TABLE t DROP SYSTEM VERSIONING => alter table shop.t
        "#,
    );
}

#[test]
fn table_options_partitions_and_renames() {
    check_all(
        r#"
        ALTER TABLE t ENGINE=InnoDB => alter table shop.t
        ALTER TABLE t ENGINE = InnoDB ROW_FORMAT DYNAMIC, KEY_BLOCK_SIZE=8 => alter table shop.t
        ALTER TABLE t FORCE => alter table shop.t
        ALTER TABLE t ORDER BY a, b => alter table shop.t
        ALTER TABLE t ADD c INT, ORDER BY a, b DESC => multi schema change shop.t
        ALTER TABLE t DROP PARTITION p0, p1 => drop table partition shop.t
        ALTER TABLE t TRUNCATE PARTITION p0, p1 => truncate table partition shop.t
        ALTER TABLE t REORGANIZE PARTITION a, b INTO (PARTITION c VALUES IN (1)) => reorganize table partition shop.t
        ALTER TABLE t REBUILD PARTITION p0, p1 => ignored: Maintenance
        ALTER TABLE t DISABLE KEYS => alter table shop.t
        ALTER TABLE t DATA DIRECTORY='/x' => alter table shop.t
        ALTER TABLE t => alter table shop.t
        ALTER TABLE t COMMENT='a, b' => modify table comment shop.t
        ALTER TABLE t COMMENT 'engine=x' => modify table comment shop.t
        ALTER TABLE t COMMENT='x' ENGINE=InnoDB => multi schema change shop.t
        ALTER TABLE t AUTO_INCREMENT=100 => rebase auto id shop.t
        ALTER TABLE t DEFAULT CHARACTER SET = utf8mb4 COLLATE utf8mb4_bin => modify table charset and collate shop.t
        ALTER TABLE t CHARSET utf8mb4 => modify table charset and collate shop.t
        ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci => modify table charset and collate shop.t
        ALTER TABLE t ADD PARTITION (PARTITION p3 VALUES LESS THAN (30), PARTITION p4 VALUES LESS THAN MAXVALUE) => add table partition shop.t
        ALTER TABLE t ADD PARTITION IF NOT EXISTS PARTITIONS 2 => add table partition shop.t
        ALTER TABLE t TRUNCATE PARTITION p0 => truncate table partition shop.t
        ALTER TABLE t REORGANIZE PARTITION p0 INTO (PARTITION n0 VALUES LESS THAN (5), PARTITION n1 VALUES LESS THAN (10)) => reorganize table partition shop.t
        ALTER TABLE t COALESCE PARTITION 2 => reorganize table partition shop.t
        ALTER TABLE t EXCHANGE PARTITION p0 WITH TABLE crm.u WITHOUT VALIDATION => exchange table partition shop.t crm.u
        ALTER TABLE t CONVERT PARTITION p0 TO TABLE u => alter table shop.t shop.u
        ALTER TABLE t CONVERT TABLE u TO PARTITION p0 VALUES LESS THAN (5) => alter table shop.t shop.u
        ALTER TABLE t PARTITION BY KEY(a) PARTITIONS 8 => alter table partitioning shop.t
        ALTER TABLE t PARTITION BY RANGE COLUMNS(a,b) (PARTITION p VALUES LESS THAN (1,2)) => alter table partitioning shop.t
        ALTER TABLE t REMOVE PARTITIONING => remove table partitioning shop.t
        ALTER TABLE t ENGINE=InnoDB REMOVE PARTITIONING => multi schema change shop.t
        ALTER TABLE t ADD a INT PARTITION BY HASH(a) => multi schema change shop.t
        ALTER TABLE t ANALYZE PARTITION p0 => ignored: Maintenance
        ALTER TABLE t OPTIMIZE PARTITION ALL => ignored: Maintenance
        ALTER TABLE t RENAME TO u => rename table shop.t->shop.u
        ALTER TABLE t RENAME u => rename table shop.t->shop.u
        ALTER TABLE crm.t RENAME AS crm.u, ALGORITHM=INPLACE => rename table crm.t->crm.u +qualified
        ALTER TABLE crm.t RENAME TO u => rename table crm.t->shop.u
        ALTER TABLE t RENAME u, ADD a INT => multi schema change shop.t->shop.u
        ALTER TABLE t 'x' => other: ALTER TABLE
        "#,
    );
}

#[test]
fn several_clauses_are_one_change_of_many() {
    check_all(
        r#"
        ALTER TABLE t ADD a INT, ADD b INT => multi schema change shop.t
        ALTER TABLE t ADD (a INT, b DECIMAL(10,2), KEY (a)) => multi schema change shop.t
        ALTER TABLE t ADD a ENUM('x,y','(z'), DROP b, MODIFY c DECIMAL(5,2) DEFAULT (1+(2*3)) => multi schema change shop.t
        ALTER TABLE t DROP a, DROP b => multi schema change shop.t
        ALTER TABLE t ADD INDEX i (a, b), ADD UNIQUE u (c) => multi schema change shop.t
        ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (a) => multi schema change shop.t
        ALTER TABLE t ADD a INT, COMMENT='x' => multi schema change shop.t
        ALTER TABLE t COMMENT='x', AUTO_INCREMENT=5 => multi schema change shop.t
        ALTER TABLE t MODIFY a INT, ALGORITHM=COPY, LOCK=SHARED, RENAME INDEX i TO j => multi schema change shop.t
        "#,
    );
}

#[test]
fn indexes_views_and_schemas() {
    check_all(
        r#"
        CREATE INDEX i ON t (a, b DESC) => create index shop.t
        CREATE OR REPLACE UNIQUE INDEX IF NOT EXISTS i USING BTREE ON crm.t (a) => create index crm.t +or-replace +qualified
        CREATE FULLTEXT INDEX `ON` ON t (a) WITH PARSER ngram => create index shop.t
        CREATE SPATIAL INDEX i ON t (g) WAIT 5 => create index shop.t
        DROP INDEX i ON t => drop index shop.t
        DROP INDEX IF EXISTS i ON crm.t ALGORITHM=INPLACE => drop index crm.t +qualified
        DROP ONLINE INDEX `PRIMARY` ON t => drop primary key shop.t
        CREATE VIEW v AS SELECT 1 => create view shop.v
        CREATE OR REPLACE ALGORITHM=MERGE DEFINER=`root`@`%` SQL SECURITY INVOKER VIEW crm.v AS SELECT 1 => create view crm.v +or-replace
        CREATE ALGORITHM=UNDEFINED DEFINER=CURRENT_USER() VIEW IF NOT EXISTS v AS SELECT 1 => create view shop.v
        ALTER DEFINER='a'@'b' VIEW v AS SELECT 2 => create view shop.v
        DROP VIEW IF EXISTS v, crm.w => drop view shop.v crm.w
        CREATE DATABASE crm => create schema crm +qualified
        CREATE DATABASE IF NOT EXISTS `c-r-m` DEFAULT CHARACTER SET utf8mb4 => create schema c-r-m +qualified
        CREATE OR REPLACE SCHEMA crm => create schema crm +or-replace +qualified
        DROP DATABASE IF EXISTS crm => drop schema crm +qualified
        ALTER DATABASE crm CHARACTER SET utf8mb4 => modify schema charset and collate crm +qualified
        ALTER DATABASE CHARACTER SET = utf8mb4 => modify schema charset and collate shop
        ALTER SCHEMA CHARSET utf8mb4 => modify schema charset and collate shop
        ALTER SCHEMA comment COMMENT 'x' => modify schema charset and collate comment +qualified
        ALTER DATABASE crm COMMENT = 'x' => modify schema charset and collate crm +qualified
        "#,
    );
}

#[test]
fn what_is_never_replicated_is_known() {
    check_all(
        r#"
        # Dummy event replacing event type 160 => ignored: Empty
        /* nothing */ => ignored: Empty
        GRANT ALL ON *.* TO 'a'@'%' IDENTIFIED BY 'secret' => ignored: Account
        REVOKE ALL ON *.* FROM a => ignored: Account
        CREATE USER a IDENTIFIED BY 'secret' => ignored: Account
        ALTER USER IF EXISTS a IDENTIFIED BY 'secret' => ignored: Account
        CREATE OR REPLACE ROLE r => ignored: Account
        DROP USER a => ignored: Account
        SET PASSWORD FOR a = 'secret' => ignored: Account
        SET DEFAULT ROLE ALL TO a => ignored: Account
        ANALYZE TABLE t => ignored: Maintenance
        OPTIMIZE NO_WRITE_TO_BINLOG TABLE t => ignored: Maintenance
        REPAIR TABLE t => ignored: Maintenance
        FLUSH TABLES => ignored: Maintenance
        CREATE DEFINER=`root`@`localhost` TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 1 => ignored: Trigger
        DROP TRIGGER IF EXISTS g => ignored: Trigger
        CREATE DEFINER=root@localhost PROCEDURE p() BEGIN INSERT INTO t VALUES (1); END => ignored: Routine
        CREATE AGGREGATE FUNCTION f(x INT) RETURNS INT RETURN 1 => ignored: Routine
        ALTER PROCEDURE p COMMENT 'x' => ignored: Routine
        DROP FUNCTION f => ignored: Routine
        CREATE OR REPLACE PACKAGE BODY p AS END => ignored: Routine
        CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM t => ignored: Event
        ALTER DEFINER=CURRENT_USER EVENT e DISABLE => ignored: Event
        CREATE SEQUENCE s START WITH 1 => ignored: Sequence
        DROP SEQUENCE IF EXISTS s => ignored: Sequence
        CREATE TABLESPACE ts ADD DATAFILE 'f' => ignored: Server
        CREATE UNDO TABLESPACE u ADD DATAFILE 'f' => ignored: Server
        CREATE SPATIAL REFERENCE SYSTEM 1 NAME 'x' => ignored: Server
        INSTALL PLUGIN p SONAME 'x' => ignored: Server
        LOCK TABLES t WRITE => ignored: Session
        SET SESSION sql_mode='' => ignored: Session
        FROBNICATE secret => other: FROBNICATE
        CREATE WIDGET secret => other: CREATE WIDGET
        'secret' => other:
        "#,
    );
}

#[test]
fn transactions_open_and_close() {
    check_all(
        r#"
        BEGIN => begin
        begin work => begin
        START TRANSACTION /* trx */ => begin
        BEGIN NOT ATOMIC SELECT 1; END => other: BEGIN
        START SLAVE => other: START SLAVE
        COMMIT => commit
        COMMIT AND CHAIN => commit
        ROLLBACK => rollback
        ROLLBACK WORK => rollback
        SAVEPOINT `a b` => savepoint("a b")
        ROLLBACK TO `a b` => rollbackto("a b")
        ROLLBACK WORK TO SAVEPOINT s1 => rollbackto("s1")
        ROLLBACK TO savepoint => rollbackto("savepoint")
        RELEASE SAVEPOINT s1 => release("s1")
        XA START X'7831',X'',1 => xa start X'7831',X'',1
        XA BEGIN 'x1' => xa start X'7831',X'',1
        XA END x'7831', '', 7 => xa end X'7831',X'',7
        XA PREPARE 0x7831,'b' => xa prepare X'7831',X'62',1
        XA COMMIT X'7831',X'62',0x10 => xa commit X'7831',X'62',16
        XA COMMIT 'it''s' ONE PHASE => xa commit X'69742773',X'',1 once
        XA ROLLBACK X'AB' => xa rollback X'ab',X'',1
        XA COMMIT X'ABC' => other: XA COMMIT
        XA RECOVER => other: XA RECOVER
        "#,
    );
}

#[test]
fn statement_based_writes_name_their_tables() {
    check_all(
        r#"
        INSERT INTO t VALUES (1) => INSERT shop.t
        INSERT IGNORE crm.t SET a = 1 => INSERT crm.t
        INSERT LOW_PRIORITY INTO `t` (a) SELECT a FROM u => INSERT shop.t
        REPLACE INTO t VALUES (1) => REPLACE shop.t
        UPDATE t SET a = 1 WHERE b = 2 => UPDATE shop.t
        UPDATE LOW_PRIORITY a JOIN crm.b AS x ON a.id = x.id, (c), (SELECT 1 FROM d) e SET a.v = x.v => UPDATE shop.a crm.b shop.c
        UPDATE a PARTITION (p0, p1) LEFT JOIN b USING (id) STRAIGHT_JOIN c SET v = 1 => UPDATE shop.a shop.b shop.c
        DELETE FROM t WHERE a = 1 LIMIT 5 => DELETE shop.t
        DELETE QUICK a, x.* FROM a JOIN crm.b AS x ON a.id IN (x.id, 5) WHERE a.v > 0 => DELETE shop.a crm.b
        DELETE FROM x USING t AS x JOIN u WHERE x.id = u.id => DELETE shop.t shop.u
        DELETE FROM t FOR PORTION OF p FROM 1 TO 2 => DELETE shop.t
        LOAD DATA LOCAL INFILE 'x' REPLACE INTO TABLE crm.t FIELDS TERMINATED BY ',' => LOAD crm.t
        LOAD XML INFILE 'x' INTO TABLE t => LOAD shop.t
        WITH c AS (SELECT 1) UPDATE t JOIN c ON t.a = c.a SET b = 1 => UPDATE shop.t shop.c
        CALL p(1) => CALL
        SELECT `shop`.`f`(1) => SELECT
        "#,
    );
}

#[test]
fn quotes_follow_the_sql_mode() {
    let ansi = |query: &str| describe(&classify(query, "shop", true));
    assert_eq!(
        ansi(r#"DROP TABLE "crm"."a""b""#),
        r#"drop table crm.a"b +qualified"#
    );
    assert_eq!(
        summary(r#"CREATE TABLE t (a INT DEFAULT "x)") COMMENT="SELECT""#),
        "create table shop.t"
    );
    // Without backslash escapes the first string ends where it seems to go on.
    assert_eq!(
        summary(r"ALTER TABLE t ADD a CHAR(1) DEFAULT '\', ADD b INT"),
        "multi schema change shop.t"
    );
    assert_eq!(
        summary(r"ALTER TABLE t ADD a CHAR(1) DEFAULT '\'', ADD b INT'"),
        "add column shop.t"
    );
}

#[test]
fn the_servers_own_clause_can_be_cut_off() {
    let query = "CREATE TABLE `t2` (`a` int) START TRANSACTION";
    let Classified::Ddl(change) = classify(query, "", false) else {
        panic!("a schema change")
    };
    assert_eq!(
        &query[..change.start_transaction_at.unwrap()],
        "CREATE TABLE `t2` (`a` int) "
    );
    assert_eq!(change.tables[0].name, tidegate_model::TableName::new("", "t2"));
}

/// Statements to be mutilated.
const SEEDS: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS `a`.`b` (id INT, e ENUM('x','y')) /*!50100 PARTITION BY HASH((id)) */ START TRANSACTION",
    "ALTER TABLE a.b ADD (c INT, d INT), DROP PARTITION p0, p1, RENAME TO z, EXCHANGE PARTITION p WITH TABLE q",
    "XA COMMIT X'7831',0x12,1 ONE PHASE",
    "SET STATEMENT a=(1+2) FOR RENAME TABLE a WAIT 5 TO b, c TO `d`",
    "DELETE a.* FROM a JOIN (b, (SELECT 1)) USING (x) WHERE 1",
    "CREATE OR REPLACE DEFINER='a'@'b' SQL SECURITY INVOKER VIEW v AS SELECT \"x\" -- end",
];

proptest! {
    #[test]
    fn any_text_is_classified(query: String, ansi: bool) {
        classify(&query, "shop", ansi);
    }

    #[test]
    fn any_bytes_are_classified(bytes: Vec<u8>, ansi: bool) {
        classify(&String::from_utf8_lossy(&bytes), "", ansi);
    }

    #[test]
    fn mutilated_statements_are_classified(
        seed in prop::sample::select(SEEDS), cuts in prop::collection::vec((any::<prop::sample::Index>(), "[(),.;'\"`\\\\/*!é =]{0,3}"), 1..6),
    ) {
        let mut chars: Vec<char> = seed.chars().collect();
        for (at, insert) in cuts {
            let at = at.index(chars.len());
            chars.splice(at..(at + 1).min(chars.len()), insert.chars());
            if chars.is_empty() { break; }
        }
        let query: String = chars.into_iter().collect();
        classify(&query, "shop", false);
        classify(&query, "shop", true);
    }

    #[test]
    fn quoted_names_come_back(schema in "[^\u{0}]{1,12}", table in "[^\u{0}]{1,12}") {
        let quote = |name: &str| format!("`{}`", name.replace('`', "``"));
        let found = classify(&format!("DROP TABLE {}.{}", quote(&schema), quote(&table)), "", false);
        let Classified::Ddl(change) = found else { panic!("a schema change") };
        prop_assert_eq!(&*change.tables[0].name.schema, schema.as_str());
        prop_assert_eq!(&*change.tables[0].name.table, table.as_str());
    }
}
