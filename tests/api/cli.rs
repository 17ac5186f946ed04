//! `tidegate cli` against the server: the walk of an operator, what it prints, what it refuses.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::guarded::{Guarded, is_healthy, secret, user};
use crate::server::api;

/// Runs `tidegate cli` with what is typed on its stdin, against the shared server.
async fn cli(home: &Path, arguments: &[&str], typed: &str) -> Output {
    cli_at(api().await.port, home, arguments, &[], typed).await
}

async fn cli_at(
    port: u16,
    home: &Path,
    arguments: &[&str],
    environment: &[(&str, &str)],
    typed: &str,
) -> Output {
    let server = format!("127.0.0.1:{port}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command
        .arg("cli")
        .args(arguments)
        .env("HOME", home)
        .env("TIDEGATE_SERVER", server)
        .env_remove("TIDEGATE_SINK_URI")
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let typed = typed.to_owned();
    tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().unwrap();
        // A command that asks nothing may have ended already.
        child.stdin.take().unwrap().write_all(typed.as_bytes()).ok();
        child.wait_with_output().unwrap()
    })
    .await
    .unwrap()
}

fn text(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&text(output)).unwrap()
}

/// The one line on stderr of a command that was refused.
fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    text.lines().last().unwrap().to_owned()
}

#[tokio::test]
async fn an_operator_walks_through_the_life_of_a_changefeed() {
    let home = TempDir::new().unwrap();
    let run = async |arguments: &[&str]| cli(home.path(), arguments, "").await;
    let file = home.path().join("feed.toml");
    std::fs::write(&file, "memory-quota = 67108864\n[filter]\nrules = ['keyed.*']\n").unwrap();
    let file = file.display().to_string();
    let feed = ["-c", "walked"];

    let created = text(
        &run(&[
            &[
                "changefeed",
                "create",
                "--sink-uri",
                "blackhole://",
                "--config",
                &file,
            ],
            &feed[..],
        ]
        .concat())
        .await,
    );
    let lines: Vec<&str> = created.lines().collect();
    assert_eq!(lines[..2], ["Create changefeed successfully!", "ID: walked"]);
    let info: Value = serde_json::from_str(lines[2].strip_prefix("Info: ").unwrap()).unwrap();
    assert_eq!(info["config"]["memory_quota"], 67_108_864);

    let list = json(&run(&["changefeed", "list"]).await);
    let item = list
        .as_array()
        .unwrap()
        .iter()
        .find(|item| item["id"] == "walked")
        .unwrap();
    assert_eq!(item["namespace"], "default");
    assert_eq!(item["summary"]["state"], "normal");
    assert_eq!(item["summary"]["error"], Value::Null);
    let table = text(&run(&["changefeed", "list", "-o", "table"]).await);
    assert!(table.starts_with("ID ") && table.contains("walked "), "{table}");

    let query = json(&run(&[&["changefeed", "query"], &feed[..]].concat()).await);
    assert_eq!(query["config"]["filter"]["rules"][0], "keyed.*");
    assert!(query["checkpoint_tso"].as_u64().unwrap() > 400_000_000_000_000_000);
    let simple = json(&run(&[&["changefeed", "query", "-s"], &feed[..]].concat()).await);
    assert_eq!(simple["id"], "walked");
    let statistics = json(&run(&[&["changefeed", "statistics", "--count", "1"], &feed[..]].concat()).await);
    assert!(statistics["replication_gap"].as_str().unwrap().ends_with("ms"));

    let captures = json(&run(&["capture", "list"]).await);
    let capture = captures[0]["id"].as_str().unwrap();
    assert_eq!(captures[0]["is-owner"], true);
    let processors = json(&run(&["processor", "list"]).await);
    assert!(
        processors
            .as_array()
            .unwrap()
            .iter()
            .any(|item| item["changefeed_id"] == "walked")
    );
    let processor = json(&run(&[&["processor", "query", "-p", capture], &feed[..]].concat()).await);
    assert_eq!(processor["status"]["tables"].as_object().unwrap().len(), 1);

    assert_eq!(
        text(&run(&[&["changefeed", "pause"], &feed[..]].concat()).await),
        ""
    );
    std::fs::write(&file, "memory-quota = 33554432\n[filter]\nrules = ['keyed.*']\n").unwrap();
    let update = [&["changefeed", "update", "--config", &file], &feed[..]].concat();
    let said = cli(home.path(), &update, "n\n").await;
    assert!(refused(&said).contains("[CDC:ErrCliAborted]"), "{said:?}");
    let updated = text(&cli(home.path(), &update, "y\n").await);
    assert!(
        updated.starts_with(
            "memory_quota: 67108864 -> 33554432\nUpdate changefeed config successfully!\nID: walked\n"
        ),
        "{updated}"
    );
    let again = text(&run(&update).await);
    assert_eq!(
        again,
        "changefeed config is the same with the old one, do nothing\n"
    );

    let past = ["--overwrite-checkpoint-ts", "400000000000000000"];
    let said = refused(&run(&[&["changefeed", "resume"], &feed[..], &past[..]].concat()).await);
    assert!(said.contains("[CDC:ErrCliAborted]"), "nobody answers: {said}");
    text(&run(&[&["changefeed", "resume"], &feed[..]].concat()).await);

    let removed = text(&run(&[&["changefeed", "remove"], &feed[..]].concat()).await);
    let lines: Vec<&str> = removed.lines().collect();
    assert_eq!(lines[..2], ["Changefeed remove successfully.", "ID: walked"]);
    assert!(
        lines[2].starts_with("CheckpointTs: 4") && lines[3] == "SinkURI: blackhole://",
        "{removed}"
    );
    let gone = text(&run(&[&["changefeed", "remove"], &feed[..]].concat()).await);
    assert!(gone.starts_with("Changefeed not found.\n"), "{gone}");
}

#[tokio::test]
async fn tables_without_a_key_are_asked_about() {
    let home = TempDir::new().unwrap();
    let create = [
        "changefeed",
        "create",
        "-c",
        "asked",
        "--sink-uri",
        "blackhole://",
    ];
    let no = cli(home.path(), &create, "\n").await;
    assert!(refused(&no).contains("[CDC:ErrCliAborted]"));
    let question = String::from_utf8(no.stderr).unwrap();
    assert!(question.contains("shop.log"), "{question}");
    text(&cli(home.path(), &create, "y\n").await);
    text(&cli(home.path(), &["changefeed", "remove", "-c", "asked"], "").await);
}

#[tokio::test]
async fn refusals_are_one_line_with_the_next_step_and_change_nothing() {
    let home = TempDir::new().unwrap();
    let run = async |arguments: &[&str]| refused(&cli(home.path(), arguments, "").await);
    let unknown = run(&["changefeed", "query", "-c", "nobody"]).await;
    assert!(
        unknown.contains("[CDC:ErrChangeFeedNotExists]changefeed not exists, default/nobody"),
        "{unknown}"
    );
    let file = home.path().join("feed.toml");
    std::fs::write(&file, "enable-old-value = true\n").unwrap();
    let file = file.display().to_string();
    let create = [
        "changefeed",
        "create",
        "-c",
        "refused",
        "--sink-uri",
        "blackhole://",
    ];
    let keys = run(&[&create[..], &["--config", &file]].concat()).await;
    assert!(
        keys.contains("contained unknown configuration options: enable-old-value"),
        "{keys}"
    );
    let engine = run(&[&create[..], &["--sort-engine", "unified"]].concat()).await;
    assert!(engine.contains("--sort-engine"), "{engine}");
    let sink = run(&["changefeed", "create", "-c", "refused", "--no-confirm"]).await;
    assert!(sink.contains("--sink-uri is required"), "{sink}");
    let pd = run(&["--pd", "http://127.0.0.1:2379", "tso", "query"]).await;
    assert!(pd.contains("--server"), "{pd}");
    let password = run(&["--password", "secret-word", "tso", "query"]).await;
    assert!(
        password.contains("[CDC:ErrCredentialNotFound]") && !password.contains("secret-word"),
        "{password}"
    );
    let nobody = run(&["--server", "127.0.0.1:1", "tso", "query"]).await;
    assert!(
        nobody.contains("[CDC:ErrCliRequestFailed]") && nobody.contains("--server"),
        "{nobody}"
    );
    let list = json(&cli(home.path(), &["changefeed", "list", "--all"], "").await);
    assert!(
        list.as_array()
            .unwrap()
            .iter()
            .all(|item| item["id"] != "refused")
    );
}

#[tokio::test]
async fn the_clock_is_one_number() {
    let home = TempDir::new().unwrap();
    let tso = text(&cli(home.path(), &["tso", "query"], "").await);
    assert!(
        tso.trim_end().parse::<u64>().unwrap() > 400_000_000_000_000_000,
        "{tso}"
    );
}

#[tokio::test]
async fn a_server_that_asks_who_comes_is_told_by_password_token_or_file() {
    let token = secret("new-token", "");
    let settings = format!(
        "{}{}[[security.tokens]]\nname = 'robot'\nhash = '{}'\nrole = 'operator'\n",
        user("boss", "boss-passphrase", "admin"),
        user("reader", "reader-passphrase", "viewer"),
        token[1]
    );
    let server = Guarded::start(&settings, is_healthy).await;
    let home = TempDir::new().unwrap();
    let run = async |arguments: &[&str], environment: &[(&str, &str)]| {
        cli_at(server.port, home.path(), arguments, environment, "").await
    };
    let list: &[&str] = &["changefeed", "list"];
    let create: &[&str] = &[
        "changefeed",
        "create",
        "-c",
        "guarded",
        "--sink-uri",
        "blackhole://",
        "--no-confirm",
    ];
    let pause: &[&str] = &["changefeed", "pause", "-c", "guarded"];
    let remove: &[&str] = &["changefeed", "remove", "-c", "guarded"];
    let boss: &[&str] = &["--user", "boss", "--password", "boss-passphrase"];
    let reader = [("TICDC_USER", "reader"), ("TICDC_PASSWORD", "reader-passphrase")];
    let robot = [("TIDEGATE_TOKEN", token[0].as_str())];

    let nobody = refused(&run(list, &[]).await);
    assert!(nobody.contains("[CDC:ErrCredentialNotFound]"), "{nobody}");
    let wrong = refused(
        &run(
            &[list, &["--user", "boss", "--password", "wrong-word"]].concat(),
            &[],
        )
        .await,
    );
    assert!(
        wrong.contains("[CDC:ErrUnauthorized]") && !wrong.contains("wrong-word"),
        "{wrong}"
    );
    let unknown = refused(&run(&[list, &["--token", "tdg_unknown-word"]].concat(), &[]).await);
    assert!(
        unknown.contains("[CDC:ErrUnauthorized]") && !unknown.contains("unknown-word"),
        "{unknown}"
    );
    text(&run(create, &robot).await);
    assert_eq!(json(&run(list, &reader).await)[0]["id"], "guarded");
    let little = refused(&run(pause, &reader).await);
    assert!(little.contains("the role operator is needed"), "{little}");
    assert_eq!(text(&run(pause, &robot).await), "");
    let more = refused(&run(remove, &robot).await);
    assert!(more.contains("the role admin is needed"), "{more}");
    let both = refused(&run(list, &[reader[0], reader[1], robot[0]]).await);
    assert!(both.contains("give one of them"), "{both}");

    // What is kept in the file: a user, then a token.
    let typed = cli_at(server.port, home.path(), &["configure-credentials"], &[], "9\n").await;
    assert!(refused(&typed).contains("none of 1, 2 and 3"), "{typed:?}");
    let file = home.path().join(".ticdc/credentials");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(
        &file,
        "ticdc_user = 'reader'\nticdc_password = 'reader-passphrase'\n",
    )
    .unwrap();
    assert_eq!(json(&run(list, &[]).await)[0]["summary"]["state"], "stopped");
    std::fs::write(&file, format!("tidegate_token = '{}'\n", token[0])).unwrap();
    text(&run(&["changefeed", "resume", "-c", "guarded", "--no-confirm"], &[]).await);
    // Flags come before the file.
    let removed = text(&run(&[remove, boss].concat(), &[]).await);
    assert!(
        removed.starts_with("Changefeed remove successfully."),
        "{removed}"
    );
}

#[test]
fn completion_knows_the_commands() {
    let output = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(["completion", "bash"])
        .output()
        .unwrap();
    assert!(text(&output).contains("changefeed"));
}
