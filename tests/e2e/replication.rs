//! Every column type and the common DDLs, into a database and into files.

use serde_json::{Value, json};

use crate::golden;
use crate::support::{Pair, Tidegate, eventually};

const TABLES: &str = include_str!("sql/tables.sql");
const CHANGES: &str = include_str!("sql/changes.sql");
const DDL: &str = include_str!("sql/ddl.sql");

fn files_config(protocol: &str) -> Value {
    json!({
        "force_replicate": false,
        "filter": {"rules": ["types.*"]},
        "sink": {"protocol": protocol, "date_separator": "none", "csv": {"include_commit_ts": false, "delimiter": ",", "quote": "\"", "null": "\\N", "binary_encoding_method": "hex"}},
    })
}

/// Waits until the checkpoint of a changefeed has passed everything that is now in the upstream.
pub(crate) async fn wait_until_synced(tidegate: &Tidegate, id: &str) {
    let tso = tidegate.post("/api/v2/tso", &json!({})).await.ok();
    let physical = tso["timestamp"].as_u64().unwrap();
    eventually(&format!("{id} has everything"), || async {
        let detail = tidegate.get(&format!("/api/v2/changefeeds/{id}")).await.ok();
        let checkpoint = detail["checkpoint_ts"].as_u64().unwrap();
        if checkpoint >> 18 >= physical {
            Ok(())
        } else {
            Err(format!("{detail}\n{}", tidegate.log()))
        }
    })
    .await;
}

#[tokio::test]
async fn every_type_arrives_in_a_database_and_in_files() {
    let pair = Pair::start().await;
    let tidegate = pair.tidegate().await;
    let dir = pair.dir.path();
    let csv = format!("file://{}?flush-interval=2s", dir.join("csv").display());
    let canal = format!(
        "file://{}?flush-interval=2s&enable-tidb-extension=true",
        dir.join("canal").display()
    );
    tidegate
        .create(
            "database",
            &pair.sink_uri(),
            &json!({"filter": {"rules": ["types.*"]}}),
        )
        .await
        .ok();
    tidegate.create("csv", &csv, &files_config("csv")).await.ok();
    tidegate
        .create("canal", &canal, &files_config("canal-json"))
        .await
        .ok();

    for script in [TABLES, CHANGES] {
        pair.upstream.sql(script).await.unwrap();
    }
    pair.converge("types", &tidegate).await;
    for id in ["csv", "canal"] {
        wait_until_synced(&tidegate, id).await;
    }
    for (table, text) in golden::read_files(&dir.join("csv"), ".csv") {
        golden::check(&format!("{table}.csv"), &text);
    }
    for (table, text) in golden::read_files(&dir.join("canal"), ".json") {
        let lines: Vec<String> = text
            .lines()
            .map(|line| {
                if line.starts_with('{') {
                    golden::normalise_canal_json(line)
                } else {
                    line.to_owned()
                }
            })
            .collect();
        golden::check(&format!("{table}.canal.json"), &(lines.join("\n") + "\n"));
    }
    let written = golden::read_files(&dir.join("csv"), ".csv");
    assert_eq!(
        written.keys().collect::<Vec<_>>(),
        ["types.numbers", "types.strings", "types.times"]
    );
}

#[tokio::test]
async fn schema_changes_between_rows_are_followed() {
    let pair = Pair::start().await;
    let tidegate = pair.tidegate().await;
    tidegate
        .create(
            "ddl",
            &pair.sink_uri(),
            &json!({"filter": {"rules": ["shop.*", "shop2.*"]}}),
        )
        .await
        .ok();
    pair.upstream.sql(DDL).await.unwrap();
    pair.converge("shop", &tidegate).await;
    pair.converge("shop2", &tidegate).await;
}

#[tokio::test]
async fn a_filter_decides_which_tables_are_replicated() {
    let pair = Pair::start().await;
    let tidegate = pair.tidegate().await;
    let rules = json!({"filter": {"rules": ["shop.*", "!shop.secret"]}});
    tidegate.create("filtered", &pair.sink_uri(), &rules).await.ok();
    pair.upstream
        .sql(
            "CREATE DATABASE other; CREATE DATABASE shop; CREATE TABLE other.t (id INT PRIMARY KEY);
             CREATE TABLE shop.secret (id INT PRIMARY KEY); CREATE TABLE shop.open (id INT PRIMARY KEY);
             INSERT INTO other.t VALUES (1); INSERT INTO shop.secret VALUES (1); INSERT INTO shop.open VALUES (1)",
        )
        .await
        .unwrap();
    eventually("the row arrives", || async {
        let rows = pair
            .downstream
            .sql("SELECT id FROM shop.open")
            .await
            .map_err(|error| error.to_string())?;
        if rows == "1\n" { Ok(()) } else { Err(rows) }
    })
    .await;
    let tables = "SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema IN ('shop', 'other')";
    assert_eq!(pair.downstream.sql(tables).await.unwrap(), "shop\topen\n");
}

#[tokio::test]
async fn a_changefeed_starts_where_it_was_told_to() {
    let pair = Pair::start().await;
    let tidegate = pair.tidegate().await;
    let tables = "CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY)";
    pair.upstream
        .sql(&format!("{tables}; INSERT INTO shop.t VALUES (1)"))
        .await
        .unwrap();
    // The downstream was loaded by other means up to here.
    pair.downstream
        .sql(&format!("{tables}; INSERT INTO shop.t VALUES (1)"))
        .await
        .unwrap();
    tidegate.create("late", &pair.sink_uri(), &json!({})).await.ok();
    pair.upstream
        .sql("INSERT INTO shop.t VALUES (2); UPDATE shop.t SET id = 3 WHERE id = 1")
        .await
        .unwrap();
    pair.converge("shop", &tidegate).await;
}

/// MariaDB logs whole seconds. A `tso` in the middle of one was above the commits that followed it in that second, so a
/// changefeed that started there missed them.
#[tokio::test]
async fn a_tso_is_a_place_to_start_from() {
    let pair = Pair::start().await;
    let tidegate = pair.tidegate().await;
    let tables = "CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY)";
    pair.upstream.sql(tables).await.unwrap();
    pair.downstream.sql(tables).await.unwrap();
    let tso = tidegate.post("/api/v2/tso", &json!({})).await.ok();
    pair.upstream
        .sql("INSERT INTO shop.t VALUES (1), (2)")
        .await
        .unwrap();
    let start_ts = (tso["timestamp"].as_u64().unwrap() << 18) + tso["logic_time"].as_u64().unwrap();
    let body = json!({"changefeed_id": "from-then", "sink_uri": pair.sink_uri(), "start_ts": start_ts});
    tidegate.post("/api/v2/changefeeds", &body).await.ok();
    pair.converge("shop", &tidegate).await;
}
