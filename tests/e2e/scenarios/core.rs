//! Family "core and DML".

use serde_json::json;

use super::Scenario;

#[tokio::test]
async fn simple() {
    let it = Scenario::start("simple").await;
    it.up(
        "CREATE TABLE simple1 (id INT PRIMARY KEY, val INT); CREATE TABLE simple2 (id INT PRIMARY KEY, val INT);
         INSERT INTO simple1 VALUES (1, 1), (2, 2); INSERT INTO simple2 VALUES (1, 1);
         UPDATE simple1 SET val = 22 WHERE id = 2; BEGIN; DELETE FROM simple1 WHERE id = 1; UPDATE simple2 SET id = 3; COMMIT",
    )
    .await;
    it.equal().await;
}

/// Transactions arrive whole: no sum that anybody sees downstream is another than the one upstream.
#[tokio::test]
async fn bank() {
    let it = Scenario::start("bank").await;
    it.up("CREATE TABLE accounts (id INT PRIMARY KEY, balance INT NOT NULL); INSERT INTO accounts SELECT seq, 100 FROM seq_1_to_50")
        .await;
    it.equal().await;
    let transfers: String = (0..400)
        .map(|n| {
            let (from, to) = (n * 7 % 50 + 1, n * 13 % 49 + 1);
            format!(
                "BEGIN; UPDATE accounts SET balance = balance - {n} WHERE id = {from}; UPDATE accounts SET balance = balance + {n} WHERE id = {to}; COMMIT;"
            )
        })
        .collect();
    let watch = async {
        loop {
            assert_eq!(it.down("SELECT SUM(balance) FROM accounts").await, "5000\n");
        }
    };
    tokio::select! {
        () = async { it.up(&transfers).await; it.equal().await } => {}
        () = watch => {}
    }
}

/// Types, partitions and a view in one go.
#[tokio::test]
async fn common_1() {
    let it = Scenario::start("common_1").await;
    it.up(
        "CREATE TABLE v1 (id INT AUTO_INCREMENT PRIMARY KEY, c_tiny TINYINT UNSIGNED, c_big BIGINT UNSIGNED, c_dec DECIMAL(30,10), c_f FLOAT,
         c_d DOUBLE, c_dt DATETIME(3), c_ts TIMESTAMP(6) NULL, c_time TIME(2), c_y YEAR, c_txt TEXT, c_blob BLOB, c_bit BIT(17),
         c_enum ENUM('a','b'), c_set SET('x','y','z'), c_json JSON);
         INSERT INTO v1 VALUES (NULL, 255, 18446744073709551615, -12345678901234567890.0123456789, 1.25, 2.5e100, '2026-02-28 23:59:59.999',
         '2020-01-01 00:00:00.123456', '-838:59:58.99', 2155, 'text', x'00ff', b'10101', 'b', 'x,z', '{\"k\": [1, null]}'),
         (NULL, 0, 0, 0, 0, 0, '1000-01-01', NULL, '0', 1901, '', '', b'0', NULL, '', NULL);
         CREATE TABLE parted (id INT PRIMARY KEY, v INT) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE);
         INSERT INTO parted VALUES (1, 1), (100, 2); UPDATE parted SET id = 5 WHERE id = 100;
         CREATE VIEW seen AS SELECT id FROM parted; CREATE OR REPLACE VIEW seen AS SELECT id, v FROM parted; DROP VIEW seen;
         UPDATE v1 SET c_txt = REPEAT('long', 10000), c_blob = NULL WHERE id = 1; DELETE FROM v1 WHERE id = 2",
    )
    .await;
    it.equal().await;
}

#[tokio::test]
async fn clustered_index() {
    let it = Scenario::start("clustered_index").await;
    it.up(
        "CREATE TABLE t0 (a INT, b VARCHAR(20), c INT, PRIMARY KEY (b, a)); CREATE TABLE t1 (a VARBINARY(16) PRIMARY KEY, v INT);
         CREATE TABLE t2 (d DATETIME(6), n DECIMAL(20,5), v INT, PRIMARY KEY (d, n)); CREATE TABLE t3 (a INT NOT NULL, v INT, UNIQUE KEY (a));
         INSERT INTO t0 VALUES (1, 'x', 1), (1, 'y', 2), (2, 'x', 3); INSERT INTO t1 VALUES (x'0000', 1), (x'00', 2), (x'', 3);
         INSERT INTO t2 VALUES ('2026-01-01 00:00:00.000001', 1.5, 1), ('2026-01-01 00:00:00.000001', 1.50001, 2); INSERT INTO t3 VALUES (1, 1), (2, 2);
         UPDATE t0 SET a = a + 10 WHERE b = 'x'; UPDATE t1 SET a = x'000000' WHERE a = x'00'; DELETE FROM t2 WHERE n = 1.5; UPDATE t3 SET a = a + 5",
    )
    .await;
    it.equal().await;
}

/// Keys that are equal but for their case are one row.
#[tokio::test]
async fn new_ci_collation() {
    let it = Scenario::start("new_ci_collation").await;
    it.up(
        "CREATE TABLE t (name VARCHAR(20) COLLATE utf8mb4_general_ci PRIMARY KEY, code VARCHAR(20) COLLATE utf8mb4_unicode_ci UNIQUE, n INT);
         INSERT INTO t VALUES ('Aa', 'Straße', 1), ('b', 'x ', 2);
         UPDATE t SET name = 'aA' WHERE name = 'AA'; UPDATE t SET code = 'STRASSE' WHERE name = 'aa'; DELETE FROM t WHERE name = 'B';
         INSERT INTO t VALUES ('B', 'X', 3); REPLACE INTO t VALUES ('AA', 'y', 4)",
    )
    .await;
    it.equal().await;
}

#[tokio::test]
async fn charset_gbk() {
    let it = Scenario::start("charset_gbk").await;
    it.up(
        "CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(30), note TEXT, UNIQUE (name)) CHARACTER SET gbk;
         INSERT INTO t VALUES (1, '测试', '中文内容'), (2, '部署', ''); UPDATE t SET name = '测试二' WHERE name = '测试'; DELETE FROM t WHERE name = '部署';
         CREATE TABLE l (id INT PRIMARY KEY, v VARCHAR(20)) CHARACTER SET latin1; INSERT INTO l VALUES (1, 'größe'); SET NAMES gbk; CREATE TABLE `n` (id INT PRIMARY KEY)",
    )
    .await;
    it.equal().await;
}

#[tokio::test]
async fn generate_column() {
    let it = Scenario::start("generate_column").await;
    it.up(
        "CREATE TABLE t (a INT PRIMARY KEY, b INT AS (a + 1) STORED UNIQUE, c INT AS (a * 2) VIRTUAL);
         INSERT INTO t (a) VALUES (1), (2), (3); UPDATE t SET a = 10 WHERE a = 1; UPDATE t SET a = a + 100 WHERE b = 3; DELETE FROM t WHERE b = 4;
         ALTER TABLE t ADD COLUMN d INT AS (b + a) STORED; INSERT INTO t (a) VALUES (7)",
    )
    .await;
    it.equal().await;
}

/// Columns come and go with defaults while rows are written.
#[tokio::test]
async fn default_value() {
    let it = Scenario::start("default_value").await;
    it.up("CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY); INSERT INTO t VALUES (), ()")
        .await;
    for (n, column) in [
        "INT NOT NULL DEFAULT 7",
        "VARCHAR(20) DEFAULT 'a''b'",
        "DATETIME(3) DEFAULT '2026-01-02 03:04:05.678'",
        "DECIMAL(10,3) NOT NULL DEFAULT -1.5",
        "ENUM('x','y') NOT NULL DEFAULT 'y'",
        "BIT(4) DEFAULT b'101'",
        "VARBINARY(4) DEFAULT x'00ff'",
        "INT",
    ]
    .iter()
    .enumerate()
    {
        it.up(&format!(
            "ALTER TABLE t ADD COLUMN c{n} {column}; INSERT INTO t VALUES ()"
        ))
        .await;
    }
    it.up("ALTER TABLE t ALTER COLUMN c0 SET DEFAULT 9; INSERT INTO t VALUES (); ALTER TABLE t ALTER COLUMN c1 DROP DEFAULT, DROP COLUMN c2; INSERT INTO t (c1) VALUES ('z')")
        .await;
    it.equal().await;
}

#[tokio::test]
async fn many_pk_or_uk() {
    let it = Scenario::start("many_pk_or_uk").await;
    it.up(
        "CREATE TABLE t (a INT, b INT, c INT UNIQUE, d VARCHAR(10) UNIQUE, e INT NOT NULL, PRIMARY KEY (a, b), UNIQUE (e, c));
         INSERT INTO t VALUES (1, 1, 1, 'x', 1), (1, 2, 2, 'y', 2), (2, 1, NULL, NULL, 3), (2, 2, NULL, NULL, 4);
         BEGIN; UPDATE t SET c = NULL WHERE b = 1 AND a = 1; UPDATE t SET c = 1 WHERE a = 1 AND b = 2; UPDATE t SET c = 2 WHERE a = 1 AND b = 1; COMMIT;
         BEGIN; UPDATE t SET a = 100 WHERE a = 1 AND b = 1; UPDATE t SET a = 1, b = 1 WHERE a = 1 AND b = 2; UPDATE t SET a = 1, b = 2 WHERE a = 100; COMMIT;
         BEGIN; DELETE FROM t WHERE d = 'x'; INSERT INTO t VALUES (9, 9, 9, 'x', 9); COMMIT; UPDATE t SET e = e + 1 ORDER BY e DESC, a DESC",
    )
    .await;
    it.equal().await;
}

/// What a session's mode makes of a text goes along with it.
#[tokio::test]
async fn sql_mode() {
    let it = Scenario::start("sql_mode").await;
    it.up(
        "SET SESSION sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'; CREATE TABLE \"quoted\" (\"id\" INT PRIMARY KEY, \"v\" VARCHAR(20) DEFAULT 'back\\slash');
         INSERT INTO \"quoted\" (\"id\") VALUES (1); ALTER TABLE \"quoted\" ADD COLUMN \"w\" INT;
         SET SESSION sql_mode = ''; CREATE TABLE zero (id INT PRIMARY KEY, d DATE, s VARCHAR(3)); INSERT INTO zero VALUES (1, '0000-00-00', 'cut off'), (2, '2026-02-00', '');
         SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO'; CREATE TABLE auto0 (id INT AUTO_INCREMENT PRIMARY KEY); INSERT INTO auto0 VALUES (0)",
    )
    .await;
    it.equal().await;
}

/// Parents and children in any order: the sink does not check what the upstream has checked.
#[tokio::test]
async fn foreign_key() {
    let it = Scenario::start("foreign_key").await;
    it.up(
        "CREATE TABLE parent (id INT PRIMARY KEY, v INT); CREATE TABLE child (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES parent (id));
         INSERT INTO parent VALUES (1, 1), (2, 2); INSERT INTO child VALUES (1, 1), (2, 2), (3, NULL);
         SET SESSION foreign_key_checks = 0; INSERT INTO child VALUES (4, 50); INSERT INTO parent VALUES (50, 1); SET SESSION foreign_key_checks = 1;
         BEGIN; UPDATE child SET p = 2 WHERE p = 1; DELETE FROM parent WHERE id = 1; COMMIT;
         ALTER TABLE child ADD COLUMN q INT, ADD CONSTRAINT extra FOREIGN KEY (q) REFERENCES parent (id); UPDATE child SET q = 50; ALTER TABLE child DROP FOREIGN KEY extra",
    )
    .await;
    it.equal().await;
}

#[tokio::test]
async fn force_replicate_table() {
    let it = Scenario::with("force_replicate_table", json!({"force_replicate": true})).await;
    it.up(
        "CREATE TABLE t (a INT, b VARCHAR(10)); INSERT INTO t VALUES (1, 'x'), (1, 'x'), (NULL, NULL), (2, 'y');
         DELETE FROM t WHERE a = 1 LIMIT 1; UPDATE t SET b = 'z' WHERE a IS NULL; CREATE TABLE u (a INT, UNIQUE (a)); INSERT INTO u VALUES (NULL), (NULL), (1); DELETE FROM u LIMIT 1",
    )
    .await;
    it.equal().await;
}

/// Sequences are skipped; rows that took their numbers arrive.
#[tokio::test]
async fn sequence() {
    let it = Scenario::start("sequence").await;
    it.up(
        "CREATE SEQUENCE s START WITH 5; CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (NEXTVAL(s)), (NEXTVAL(s));
         ALTER SEQUENCE s INCREMENT BY 10; INSERT INTO t VALUES (NEXTVAL(s)); DROP SEQUENCE s; INSERT INTO t VALUES (1000)",
    )
    .await;
    it.equal().await;
    assert_eq!(
        it.down("SHOW FULL TABLES WHERE Table_type = 'SEQUENCE'").await,
        ""
    );
}

#[tokio::test]
async fn savepoint() {
    let it = Scenario::start("savepoint").await;
    it.up(
        "CREATE TABLE t (id INT PRIMARY KEY, v INT); CREATE TABLE m (id INT PRIMARY KEY) ENGINE = Aria;
         BEGIN; INSERT INTO t VALUES (1, 1); SAVEPOINT a; INSERT INTO t VALUES (2, 2); SAVEPOINT b; UPDATE t SET v = 9; ROLLBACK TO b; INSERT INTO t VALUES (3, 3);
         ROLLBACK TO a; INSERT INTO t VALUES (4, 4); RELEASE SAVEPOINT a; COMMIT; BEGIN; DELETE FROM t; ROLLBACK",
    )
    .await;
    it.equal().await;
    assert_eq!(it.down("SELECT id, v FROM t").await, "1\t1\n4\t4\n");
}

async fn dml(it: &Scenario, base: u32) {
    it.up(&format!(
        "CREATE TABLE IF NOT EXISTS t (id INT PRIMARY KEY, u INT UNIQUE, v INT); INSERT INTO t SELECT {base} + seq, {base} + seq, 0 FROM seq_1_to_300;
         UPDATE t SET v = v + 1; UPDATE t SET id = id + 1000000 WHERE id % 3 = 0 AND id < 1000000; DELETE FROM t WHERE u % 7 = 0;
         BEGIN; UPDATE t SET u = -u WHERE u > 0; UPDATE t SET u = -u + 1 WHERE u < 0 ORDER BY u; COMMIT"
    ))
    .await;
}

#[tokio::test]
async fn batch_update_to_no_batch() {
    let it = Scenario::prepare("batch_update_to_no_batch").await;
    it.create("batch_update_to_no_batch", "?batch-dml-enable=true", json!({}))
        .await;
    dml(&it, 0).await;
    it.equal().await;
    it.tidegate().post(&it.path("/pause"), &json!({})).await.ok();
    it.tidegate().wait_for_state(&it.feed(), "stopped").await;
    let uri = format!("{}?batch-dml-enable=false", it.shared.pair.sink_uri());
    it.tidegate()
        .put(&it.path(""), &json!({"sink_uri": uri}))
        .await
        .ok();
    it.tidegate().post(&it.path("/resume"), &json!({})).await.ok();
    dml(&it, 5000).await;
    it.equal().await;
}

/// Rows that are there already, or gone already, are no obstacle.
#[tokio::test]
async fn safe_mode() {
    let it = Scenario::prepare("safe_mode").await;
    let table = "CREATE TABLE t (id INT PRIMARY KEY, u INT UNIQUE, v INT)";
    it.up(table).await;
    it.down(&format!("{table}; INSERT INTO t VALUES (1, 10, 0), (77, 3, 0)"))
        .await;
    it.create("safe_mode", "?safe-mode=true", json!({})).await;
    it.up("INSERT INTO t VALUES (1, 1, 1), (2, 2, 2), (3, 3, 3); UPDATE t SET v = 9 WHERE id = 1; UPDATE t SET id = 4 WHERE id = 2; DELETE FROM t WHERE id = 3")
        .await;
    it.equal().await;
}

/// A schema change that changes values does it on both sides alike, and no row is sent for it.
#[tokio::test]
async fn lossy_ddl() {
    let it = Scenario::start("lossy_ddl").await;
    it.up(
        "CREATE TABLE t (id INT PRIMARY KEY, a BIGINT, b VARCHAR(20), c DECIMAL(10,5), d DATETIME(6)); SET SESSION sql_mode = '';
         INSERT INTO t VALUES (1, 99999999999, 'a long text', 1.23456, '2026-01-01 01:02:03.654321');
         ALTER TABLE t MODIFY a INT; ALTER TABLE t MODIFY b VARCHAR(6); ALTER TABLE t MODIFY c DECIMAL(10,2); ALTER TABLE t MODIFY d DATETIME;
         INSERT INTO t VALUES (2, 2147483647, 'short', 2.22, NOW())",
    )
    .await;
    it.equal().await;
}
