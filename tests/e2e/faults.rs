//! What goes wrong around the server, and how it shows.

use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate_mariadb::{Server, ServerOptions, User};

use crate::support::{Pair, Tidegate, eventually, free_port, refusal};

const TABLE: &str = "CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY, v INT);";

#[tokio::test]
async fn an_upstream_that_restarts_is_followed_again() {
    let mut pair = Pair::start().await;
    let tidegate = pair.tidegate().await;
    tidegate.create("feed", &pair.sink_uri(), &json!({})).await.ok();
    pair.upstream
        .sql(&format!("{TABLE} INSERT INTO shop.t VALUES (1, 1)"))
        .await
        .unwrap();
    pair.converge("shop", &tidegate).await;
    pair.upstream.restart().await.unwrap();
    pair.upstream
        .sql("INSERT INTO shop.t VALUES (2, 2); UPDATE shop.t SET v = 9 WHERE id = 1")
        .await
        .unwrap();
    pair.converge("shop", &tidegate).await;
    pair.upstream.kill().await.unwrap();
    pair.upstream.restart().await.unwrap();
    pair.upstream
        .sql("DELETE FROM shop.t WHERE id = 1; INSERT INTO shop.t VALUES (3, 3)")
        .await
        .unwrap();
    pair.converge("shop", &tidegate).await;
}

#[tokio::test]
async fn a_downstream_that_comes_back_gets_everything() {
    let mut pair = Pair::start().await;
    let tidegate = pair.tidegate().await;
    tidegate.create("feed", &pair.sink_uri(), &json!({})).await.ok();
    pair.upstream.sql(TABLE).await.unwrap();
    pair.converge("shop", &tidegate).await;
    pair.downstream.kill().await.unwrap();
    pair.upstream
        .sql("INSERT INTO shop.t VALUES (1, 1), (2, 2)")
        .await
        .unwrap();
    let detail = tidegate.wait_for_state("feed", "warning").await;
    assert!(!detail.to_string().contains(User::Root.password()), "{detail}");
    pair.downstream.restart().await.unwrap();
    pair.converge("shop", &tidegate).await;
    tidegate.wait_for_state("feed", "normal").await;
}

#[tokio::test]
async fn one_data_directory_has_one_server() {
    let pair = Pair::start().await;
    let first = pair.tidegate().await;
    let second = Tidegate::spawn(&pair.upstream_uri(), pair.dir.path(), free_port());
    let message = refusal(second).await;
    assert!(
        message.contains("data-dir") || message.contains("in use") || message.contains("lock"),
        "{message}"
    );
    first.get("/api/v2/health").await.ok();
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let pair = Pair::start().await;
    let first = pair.tidegate().await;
    let other = TempDir::new().unwrap();
    let second = Tidegate::spawn(&pair.upstream_uri(), other.path(), first.port);
    let message = refusal(second).await;
    assert!(message.contains(&first.port.to_string()), "{message}");
}

#[tokio::test]
async fn a_wrong_password_is_one_line_without_the_password() {
    let upstream = Server::start(ServerOptions::default()).await.unwrap();
    let dir = TempDir::new().unwrap();
    let uri = format!("mysql://tidegate:sesame-open@127.0.0.1:{}/", upstream.port());
    let server = Tidegate::spawn(&uri, dir.path(), free_port());
    let log = refusal(server).await;
    assert!(
        log.to_lowercase().contains("denied") && !log.contains("sesame"),
        "{log}"
    );
}

#[tokio::test]
async fn an_upstream_out_of_reach_is_one_line() {
    let dir = TempDir::new().unwrap();
    let port = free_port();
    let server = Tidegate::spawn(
        &format!("mysql://u:sesame@127.0.0.1:{port}/"),
        dir.path(),
        free_port(),
    );
    let log = refusal(server).await;
    assert!(
        log.contains(&port.to_string()) && !log.contains("sesame"),
        "{log}"
    );
}

/// Starts the server on an upstream with one wrong setting and answers the refusal, be it at the start or when a
/// changefeed is created.
async fn refusal_for_setting(setting: &str) -> String {
    let options = ServerOptions {
        extra_args: vec![setting.to_owned()],
        ..ServerOptions::default()
    };
    let upstream = Server::start(options).await.unwrap();
    let dir = TempDir::new().unwrap();
    let mut tidegate = Tidegate::spawn(&upstream.uri(User::Replication), dir.path(), free_port());
    let port = tidegate.port;
    let answer = eventually("an answer", || {
        let ended = tidegate.child.try_wait().unwrap();
        async move {
            if ended.is_some() {
                return Ok(None);
            }
            let body = json!({"changefeed_id": "feed", "sink_uri": "blackhole://"});
            let answer = crate::http::request(port, "POST", "/api/v2/changefeeds", &body).await;
            answer.map(Some).map_err(|error| error.to_string())
        }
    })
    .await;
    match answer {
        None => refusal(tidegate).await,
        Some(answer) => {
            assert!(answer.status >= 400, "{answer:?}");
            answer.body.to_string()
        }
    }
}

#[tokio::test]
async fn unfit_upstream_settings_are_named_with_their_remedy() {
    for (setting, variable) in [
        ("--binlog-format=STATEMENT", "binlog_format"),
        ("--binlog-row-image=MINIMAL", "binlog_row_image"),
        ("--binlog-row-metadata=MINIMAL", "binlog_row_metadata"),
        ("--skip-log-bin", "log_bin"),
    ] {
        let message = refusal_for_setting(setting).await;
        assert!(message.contains(variable), "{setting}: {message}");
    }
}

#[tokio::test]
async fn a_statement_that_hides_rows_stops_the_changefeed() {
    let pair = Pair::start().await;
    let tidegate = pair.tidegate().await;
    tidegate.create("feed", &pair.sink_uri(), &json!({})).await.ok();
    pair.upstream.sql(TABLE).await.unwrap();
    pair.converge("shop", &tidegate).await;
    pair.upstream
        .sql("SET SESSION binlog_format = STATEMENT; INSERT INTO shop.t VALUES (1, 1)")
        .await
        .unwrap();
    let detail = tidegate.wait_for_state("feed", "failed").await;
    assert_eq!(detail["error"]["code"], "CDC:ErrStatementBinlog", "{detail}");
}

#[tokio::test]
async fn a_sink_out_of_reach_is_refused_at_creation() {
    let pair = Pair::start().await;
    let tidegate = pair.tidegate().await;
    let port = free_port();
    let answer = tidegate
        .create(
            "feed",
            &format!("mysql://root:sesame@127.0.0.1:{port}/"),
            &Value::Null,
        )
        .await;
    assert_eq!(
        (answer.status, answer.code()),
        (400, "CDC:ErrMySQLConnectionError"),
        "{answer:?}"
    );
    assert!(!answer.body.to_string().contains("sesame"), "{answer:?}");
    assert_eq!(tidegate.get("/api/v2/changefeeds").await.ok()["total"], 0);
}

#[tokio::test]
async fn a_table_without_a_key_is_refused_unless_wanted() {
    let pair = Pair::start().await;
    let tidegate = pair.tidegate().await;
    let keyless = "CREATE DATABASE shop; CREATE TABLE shop.keyless (v INT);";
    pair.upstream.sql(keyless).await.unwrap();
    pair.downstream.sql(keyless).await.unwrap();
    let answer = tidegate.create("feed", &pair.sink_uri(), &json!({})).await;
    assert_eq!(
        (answer.status, answer.code()),
        (400, "CDC:ErrTableIneligible"),
        "{answer:?}"
    );
    tidegate
        .create(
            "ignored",
            "blackhole://",
            &json!({"ignore_ineligible_table": true}),
        )
        .await
        .ok();
    tidegate
        .create("forced", &pair.sink_uri(), &json!({"force_replicate": true}))
        .await
        .ok();
    pair.upstream
        .sql("INSERT INTO shop.keyless VALUES (1), (1), (NULL); DELETE FROM shop.keyless WHERE v = 1 LIMIT 1; UPDATE shop.keyless SET v = 5 WHERE v IS NULL")
        .await
        .unwrap();
    pair.converge("shop", &tidegate).await;
}
