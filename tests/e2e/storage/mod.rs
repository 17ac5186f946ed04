//! Storage sinks between a real database and a consumer: scenarios of the original under their names.

mod consumer;
mod crash;
mod rows;
mod scenarios;

use std::path::Path;

use serde_json::{Value, json};
use tidegate_mariadb::Server;

use crate::support::{Pair, Tidegate, contents, eventually};

/// Waits until everything committed so far is in the files below `root`.
async fn until_complete(tidegate: &Tidegate, root: &Path) {
    let tso = tidegate.post("/api/v2/tso", &json!({})).await.ok();
    let now = tso["timestamp"].as_u64().unwrap() << 18;
    eventually("the files are complete", || async {
        let reached = consumer::checkpoint(root);
        if reached > now {
            return Ok(());
        }
        let feeds = tidegate.get("/api/v2/changefeeds").await.body;
        Err(format!("{reached} of {now}: {feeds}\n{}", tidegate.log()))
    })
    .await;
}

/// Replays the files into a database and compares it with where they came from.
async fn replays_to(root: &Path, schemas: &[&str], upstream: &Server, downstream: &Server) {
    consumer::check_indexes(root);
    let sql = consumer::statements(root);
    downstream
        .sql(&sql)
        .await
        .unwrap_or_else(|error| panic!("{error}\n{sql}"));
    for schema in schemas {
        assert_eq!(
            contents(downstream, schema).await.unwrap(),
            contents(upstream, schema).await.unwrap(),
            "{}:\n{sql}",
            root.display()
        );
    }
}

/// Runs `scripts` while a changefeed for each of `feeds` (name, parameters, members of `sink`) writes files, and
/// replays each.
async fn scenario(
    feeds: &[(&str, &str, Value)],
    schemas: &[&str],
    scripts: &[&str],
) -> (Pair, Vec<std::path::PathBuf>) {
    let pair = Pair::start().await;
    let tidegate = pair.tidegate().await;
    let rules: Vec<String> = schemas.iter().map(|schema| format!("{schema}.*")).collect();
    let mut roots = Vec::new();
    for (name, parameters, sink) in feeds {
        let root = pair.dir.path().join(name);
        let uri = format!("file://{}?flush-interval=2s&{parameters}", root.display());
        let config = json!({"filter": {"rules": rules}, "sink": sink});
        tidegate.create(name, &uri, &config).await.ok();
        roots.push(root);
    }
    for script in scripts {
        pair.upstream.sql(script).await.unwrap();
    }
    for root in &roots {
        until_complete(&tidegate, root).await;
        let reset: String = schemas
            .iter()
            .map(|schema| format!("DROP DATABASE IF EXISTS `{schema}`;"))
            .collect();
        pair.downstream.sql(&reset).await.unwrap();
        replays_to(root, schemas, &pair.upstream, &pair.downstream).await;
    }
    (pair, roots)
}
