//! Secrets at rest and on every way out.

use std::process::Stdio;

use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate_mariadb::{Server, ServerOptions, User};
use tidegate_s3server::{S3Server, SECRET_KEY};

use crate::client::send;
use crate::guarded::{Guarded, basic, holds, is_healthy, launch, secret, user};
use crate::server::{api, command, free_port};

const SINK_PASSWORD: &str = "tr3asure-chest";
const ADMIN_PASSWORD: &str = "adm1n-passphrase";
const VIEWER_PASSWORD: &str = "v1ewer-passphrase";

/// The whole life of a changefeed with a password in its sink URI: the password, and those of the users, are in no
/// answer, no page, no metric, no log line and no file.
#[tokio::test]
async fn secrets_are_nowhere_to_be_read() {
    let downstream = Server::start(ServerOptions::default()).await.unwrap();
    let account =
        format!("CREATE USER sink@'%' IDENTIFIED BY '{SINK_PASSWORD}'; GRANT ALL ON *.* TO sink@'%'");
    downstream.sql(&account).await.unwrap();
    let token = secret("new-token", "");
    let settings = format!(
        "{}{}[[security.tokens]]\nname = 'prometheus'\nhash = '{}'\nrole = 'metrics'\n",
        user("root", ADMIN_PASSWORD, "admin"),
        user("reader", VIEWER_PASSWORD, "viewer"),
        token[1]
    );
    let mut server = Guarded::start(&settings, is_healthy).await;
    let (admin, reader) = (basic("root", ADMIN_PASSWORD), basic("reader", VIEWER_PASSWORD));
    let uri = |password: &str| format!("mysql://sink:{password}@127.0.0.1:{}/", downstream.port());
    let create = json!({"changefeed_id": "masked", "sink_uri": uri(SINK_PASSWORD), "replica_config": {"filter": {"rules": ["keyed.*"]}}});
    let wrong = json!({"changefeed_id": "wrong", "sink_uri": uri("tr3asure-chest-2"), "replica_config": {"filter": {"rules": ["keyed.*"]}}});
    let feed = "/api/v2/changefeeds/masked";
    let login = format!("user=root&password={ADMIN_PASSWORD}");
    let mistaken = format!("user={ADMIN_PASSWORD}&password=x");
    let mut seen = vec![
        server
            .call(&admin, "POST", "/api/v2/changefeeds", &create.to_string())
            .await,
        server
            .call(&admin, "POST", "/api/v2/changefeeds", &wrong.to_string())
            .await,
        server
            .call(&admin, "POST", "/api/v2/verify_table", &create.to_string())
            .await,
        server.call(&reader, "POST", &format!("{feed}/pause"), "").await,
        server.call(&admin, "POST", &format!("{feed}/pause"), "").await,
        server
            .call(
                &admin,
                "PUT",
                feed,
                &json!({"sink_uri": uri("tr3asure-chest-3")}).to_string(),
            )
            .await,
        server
            .call(
                &admin,
                "PUT",
                feed,
                &json!({"replica_config": {"memory_quota": 1 << 28}}).to_string(),
            )
            .await,
        server.call(&admin, "POST", &format!("{feed}/resume"), "").await,
        server
            .call(&basic("root", "tr3asure-guess"), "GET", feed, "")
            .await,
        server
            .call("Authorization: Bearer tdg_tr3asure", "GET", feed, "")
            .await,
        send(server.port, "POST", "/ui/login", &[], &login).await,
        send(server.port, "POST", "/ui/login", &[], &mistaken).await,
    ];
    let statuses: Vec<u16> = seen.iter().map(|answer| answer.status).collect();
    assert_eq!(
        statuses,
        [200, 400, 200, 403, 200, 400, 200, 200, 401, 401, 303, 401],
        "{seen:#?}"
    );
    assert_eq!(
        seen[3].refusal(403, "CDC:ErrUnauthorized"),
        "[CDC:ErrUnauthorized]user reader unauthorized, error: the role operator is needed, reader is viewer"
    );
    let session = seen[10]
        .header("set-cookie")
        .split(';')
        .next()
        .unwrap_or_default()
        .to_owned();
    assert!(session.starts_with("tidegate_session="), "{:?}", seen[10]);
    // The mistyped name comes back to who typed it, and to nobody else.
    assert!(seen.pop().unwrap().body.contains("Wrong user name or password."));
    for path in [
        feed,
        "/api/v2/changefeeds/masked/status",
        "/api/v2/changefeeds/masked/meta_info",
        "/api/v2/changefeeds?state=all",
        "/api/v2/processors",
        "/api/tidegate/v1/server",
        "/api/tidegate/v1/live",
        "/api/tidegate/v1/activity",
        "/metrics",
        "/debug/info",
        "/config",
        "/status",
        "/swagger/doc.json",
        "/ui",
        "/ui/changefeeds",
        "/ui/changefeeds/default/masked",
        "/ui/changefeeds/default/masked/config",
        "/ui/changefeeds/default/masked/api",
        "/ui/activity",
        "/ui/captures",
        "/ui/logs",
    ] {
        let answer = server.call(&format!("Cookie: {session}"), "GET", path, "").await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        seen.push(answer);
    }
    let metrics = format!("Authorization: Bearer {}", token[0]);
    assert_eq!(server.call(&metrics, "GET", "/metrics", "").await.status, 200);
    assert_eq!(server.call(&metrics, "GET", "/status", "").await.status, 403);
    let id = session.split_once('=').unwrap().1;
    let secrets = [
        "tr3asure",
        ADMIN_PASSWORD,
        VIEWER_PASSWORD,
        User::Replication.password(),
        &token[0],
        id,
    ];
    for answer in &seen {
        let head = answer.head.replace(&session, "");
        for secret in secrets {
            assert!(
                !head.contains(secret) && !answer.body.contains(secret),
                "{secret} is in {answer:?}"
            );
        }
    }
    // As after a crash: whatever is on the disk now has to be enough.
    server.kill();
    let data = server.dir.path().join("data");
    for secret in secrets {
        assert!(!server.log().contains(secret), "{secret} is in the log");
        assert_eq!(holds(&data, secret), None, "{secret}");
    }
    survives(&server, &admin).await;
}

/// What a server that was killed knows when it is back, and what it says without its key.
async fn survives(server: &Guarded, admin: &str) {
    let key = server.dir.path().join("data/encryption.key");
    let hidden = server.dir.path().join("hidden.key");
    std::fs::rename(&key, &hidden).unwrap();
    let refused = command(free_port(), server.dir.path())
        .arg(format!("--config={}", server.config.display()))
        .arg(format!("--log-file={}", server.dir.path().join("log2").display()))
        .env(
            "TIDEGATE_UPSTREAM_URI",
            api().await.database.uri(User::Replication),
        )
        .env("TIDEGATE_ENCRYPTION_KEY", &secret("new-key", "")[0])
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let text = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{text}");
    assert!(
        text.contains("CDC:ErrEncryptionKey")
            && text.contains("changefeed default/masked is encrypted with key"),
        "{text}"
    );
    std::fs::rename(&hidden, &key).unwrap();

    let (port, mut process, _watchdog) = launch(server.dir.path(), &server.config, is_healthy).await;
    let activity = send(port, "GET", "/api/tidegate/v1/activity?limit=200", &[admin], "")
        .await
        .ok();
    let filtered = send(
        port,
        "GET",
        "/api/tidegate/v1/activity?changefeed_id=masked&limit=2",
        &[admin],
        "",
    )
    .await
    .ok();
    let odd = send(port, "GET", "/api/tidegate/v1/activity?limit=0", &[admin], "").await;
    process.kill().unwrap();
    process.wait().unwrap();
    let told: Vec<String> = activity["items"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .map(|entry| {
            format!(
                "{} {} {}",
                entry["actor"]["name"].as_str().unwrap(),
                entry["action"].as_str().unwrap(),
                entry["result"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "root create done",
            "root create failed",
            "reader pause refused",
            "root pause done",
            "root update failed",
            "root update done",
            "root resume done",
            " login refused",
            "root login done",
            " login refused",
            "prometheus GET /status refused",
        ]
    );
    let update = &activity["items"][5];
    assert_eq!(
        update["changes"],
        json!([{"path": "/config/memory_quota", "from": 1 << 30, "to": 1 << 28}])
    );
    assert_eq!(
        (update["address"].clone(), update["status"].clone()),
        (json!("127.0.0.1"), json!(200))
    );
    let actions: Vec<&Value> = filtered["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["action"])
        .collect();
    assert_eq!(actions, ["resume", "update"]);
    assert!(filtered["next_cursor"].is_u64());
    odd.refusal(400, "CDC:ErrAPIInvalidParam");
}

/// Bodies of creations with secrets in every place that may have one; all but the first two are refused.
fn bodies_with_secrets(bucket: &S3Server) -> Vec<String> {
    let filter = json!({"rules": ["keyed.*"]});
    let with_uri = |id: &str, uri: &str| {
        json!({"changefeed_id": id, "sink_uri": uri, "replica_config": {"filter": filter}}).to_string()
    };
    let mut bodies = vec![
        with_uri("bucket", &bucket.uri("secrets", "protocol=csv")),
        with_uri(
            "nowhere",
            "blackhole://u:tr3asure-1@h/?sasl-password=tr3asure-2&session-token=tr3asure-3",
        ),
    ];
    let sinks = [
        json!({"kafka_config": {"sasl_user": "u", "sasl_password": "tr3asure-4", "sasl_gssapi_password": "tr3asure-5",
            "sasl_oauth_client_secret": "tr3asure-6", "key": "tr3asure-7",
            "large_message_handle": {"large_message_handle_option": "claim-check",
                "claim_check_storage_uri": "s3://b/p?secret-access-key=tr3asure-8"}}}),
        json!({"kafka_config": {"glue_schema_registry_config": {"registry_name": "r", "region": "r",
            "access_key": "tr3asure-9", "secret_access_key": "tr3asure-10", "token": "tr3asure-11"}}}),
        json!({"pulsar_config": {"authentication-token": "tr3asure-12", "basic-user-name": "u", "basic-password": "tr3asure-13",
            "oauth2": {"oauth2-private-key": "tr3asure-14"}}}),
        json!({"schema_registry": "http://u:tr3asure-15@registry/"}),
        json!({"kafka_config": {"sasl_password": ["tr3asure-16"]}}),
        json!({"kafka_config": {"sasl_password": {"text": "tr3asure-17"}}}),
    ];
    for sink in sinks {
        for uri in [
            "blackhole://",
            "kafka://u:tr3asure-18@h:9092/t?protocol=canal-json&sasl-password=tr3asure-19",
        ] {
            let config = json!({"filter": filter, "sink": sink});
            bodies.push(
                json!({"changefeed_id": "refused", "sink_uri": uri, "replica_config": config}).to_string(),
            );
        }
    }
    let redo = json!({"level": "eventual", "storage": "s3://b/p?access-key=a&secret-access-key=tr3asure-20"});
    bodies.push(json!({"sink_uri": "mysql://u:tr3asure-21@127.0.0.1:1/", "replica_config": {"filter": filter, "consistent": redo}}).to_string());
    bodies.push(json!({"sink_uri": ["mysql://u:tr3asure-22@h/"]}).to_string());
    bodies.push(json!({"sink_uri": {"uri": "mysql://u:tr3asure-23@h/"}}).to_string());
    for uri in [
        "mysql://u:tr3asure-24@h:port/",
        "mysql://u:tr3@asure/tr3asure-25@h/",
        "u:tr3asure-26@h",
        "s3://b/p?protocol=csv&endpoint=http://127.0.0.1:1&access-key=a&secret-access-key=tr3asure-27&worker-count=x",
        "azblob://b/p?protocol=csv&account-name=a&account-key=tr3asure-28&sas-token=tr3asure-29&file-size=x",
    ] {
        bodies.push(with_uri("refused", uri));
    }
    bodies
}

/// Every route of the document and every page of the console, on a server whose changefeeds, settings and requests are
/// full of secrets: none of them is in an answer, a header or the log.
#[tokio::test]
async fn no_route_tells_a_secret() {
    let directory = TempDir::new().unwrap();
    let bucket = S3Server::start(directory.path()).await.unwrap();
    let token = secret("new-token", "");
    let settings = format!(
        "{}[[security.tokens]]\nname = 'robot'\nhash = '{}'\nrole = 'admin'\n",
        user("root", ADMIN_PASSWORD, "admin"),
        token[1]
    );
    let server = Guarded::start(&settings, is_healthy).await;
    let admin = format!("Authorization: Bearer {}", token[0]);
    let call = async |method: &str, path: &str, body: &str| server.call(&admin, method, path, body).await;
    let mut seen = Vec::new();
    for (number, body) in bodies_with_secrets(&bucket).iter().enumerate() {
        for path in ["/api/tidegate/v1/changefeeds/validate", "/api/v2/verify_table"] {
            seen.push(call("POST", path, body).await);
        }
        let created = call("POST", "/api/v2/changefeeds", body).await;
        assert_eq!(
            created.status,
            if number < 2 { 200 } else { 400 },
            "{body}: {created:?}"
        );
        for id in ["bucket", "nowhere"] {
            seen.push(call("PUT", &format!("/api/v2/changefeeds/{id}"), body).await);
        }
        seen.push(created);
    }
    seen.push(
        server
            .call(&basic("root", "tr3asure-30"), "GET", "/status", "")
            .await,
    );
    let document = call("GET", "/swagger/doc.json", "").await.ok();
    let mut routes: Vec<(String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().keys();
            methods.map(|method| (method.to_uppercase(), path.clone()))
        })
        .collect();
    for page in ["", "/config", "/api", "/remove"] {
        let path = format!("/ui/changefeeds/default/{{changefeed_id}}{page}");
        routes.push(("GET".to_owned(), path));
    }
    for page in [
        "/ui",
        "/ui/changefeeds",
        "/ui/changefeeds/new",
        "/ui/activity",
        "/ui/captures",
        "/ui/logs",
        "/ui/login",
        "/swagger",
    ] {
        routes.push(("GET".to_owned(), page.to_owned()));
    }
    // Removals come last: until then there is something to tell.
    routes.sort_by_key(|(method, path)| (method == "DELETE", path.clone()));
    let capture = call("GET", "/api/v2/status", "").await.ok()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    for (method, path) in &routes {
        for id in ["bucket", "nowhere"] {
            let path = path
                .replace("{changefeed_id}", id)
                .replace("{capture_id}", &capture)
                .replace("{code}", "ErrNotOwner");
            let body = if method == "GET" { "" } else { "{}" };
            let answer = call(method, &path, body).await;
            assert_ne!(answer.status, 404, "{method} {path}");
            assert!(
                answer.status != 401 && answer.status != 403,
                "{method} {path}: {answer:?}"
            );
            seen.push(answer);
        }
    }
    let escaped = SECRET_KEY.replace('/', "%2F").replace('+', "%2B");
    let secrets = [
        "tr3asure",
        ADMIN_PASSWORD,
        User::Replication.password(),
        &token[0],
        SECRET_KEY,
        &escaped,
    ];
    for secret in secrets {
        for answer in &seen {
            assert!(
                !answer.head.contains(secret) && !answer.body.contains(secret),
                "{secret} is in {answer:?}"
            );
        }
        assert!(!server.log().contains(secret), "{secret} is in the log");
        assert_eq!(
            holds(&server.dir.path().join("data"), secret),
            None,
            "{secret} is in a file"
        );
    }
}
