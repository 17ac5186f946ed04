//! The integration scenarios of TiCDC under their own names; `docs/testing-scenarios.md` maps every one of them.
//!
//! All share one upstream, one downstream and one server. Each has a schema and a changefeed of its own, both named
//! after it.

mod core;
mod ddl;
mod event_filter;
mod lifecycle;

use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::support::{Pair, Tidegate, converge, eventually};

struct Shared {
    pair: Pair,
    tidegate: Tidegate,
}

static SHARED: OnceCell<Shared> = OnceCell::const_new();

/// One scenario: a schema that is replicated.
pub(crate) struct Scenario {
    shared: &'static Shared,
    name: &'static str,
}

impl Scenario {
    /// Replicates the schema `name` from now on.
    pub(crate) async fn start(name: &'static str) -> Self {
        Self::with(name, json!({})).await
    }

    /// The same with more members of `replica_config`.
    pub(crate) async fn with(name: &'static str, config: Value) -> Self {
        let scenario = Self::prepare(name).await;
        scenario.create(name, "", config).await;
        scenario
    }

    /// Replicates nothing yet; the schema is there on both sides.
    pub(crate) async fn prepare(name: &'static str) -> Self {
        // Servers in a static are never dropped: their watchdogs end them with the process.
        let shared = SHARED
            .get_or_init(|| async {
                let pair = Pair::start().await;
                let tidegate = pair.tidegate().await;
                Shared { pair, tidegate }
            })
            .await;
        let scenario = Scenario { shared, name };
        let create = format!("CREATE DATABASE {name}");
        scenario.shared.pair.upstream.sql(&create).await.unwrap();
        scenario.shared.pair.downstream.sql(&create).await.unwrap();
        scenario
    }

    /// Creates a changefeed of the schema; `parameters` of the sink URI begin with a question mark.
    pub(crate) async fn create(&self, feed: &str, parameters: &str, mut config: Value) {
        if config["filter"]["rules"].is_null() {
            config["filter"]["rules"] = json!([format!("{}.*", self.name)]);
        }
        let uri = format!("{}{parameters}", self.shared.pair.sink_uri());
        self.tidegate()
            .create(&feed.replace('_', "-"), &uri, &config)
            .await
            .ok();
    }

    pub(crate) fn tidegate(&self) -> &Tidegate {
        &self.shared.tidegate
    }

    /// Path of the scenario's changefeed with `rest` behind it.
    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/api/v2/changefeeds/{}{rest}", self.feed())
    }

    pub(crate) fn feed(&self) -> String {
        self.name.replace('_', "-")
    }

    /// Runs statements upstream, in the scenario's schema.
    pub(crate) async fn up(&self, sql: &str) -> String {
        let sql = format!("USE {}; {sql}", self.name);
        self.shared.pair.upstream.sql(&sql).await.unwrap()
    }

    /// Runs statements downstream, in the scenario's schema.
    pub(crate) async fn down(&self, sql: &str) -> String {
        let sql = format!("USE {}; {sql}", self.name);
        self.shared.pair.downstream.sql(&sql).await.unwrap()
    }

    /// Waits until the downstream is equal.
    pub(crate) async fn equal(&self) {
        let Pair {
            upstream, downstream, ..
        } = &self.shared.pair;
        converge(upstream, downstream, self.name, self.tidegate()).await;
    }

    /// Waits until everything that is in the upstream now has gone through: a schema change is a barrier.
    pub(crate) async fn passed(&self, marker: &str) {
        self.up(&format!("CREATE TABLE {marker} (id INT PRIMARY KEY)"))
            .await;
        let exists = format!("SHOW TABLES LIKE '{marker}'");
        eventually(&format!("{marker} arrives"), || async {
            if self.down(&exists).await.is_empty() {
                Err(self.tidegate().get(&self.path("")).await.body.to_string())
            } else {
                Ok(())
            }
        })
        .await;
    }
}
