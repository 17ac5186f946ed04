//! What comes out of the stream, and with which timestamps.

use tidegate_model::Event;

use crate::harness::{Stream, options, server, start, store};

const ITEMS: &str = "CREATE DATABASE shop; CREATE TABLE shop.item (id INT PRIMARY KEY, name VARCHAR(20));";

#[tokio::test(flavor = "multi_thread")]
async fn rows_and_schema_changes_arrive_in_order() {
    let server = server(&[]).await;
    server.sql(ITEMS).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let source = start(options(&server, folder.path()), store(folder.path()))
        .await
        .unwrap();
    let mut stream = Stream::open(&source, source.now().await);
    server
        .sql(
            "USE shop; INSERT INTO item VALUES (1,'a'),(2,'b');
             BEGIN; UPDATE item SET name='c' WHERE id=1; DELETE FROM item WHERE id=2; COMMIT;
             CREATE TABLE tmp_x (id INT PRIMARY KEY); INSERT INTO tmp_x VALUES (1);
             ALTER TABLE item ADD COLUMN n INT;
             CREATE TABLE copy (PRIMARY KEY (id)) SELECT * FROM item;
             INSERT INTO item VALUES (3,'end',7);",
        )
        .await
        .unwrap();
    stream.until_row("3,end,7").await;
    assert_eq!(
        stream.texts(),
        [
            "+shop.item 1,a\n+shop.item 2,b",
            "~shop.item 1,a > 1,c\n-shop.item 2,b",
            "add column | ALTER TABLE item ADD COLUMN n INT",
            "create table | CREATE TABLE `copy` (\n  `id` int(11) NOT NULL,\n  `name` varchar(20) DEFAULT NULL,\n  `n` int(11) DEFAULT NULL,\n  PRIMARY KEY (`id`)\n)",
            "+shop.copy 1,c,NULL",
            "+shop.item 3,end,7",
        ]
    );
    let stamps: Vec<u64> = stream.stamped().iter().map(|(ts, _)| ts.as_u64()).collect();
    assert!(stamps.windows(2).all(|w| w[1] >= w[0] + 2), "{stamps:?}");
    let Event::Ddl(ddl) = &stream.events[2] else {
        panic!("not a schema change");
    };
    let info = ddl.tables[0]
        .info
        .as_ref()
        .expect("the catalogue still has this version");
    assert_eq!(info.columns.len(), 3);
    assert_eq!(info.version, ddl.commit_ts);
    assert_eq!(ddl.schema.as_ref(), "shop");
}
