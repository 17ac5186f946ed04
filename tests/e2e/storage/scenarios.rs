//! Scenarios of the original.

use std::path::Path;

use serde_json::{Value, json};
use tidegate_mariadb::{Server, ServerOptions, User};

use super::{consumer, scenario, until_complete};
use crate::support::{Tidegate, eventually};

fn both() -> [(&'static str, &'static str, Value); 2] {
    [
        ("csv", "protocol=csv", json!({"date_separator": "day"})),
        (
            "canal",
            "protocol=canal-json&enable-tidb-extension=true",
            json!({"date_separator": "none"}),
        ),
    ]
}

/// `canal_json_storage_basic` and `csv_storage_basic`: all kinds of types, inserts, updates and deletes.
#[tokio::test]
async fn csv_storage_basic_and_canal_json_storage_basic() {
    let script = "CREATE DATABASE test;
        CREATE TABLE test.multi_data_type (id INT AUTO_INCREMENT PRIMARY KEY, t_boolean BOOLEAN, t_bigint BIGINT UNSIGNED,
          t_double DOUBLE, t_decimal DECIMAL(38,19), t_bit BIT(64), t_date DATE, t_datetime DATETIME(3),
          t_timestamp TIMESTAMP NULL, t_time TIME, t_year YEAR, t_char CHAR(5), t_varchar VARCHAR(255), t_blob BLOB,
          t_text TEXT, t_enum ENUM('enum1','enum2','enum3'), t_set SET('a','b','c'), t_binary VARBINARY(16));
        INSERT INTO test.multi_data_type VALUES (1, TRUE, 18446744073709551615, 1.5e300, -12345678.125, 65,
          '1000-01-01', '9999-12-31 23:59:59.999', '2001-01-02 03:04:05', '-23:59:59', 1970, '测', '中文\\'\"\r\n,',
          X'8978010B00FF', '中文\\\\', 'enum2', 'a,b', X'00FF41');
        INSERT INTO test.multi_data_type (t_varchar) VALUES (NULL), (''), ('\\\\N'), ('a,b'), ('\"');
        UPDATE test.multi_data_type SET t_bigint = 555, t_varchar = 'changed' WHERE id < 3;
        DELETE FROM test.multi_data_type WHERE id = 4;
        CREATE TABLE test.no_rows (a INT PRIMARY KEY);
        CREATE TABLE test.`odd name %` (a INT, b INT, PRIMARY KEY (b, a));
        INSERT INTO test.`odd name %` VALUES (1, 2), (2, 1)";
    scenario(&both(), &["test"], &[script]).await;
}

/// `csv_storage_multi_tables_ddl`: tables come, change their names and shapes, and go.
#[tokio::test]
async fn csv_storage_multi_tables_ddl() {
    let first = "CREATE DATABASE multi_tables_ddl_test;
        USE multi_tables_ddl_test;
        CREATE TABLE t1 (value64 BIGINT UNSIGNED NOT NULL PRIMARY KEY, value32 INT NOT NULL);
        CREATE TABLE t2 LIKE t1; CREATE TABLE t3 LIKE t1; CREATE TABLE t4 LIKE t1; CREATE TABLE t5 LIKE t1;
        INSERT INTO t1 VALUES (91010, 0); INSERT INTO t2 VALUES (91010, 0); INSERT INTO t3 VALUES (91010, 0);
        INSERT INTO t4 VALUES (91010, 0), (91020, 1); INSERT INTO t5 VALUES (91010, 0)";
    let second = "USE multi_tables_ddl_test;
        RENAME TABLE t1 TO t1_7;
        ALTER TABLE t1_7 ADD COLUMN note VARCHAR(20) DEFAULT 'x', ADD INDEX (value32);
        INSERT INTO t1_7 VALUES (1, 1, 'after');
        RENAME TABLE t2 TO t2_7; RENAME TABLE t3 TO t2; UPDATE t2 SET value32 = 7; INSERT INTO t2_7 VALUES (5, 5);
        TRUNCATE TABLE t4; INSERT INTO t4 VALUES (3, 3);
        ALTER TABLE t4 MODIFY value32 BIGINT NULL; INSERT INTO t4 VALUES (4, NULL);
        DROP TABLE t5; CREATE TABLE t5 (id INT PRIMARY KEY, other TEXT); INSERT INTO t5 VALUES (1, 'new');
        CREATE DATABASE multi_tables_other; CREATE TABLE multi_tables_other.t (a INT PRIMARY KEY);
        INSERT INTO multi_tables_other.t VALUES (1); DROP DATABASE multi_tables_other;
        CREATE DATABASE multi_tables_other; CREATE TABLE multi_tables_other.t (a INT PRIMARY KEY, b INT);
        INSERT INTO multi_tables_other.t VALUES (2, 3)";
    let schemas = ["multi_tables_ddl_test", "multi_tables_other"];
    scenario(&both(), &schemas, &[first, second]).await;
}

/// `csv_storage_partition_table` and `canal_json_storage_partition_table`. A binlog does not tell partitions apart, so
/// the layout is that of other tables, whatever `enable_partition_separator` says.
#[tokio::test]
async fn csv_storage_partition_table_and_canal_json_storage_partition_table() {
    let script = "CREATE DATABASE partition_table; USE partition_table;
        CREATE TABLE t (a INT, PRIMARY KEY (a)) PARTITION BY HASH (a) PARTITIONS 5;
        INSERT INTO t VALUES (1),(2),(3),(4),(5),(6); INSERT INTO t VALUES (7),(8),(9);
        UPDATE t SET a = 10 WHERE a = 1; DELETE FROM t WHERE a = 2;
        CREATE TABLE t1 (a INT PRIMARY KEY) PARTITION BY RANGE (a)
          (PARTITION p0 VALUES LESS THAN (6), PARTITION p1 VALUES LESS THAN (11));
        INSERT INTO t1 VALUES (1),(2),(3),(7),(8);
        ALTER TABLE t1 ADD PARTITION (PARTITION p3 VALUES LESS THAN (30));
        INSERT INTO t1 VALUES (25),(29);
        ALTER TABLE t1 TRUNCATE PARTITION p0; ALTER TABLE t1 DROP PARTITION p1; INSERT INTO t1 VALUES (7);
        ALTER TABLE t1 REORGANIZE PARTITION p3 INTO (PARTITION p2 VALUES LESS THAN (20), PARTITION p3 VALUES LESS THAN (30));
        UPDATE t1 SET a = 15 WHERE a = 25";
    let [(csv, csv_uri, _), (canal, canal_uri, _)] = both();
    let feeds = [
        (csv, csv_uri, json!({"enable_partition_separator": true})),
        (canal, canal_uri, json!({"enable_partition_separator": false})),
    ];
    scenario(&feeds, &["partition_table"], &[script]).await;
}

/// `csv_storage_update_pk_clustered`, `csv_storage_update_pk_nonclustered` and `storage_csv_update`: a key that changes
/// is a delete and an insert, unless raw events are asked for.
#[tokio::test]
async fn csv_storage_update_pk_clustered_and_nonclustered_and_storage_csv_update() {
    let script = "CREATE DATABASE test; USE test;
        CREATE TABLE update_pk (id INT PRIMARY KEY, pad VARCHAR(20));
        INSERT INTO update_pk VALUES (1, 'a'), (2, 'b'), (10, 'c');
        UPDATE update_pk SET id = 3 WHERE id = 1;
        BEGIN; UPDATE update_pk SET id = 20 WHERE id = 10; UPDATE update_pk SET id = 10 WHERE id = 2;
        INSERT INTO update_pk VALUES (2, 'again'); COMMIT;
        UPDATE update_pk SET pad = 'same key' WHERE id = 3;
        CREATE TABLE update_uk (id INT NOT NULL, uk INT NOT NULL, UNIQUE KEY (uk), pad INT, PRIMARY KEY (id, uk));
        INSERT INTO update_uk VALUES (1, 1, 0), (2, 2, 0), (3, 3, 0);
        UPDATE update_uk SET uk = uk + 10; UPDATE update_uk SET id = 9 WHERE id = 1; UPDATE update_uk SET pad = 1";
    let feeds = [
        ("csv", "protocol=csv", json!({})),
        ("canal", "protocol=canal-json", json!({})),
        (
            "canal-raw",
            "protocol=canal-json",
            json!({"cloud_storage_config": {"output_raw_change_event": true}}),
        ),
    ];
    let (_pair, roots) = scenario(&feeds, &["test"], &[script]).await;
    let text = |root: &Path| -> String {
        consumer::files(root)
            .iter()
            .filter(|file| file.to_string_lossy().contains("CDC0"))
            .map(|file| std::fs::read_to_string(root.join(file)).unwrap())
            .collect()
    };
    let csv = text(&roots[0]);
    assert!(
        csv.contains("\"D\",\"update_pk\",\"test\",1,\"a\"\r\n\"I\",\"update_pk\",\"test\",3,\"a\"\r\n"),
        "{csv}"
    );
    assert!(
        csv.contains("\"U\",\"update_pk\",\"test\",3,\"same key\""),
        "{csv}"
    );
    let updates = |text: &str| text.matches("\"type\":\"UPDATE\"").count();
    assert_eq!((updates(&text(&roots[1])), updates(&text(&roots[2]))), (4, 11));
}

/// `storage_cleanup`: files of days that are over go, those of others stay.
#[tokio::test]
async fn storage_cleanup() {
    let upstream = Server::start(ServerOptions::default()).await.unwrap();
    let dir = tempfile::TempDir::new().unwrap();
    let tidegate = Tidegate::start(&upstream.uri(User::Replication), dir.path()).await;
    let root = dir.path().join("out");
    let uri = format!("file://{}?protocol=csv&flush-interval=2s", root.display());
    let storage = json!({"file_expiration_days": 1, "file_cleanup_cron_spec": "* * * * * *"});
    tidegate
        .create("feed", &uri, &json!({"sink": {"cloud_storage_config": storage}}))
        .await
        .ok();
    upstream
        .sql("CREATE DATABASE test; CREATE TABLE test.t (id INT PRIMARY KEY); INSERT INTO test.t VALUES (1)")
        .await
        .unwrap();
    until_complete(&tidegate, &root).await;
    let file = |path: &str| {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "x").unwrap();
        path
    };
    let kept = [
        file("test/t/1/2022-01-01/notes.txt"),
        file("test/t/meta/2022-01-01/CDC000001.csv"),
        file("test/2022-01-01/CDC000001.csv"),
        file("test/t/1/2922-01-01/CDC000001.csv"),
        file("test/t/1/not-a-day/CDC000001.csv"),
        file("2022-01-01"),
    ];
    let expired = [
        file("test/t/1/2022-01-01/CDC000001.csv"),
        file("test/t/1/2022-01-02/CDC000002.json"),
        file("test/t/1/2022-01-02/meta/CDC.index"),
        file("test/2022-01-01/7/2022-01-02/CDC000001.csv"),
    ];
    eventually("old files are removed", || async {
        let left: Vec<_> = expired.iter().filter(|path| path.exists()).collect();
        if left.is_empty() {
            Ok(())
        } else {
            Err(format!("{left:?}\n{}", tidegate.log()))
        }
    })
    .await;
    for path in &kept {
        assert!(path.exists(), "{}", path.display());
    }
    assert!(
        !root.join("test/t/1/2022-01-02").exists(),
        "an empty folder goes too"
    );
    let mut rows = consumer::files(&root);
    rows.retain(|file| file.to_string_lossy().contains("CDC00000000000000000001.csv"));
    assert_eq!(rows.len(), 1, "what is new stays");
}
