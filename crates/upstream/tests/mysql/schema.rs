//! Tables: what is known of them, and what happens to them.

use tidegate_model::{ColumnType, ErrorCode, Event, Generated, TableInfo};
use tidegate_upstream::Upstream;

use crate::harness::{Stream, job, options, server, start, store};

fn table_of(event: &Event) -> &TableInfo {
    match event {
        Event::Txn(txn) => txn.blocks[0].table(),
        other => panic!("no rows in {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalogue_adds_what_the_log_does_not_tell() {
    let server = server(&[]).await;
    server
        .sql(
            "CREATE DATABASE shop; CREATE TABLE shop.t (a INT(6) UNSIGNED ZEROFILL NOT NULL, j JSON, u UUID NOT NULL,
             v INT AS (a+1) VIRTUAL, s INT AS (a+2) STORED, d VARCHAR(10) DEFAULT 'it''s', UNIQUE KEY by_u (u));
             CREATE TABLE shop.nokey (a INT);
             CREATE TABLE shop.parent (a INT PRIMARY KEY); CREATE TABLE shop.child (a INT PRIMARY KEY, b INT,
             CONSTRAINT quiet FOREIGN KEY (b) REFERENCES parent (a),
             CONSTRAINT loud FOREIGN KEY (a) REFERENCES parent (a) ON DELETE CASCADE); CREATE SEQUENCE shop.seq; CREATE VIEW shop.w AS SELECT 1;
             CREATE TABLE shop.ver (a INT PRIMARY KEY) WITH SYSTEM VERSIONING;",
        )
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let source = start(options(&server, folder.path()), store(folder.path()))
        .await
        .unwrap();
    let mut stream = Stream::open(&source, source.now().await);
    server
        .sql(
            "USE shop; INSERT INTO nokey VALUES (1); INSERT INTO ver VALUES (1); SELECT NEXTVAL(seq);
             INSERT INTO t (a,j,u) VALUES (7,'{\"x\": 1}','123e4567-e89b-12d3-a456-426614174000');",
        )
        .await
        .unwrap();
    stream.until(|stream| !stream.events.is_empty()).await;
    let table = table_of(&stream.events[0]);
    let names: Vec<&str> = table.columns.iter().map(|c| &*c.name).collect();
    assert_eq!(names, ["a", "j", "u", "v", "s", "d"]);
    assert!(table.columns[0].unsigned && table.columns[0].zerofill);
    assert_eq!(table.columns[0].display_width, Some(6));
    assert_eq!(table.columns[1].ty, ColumnType::Json);
    assert_eq!(table.columns[2].ty, ColumnType::Uuid);
    assert_eq!(table.columns[3].generated, Generated::Virtual);
    assert_eq!(table.columns[4].generated, Generated::Stored);
    assert_eq!(table.columns[5].default.as_deref(), Some("it's"));
    assert_eq!(table.handle().map(|key| &*key.name), Some("by_u"));

    let listed = source.upstream.tables().await.unwrap();
    let of = |name: &str| listed.iter().find(|table| &*table.name.table == name);
    assert!(of("t").is_some_and(|t| t.eligible && t.id == table.id.0));
    assert!(of("nokey").is_some_and(|t| !t.eligible && t.unsupported.is_none()));
    assert!(of("seq").is_some_and(|t| t.unsupported.is_some()));
    assert!(of("ver").is_some_and(|t| t.unsupported.is_some()));
    assert!(of("w").is_none());
    assert!(of("child").is_some_and(|t| t.cascades == ["loud ON DELETE CASCADE"]));
    assert!(of("parent").is_some_and(|t| t.cascades.is_empty()));
    let info = source.upstream.probe().await.unwrap();
    let warned = info
        .warnings
        .iter()
        .any(|warning| warning.contains("shop.child (loud ON DELETE CASCADE)"));
    assert!(warned, "{:?}", info.warnings);
}

#[tokio::test(flavor = "multi_thread")]
async fn forced_replication_yields_rows_of_tables_without_a_key() {
    let server = server(&[]).await;
    server
        .sql("CREATE DATABASE shop; CREATE TABLE shop.nokey (a INT)")
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let source = start(options(&server, folder.path()), store(folder.path()))
        .await
        .unwrap();
    let mut forced = job(source.now().await);
    forced.force_replicate = true;
    let mut stream = Stream::open_job(&source, forced, 1 << 20);
    server.sql("INSERT INTO shop.nokey VALUES (1)").await.unwrap();
    stream.until_row("+shop.nokey 1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn renames_follow_the_selection_and_versions_survive() {
    let server = server(&[]).await;
    server
        .sql(
            "CREATE DATABASE shop; CREATE TABLE shop.a (id INT PRIMARY KEY); CREATE TABLE shop.tmp_a (id INT PRIMARY KEY);
             CREATE TABLE shop.tmp_b (id INT PRIMARY KEY); CREATE TABLE shop.nokey (id INT)",
        )
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let meta = store(folder.path());
    let source = start(options(&server, folder.path()), meta.clone())
        .await
        .unwrap();
    let begin = source.now().await;
    let mut stream = Stream::open(&source, begin);
    server
        .sql(
            "USE shop; INSERT INTO a VALUES (1); RENAME TABLE a TO b, tmp_a TO tmp_c, nokey TO keyless; INSERT INTO b VALUES (2);
             TRUNCATE TABLE b; INSERT INTO b VALUES (3); ALTER DATABASE shop CHARACTER SET utf8mb4;
             DROP TABLE b, tmp_c; CREATE TABLE b (id INT PRIMARY KEY); INSERT INTO b VALUES (4);",
        )
        .await
        .unwrap();
    stream.until_row("+shop.b 4").await;
    let texts = stream.texts();
    assert_eq!(texts[1], "rename table | RENAME TABLE `shop`.`a` TO `shop`.`b`");
    assert!(
        texts[3].starts_with("truncate table | TRUNCATE TABLE b"),
        "{}",
        texts[3]
    );
    assert!(
        texts[5].starts_with("modify schema charset and collate | "),
        "{}",
        texts[5]
    );
    assert_eq!(texts[6], "drop table | DROP TABLE IF EXISTS `shop`.`b`");
    let ids: Vec<i64> = [0, 2, 4, 8]
        .iter()
        .map(|&i| table_of(&stream.events[i]).id.0)
        .collect();
    assert_eq!(ids[0], ids[1], "a renamed table is the same table");
    assert!(ids[1] != ids[2] && ids[2] != ids[3], "{ids:?}");
    let versions: Vec<_> = [0, 2, 4, 8]
        .iter()
        .map(|&i| table_of(&stream.events[i]).version)
        .collect();
    stream.close().await;
    source.close().await;

    let source = start(options(&server, folder.path()), meta).await.unwrap();
    let mut again = Stream::open(&source, begin);
    again.until_row("+shop.b 4").await;
    let same: Vec<_> = [0, 2, 4, 8]
        .iter()
        .map(|&i| table_of(&again.events[i]).version)
        .collect();
    assert_eq!(same, versions);
    server.sql("RENAME TABLE shop.tmp_b TO shop.c").await.unwrap();
    assert_eq!(again.error().await.code(), ErrorCode::SyncRenameTableFailed);
}

/// CREATE TABLE .. SELECT is a schema change and rows in one group: a stream that starts between the two gets the rows.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_may_start_between_a_schema_change_and_its_rows() {
    let server = server(&[]).await;
    server.sql("CREATE DATABASE shop").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let source = start(options(&server, folder.path()), store(folder.path()))
        .await
        .unwrap();
    let begin = source.now().await;
    let mut stream = Stream::open(&source, begin);
    server
        .sql("USE shop; CREATE TABLE c (PRIMARY KEY (seq)) SELECT seq FROM seq_1_to_2; INSERT INTO c VALUES (9)")
        .await
        .unwrap();
    stream.until_row("+shop.c 9").await;
    let stamped = stream.stamped();
    assert_eq!(stamped.len(), 3);
    assert_eq!(stamped[1].1, "+shop.c 1\n+shop.c 2");
    let mut between = Stream::open(&source, stamped[0].0);
    between.until_row("+shop.c 9").await;
    assert_eq!(between.stamped(), stamped[1..]);
}

/// What the catalogue shows now is not what the rows of then belonged to.
#[tokio::test(flavor = "multi_thread")]
async fn rows_of_the_past_survive_what_became_of_their_table() {
    let server = server(&[]).await;
    server
        .sql(
            "CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY);
             CREATE TABLE shop.k (u INT NOT NULL, g INT AS (u+1) STORED, UNIQUE KEY (u));
             CREATE TABLE shop.v (id INT PRIMARY KEY)",
        )
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let source = start(options(&server, folder.path()), store(folder.path()))
        .await
        .unwrap();
    let begin = source.now().await;
    server
        .sql(
            "USE shop; INSERT INTO t VALUES (1); INSERT INTO k (u) VALUES (2); INSERT INTO v VALUES (3);
             ALTER TABLE t ADD a INT; RENAME TABLE t TO tmp_old; CREATE VIEW t AS SELECT * FROM tmp_old;
             ALTER TABLE k ADD n INT; ALTER TABLE v ADD SYSTEM VERSIONING; INSERT INTO v VALUES (4);
             CREATE TABLE last (id INT PRIMARY KEY); INSERT INTO last VALUES (5)",
        )
        .await
        .unwrap();
    source.now().await;
    let mut stream = Stream::open(&source, begin);
    stream.until_row("+shop.last 5").await;
    let texts = stream.texts();
    assert_eq!(texts[..3], ["+shop.t 1", "+shop.k 2,3", "+shop.v 3"]);
    assert_eq!(texts[3], "add column | ALTER TABLE t ADD a INT");
    assert!(!texts.contains(&"+shop.v 4".to_owned()), "{texts:#?}");
    let table = table_of(&stream.events[1]);
    assert_eq!(table.columns[1].generated, Generated::Stored);
    assert_eq!(table.handle().map(|key| &*key.columns), Some(&[0][..]));
}

/// A server that ignores case logs statements as they were typed, and rows in lower case.
#[tokio::test(flavor = "multi_thread")]
async fn names_are_one_however_they_were_typed() {
    let server = server(&["--lower-case-table-names=1"]).await;
    server
        .sql("CREATE DATABASE Shop; CREATE TABLE Shop.Item (id INT PRIMARY KEY)")
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let source = start(options(&server, folder.path()), store(folder.path()))
        .await
        .unwrap();
    let mut stream = Stream::open(&source, source.now().await);
    server
        .sql(
            "USE SHOP; INSERT INTO ITEM VALUES (1); ALTER TABLE Item ADD COLUMN n INT; INSERT INTO item VALUES (2,2);
             RENAME TABLE Item TO SHOP.Things; CREATE TABLE TMP_X (id INT); INSERT INTO Things VALUES (3,3)",
        )
        .await
        .unwrap();
    stream.until_row("+shop.things 3,3").await;
    assert_eq!(
        stream.texts(),
        [
            "+shop.item 1",
            "add column | ALTER TABLE Item ADD COLUMN n INT",
            "+shop.item 2,2",
            "rename table | RENAME TABLE Item TO SHOP.Things",
            "+shop.things 3,3",
        ]
    );
    let (then, now) = (table_of(&stream.events[0]), table_of(&stream.events[4]));
    assert_eq!(then.id, now.id, "a renamed table is the same table");
    assert!(then.version < now.version);
    let error = {
        let stream = Stream::open(&source, source.now().await);
        server
            .sql("SET SESSION binlog_format=STATEMENT; UPDATE SHOP.THINGS SET n=1")
            .await
            .unwrap();
        stream.error().await
    };
    assert_eq!(error.code(), ErrorCode::StatementBinlog);
}

/// Two statements in quick succession: at the first one the catalogue is further already. It was sent, for a table
/// that the downstream does not have.
#[tokio::test(flavor = "multi_thread")]
async fn every_change_of_a_table_without_a_key_is_left_out() {
    let server = server(&[]).await;
    server
        .sql("CREATE DATABASE shop; CREATE TABLE shop.old (a INT); CREATE TABLE shop.item (id INT PRIMARY KEY)")
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let meta = store(folder.path());
    let source = start(options(&server, folder.path()), meta.clone())
        .await
        .unwrap();
    let mut stream = Stream::open(&source, source.now().await);
    server
        .sql(
            "USE shop; ALTER TABLE old ADD b INT; ALTER TABLE old ADD c INT; CREATE TABLE new (a INT);
             INSERT INTO item VALUES (1)",
        )
        .await
        .unwrap();
    stream.until_row("+shop.item 1").await;
    assert_eq!(stream.texts(), ["+shop.item 1"]);
    let resolved = stream.resolved;
    stream.close().await;
    source.close().await;

    // After a restart, and when the catalogue has forgotten the table.
    server
        .sql(
            "USE shop; INSERT INTO new VALUES (1); ALTER TABLE new ADD b INT; RENAME TABLE new TO newer;
             ALTER TABLE newer ADD c INT; DROP TABLE newer; INSERT INTO item VALUES (2)",
        )
        .await
        .unwrap();
    let source = start(options(&server, folder.path()), meta).await.unwrap();
    let mut stream = Stream::open(&source, resolved);
    stream.until_row("+shop.item 2").await;
    let changes: Vec<String> = stream
        .texts()
        .into_iter()
        .filter(|text| !text.starts_with('+'))
        .collect();
    assert_eq!(changes, [""; 0]);
}

/// Rows from before a change that was made while nobody ran: their JSON column arrived as text.
#[tokio::test(flavor = "multi_thread")]
async fn old_rows_keep_what_the_catalogue_said_of_them_over_a_restart() {
    let server = server(&[]).await;
    server
        .sql("CREATE DATABASE shop; CREATE TABLE shop.doc (id INT PRIMARY KEY, doc JSON, note TEXT);")
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let source = start(options(&server, folder.path()), store(folder.path()))
        .await
        .unwrap();
    let from = source.now().await;
    server
        .sql("INSERT INTO shop.doc VALUES (1, '{}', 'first')")
        .await
        .unwrap();
    let mut stream = Stream::open(&source, from);
    stream.until_row("1,{},first").await;
    // What it learnt is durable with the next resolved-ts.
    stream.until_resolved(source.now().await).await;
    stream.close().await;
    source.close().await;
    server
        .sql(
            "ALTER TABLE shop.doc MODIFY doc LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
             INSERT INTO shop.doc VALUES (2, '{}', 'second')",
        )
        .await
        .unwrap();
    let source = start(options(&server, folder.path()), store(folder.path()))
        .await
        .unwrap();
    let mut stream = Stream::open(&source, from);
    stream.until_row("2,{},second").await;
    let types: Vec<ColumnType> = stream
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Txn(txn) => Some(txn.blocks[0].table().columns[1].ty.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(types, [ColumnType::Json, ColumnType::LongText]);
}
