//! The contract: one row for each cell of the API, compared byte by byte.

use serde_json::Value;

use crate::client::Answer;
use crate::server::{Api, LOG_LEVEL, api};
use crate::stable::stable;

/// Content types.
const JSON: &str = "application/json; charset=utf-8";
const OLD_JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";
const NONE: &str = "";

/// A config as the API writes it for `blackhole`, with the rule of these tests.
const CONFIG: &str = r#"{"memory_quota":1073741824,"case_sensitive":false,"force_replicate":false,"ignore_ineligible_table":false,"check_gc_safe_point":true,"enable_sync_point":false,"enable_table_monitor":false,"bdr_mode":false,"sync_point_interval":600000000000,"sync_point_retention":86400000000000,"filter":{"rules":["keyed.*"]},"mounter":{"worker_num":16},"sink":{"csv":{"delimiter":",","quote":"\"","null":"\\N","include_commit_ts":false,"binary_encoding_method":"base64","output_old_value":false,"output_handle_key":false,"output_field_header":false},"encoder_concurrency":32,"terminator":"\r\n","date_separator":"day","enable_partition_separator":true,"enable_kafka_sink_v2":false,"only_output_updated_columns":false,"delete_only_output_handle_key_columns":false,"content_compatible":false,"advance_timeout":150,"send_bootstrap_interval_in_sec":120,"send_bootstrap_in_msg_count":10000,"send_bootstrap_to_all_partition":true,"send-all-bootstrap-at-start":false,"debezium_disable_schema":false,"debezium":{"output_old_value":true},"open":{"output_old_value":true}},"consistent":{"level":"none","max_log_size":64,"flush_interval":2000,"meta_flush_interval":200,"encoding_worker_num":16,"flush_worker_num":8,"use_file_backend":false,"memory_usage":{"memory_quota_percentage":50}},"scheduler":{"enable_table_across_nodes":false,"region_threshold":100000,"write_key_threshold":0},"integrity":{"integrity_check_level":"none","corruption_handle_level":"warn"},"changefeed_error_stuck_duration":1800000000000,"synced_status":{"synced_check_interval":300,"checkpoint_interval":15}}"#;
const CREATE: &str = r#"{"namespace":"NS","changefeed_id":"a","sink_uri":"blackhole://","unknown":{"x":1},"target_ts":null,"replica_config":{"enable_old_value":true,"memory_quota":null,"filter":{"rules":["keyed.*"]}}} trailing"#;

/// Method, path, body; status, content type, answer. `NS` is the namespace of the test.
type Row<'a> = (&'a str, &'a str, &'a str, u16, &'a str, String);

/// An error as it stands on the wire.
fn error(code: &str, text: &str) -> String {
    let message = serde_json::to_string(&format!("[CDC:{code}]{text}")).unwrap();
    format!("{{\n    \"error_msg\": {message},\n    \"error_code\": \"CDC:{code}\"\n}}")
}

fn text(text: &str) -> String {
    text.to_owned()
}

struct Contract {
    api: &'static Api,
    namespace: &'static str,
    capture: String,
    git: String,
}

impl Contract {
    async fn new(namespace: &'static str) -> Self {
        let api = api().await;
        let status = api.get("/api/v2/status").await.ok();
        let member = |name: &str| status[name].as_str().unwrap().to_owned();
        Contract {
            api,
            namespace,
            capture: member("id"),
            git: member("git_hash"),
        }
    }

    async fn check(&self, rows: &[Row<'_>]) {
        for (method, path, body, status, kind, expect) in rows {
            let (path, body) = (self.fill(path), self.fill(body));
            let answer = self.api.call(method, &path, &body).await;
            let shown = self.shown(&answer);
            let place = format!("{method} {path} {body}");
            assert_eq!(
                (answer.status, shown.as_str()),
                (*status, self.fill(expect).as_str()),
                "{place}"
            );
            assert_eq!(answer.header("content-type"), *kind, "{place}");
        }
    }

    fn fill(&self, text: &str) -> String {
        text.replace("NS", self.namespace)
            .replace("CAPTURE", &self.capture)
    }

    fn shown(&self, answer: &Answer) -> String {
        let git = format!("\"git_hash\": \"{}\"", self.git);
        let address = format!("127.0.0.1:{}", self.api.port);
        let names = [
            (git.as_str(), "\"git_hash\": \"<git>\""),
            (address.as_str(), "<address>"),
        ];
        stable(&answer.body, &names)
    }

    /// Waits until the changefeed `a` has read something.
    async fn until_it_reads(&self) {
        let path = self.fill("/api/v2/changefeeds/a/status?namespace=NS");
        while self.api.get(&path).await.ok()["resolved_ts"] == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
}

/// A changefeed as creation and reading show it.
fn detail(extra: &str, state: &str, resolved: &str, tail: &str) -> String {
    format!(
        r#"{{"upstream_id":<n>,"namespace":"NS","id":"a","sink_uri":"blackhole://","create_time":"<time>","start_ts":<n>,{extra}"config":{CONFIG},"state":"{state}","creator_version":"v8.5.0-tidegate","resolved_ts":{resolved},"checkpoint_ts":<n>,"checkpoint_time":"<time>"{tail}}}"#
    )
}

fn item(state: &str) -> String {
    format!(
        r#"{{"total":1,"items":[{{"upstream_id":<n>,"namespace":"NS","id":"a","state":"{state}","checkpoint_tso":<n>,"checkpoint_time":"<time>","error":null}}]}}"#
    )
}

fn empty_list() -> String {
    text(r#"{"total":0,"items":[]}"#)
}

fn not_exists(namespace: &str, id: &str) -> String {
    error(
        "ErrChangeFeedNotExists",
        &format!("changefeed not exists, {namespace}/{id}"),
    )
}

#[rustfmt::skip]
#[tokio::test]
async fn a_changefeed_from_its_creation_to_its_end() {
    let contract = Contract::new("contract").await;
    let normal = detail("", "normal", "<n>", r#","task_status":[{"capture_id":"CAPTURE","table_ids":[<ids>]}]"#);
    let stopped = detail(r#""admin_job_type":1,"#, "stopped", "0", "");
    let synced = |synced: bool, info: &str| format!(r#"{{"synced":{synced},"sink_checkpoint_ts":"<time>","puller_resolved_ts":"<time>","last_synced_ts":"<time>","now_ts":"<time>","info":"{info}"}}"#);
    contract.check(&[
        ("GET", "/api/v2/changefeeds?namespace=NS", "", 200, JSON, empty_list()),
        ("POST", "/api/v2/changefeeds", "", 400, JSON, error("ErrAPIInvalidParam", "invalid api parameter: EOF")),
        ("POST", "/api/v2/changefeeds", "{}", 400, JSON, error("ErrSinkURIInvalid", "sink_uri is empty")),
        ("POST", "/api/v2/changefeeds", r#"{"changefeed_id":"a_b"}"#, 400, JSON, error("ErrSinkURIInvalid", "sink_uri is empty")),
        ("POST", "/api/v2/changefeeds", CREATE, 200, JSON, detail("", "normal", "<n>", "")),
        ("POST", "/api/v2/changefeeds", CREATE, 400, JSON, error("ErrChangeFeedAlreadyExists", "changefeed already exists, a")),
    ]).await;
    contract.until_it_reads().await;
    contract.check(&[
        ("GET", "/api/v2/changefeeds?namespace=NS", "", 200, JSON, item("normal")),
        ("GET", "/api/v2/changefeeds?keyspace=NS&state=", "", 200, JSON, item("normal")),
        ("GET", "/api/v2/changefeeds?state=all&namespace=NS&namespace=other", "", 200, JSON, item("normal")),
        ("GET", "/api/v2/changefeeds?namespace=NS&state=normal", "", 200, JSON, item("normal")),
        ("GET", "/api/v2/changefeeds?namespace=NS&state=stopped", "", 200, JSON, empty_list()),
        ("GET", "/api/v2/changefeeds?namespace=NS&state=error", "", 200, JSON, empty_list()),
        ("GET", "/api/v2/changefeeds?namespace=NS&state=warning", "", 200, JSON, empty_list()),
        ("GET", "/api/v2/changefeeds/a?namespace=NS", "", 200, JSON, normal.clone()),
        ("GET", "/api/v2/changefeeds/a/meta_info?namespace=NS", "", 200, JSON, normal),
        ("GET", "/api/v2/changefeeds/a/status?namespace=NS", "", 200, JSON, text(r#"{"state":"normal","resolved_ts":<n>,"checkpoint_ts":<n>}"#)),
        ("GET", "/api/v2/changefeeds/a/synced?namespace=NS", "", 200, JSON, synced(false, "The data syncing is not finished, please wait")),
        ("GET", "/api/v2/changefeed/a/synced?namespace=NS", r#"{"replica_config":{"synced_status":{"synced_check_interval":0,"checkpoint_interval":1000}}}"#, 200, JSON, synced(true, "Data syncing is finished")),
        ("GET", "/api/v2/processors/a/CAPTURE?namespace=NS", "", 200, JSON, text(r#"{"table_ids":[<ids>]}"#)),
        ("GET", "/api/v2/processors/a/other?namespace=NS", "", 400, JSON, error("ErrCaptureNotExist", "capture not exists, other")),
        ("GET", "/api/v2/processors/a/a_b?namespace=NS", "", 400, JSON, error("ErrAPIInvalidParam", "invalid capture_id: a_b")),
        ("PUT", "/api/v2/changefeeds/a?namespace=NS", "{", 400, JSON, error("ErrChangefeedUpdateRefused", "changefeed update error: can only update changefeed config when it is stopped or failed")),
        ("POST", "/api/v2/changefeeds/a/resume?namespace=NS", "{}", 200, JSON, text("{}")),
        ("POST", "/api/v2/changefeeds/a/pause?namespace=NS", "", 200, JSON, text("{}")),
        ("POST", "/api/v2/changefeeds/a/pause?namespace=NS", "no json", 200, JSON, text("{}")),
        ("GET", "/api/v2/changefeeds/a?namespace=NS", "", 200, JSON, stopped.clone()),
        ("GET", "/api/v2/changefeeds/a/status?namespace=NS", "", 200, JSON, text(r#"{"state":"stopped","resolved_ts":0,"checkpoint_ts":<n>}"#)),
        ("GET", "/api/v2/changefeeds?namespace=NS", "", 200, JSON, item("stopped")),
        ("GET", "/api/v2/processors/a/CAPTURE?namespace=NS", "", 400, JSON, error("ErrAPIInvalidParam", "changefeed in abnormal state: stopped, can't get processors of it")),
        ("PUT", "/api/v2/changefeeds/a?namespace=NS", "{", 400, JSON, error("ErrAPIInvalidParam", "invalid api parameter: unexpected EOF")),
        ("PUT", "/api/v2/changefeeds/a?namespace=NS", "", 400, JSON, error("ErrAPIInvalidParam", "invalid api parameter: EOF")),
        ("PUT", "/api/v2/changefeeds/a?namespace=NS", r#"{"start_ts":5,"changefeed_id":"b"}"#, 400, JSON, error("ErrChangefeedUpdateRefused", "changefeed update error: changefeed config is the same with the old one, do nothing")),
        ("PUT", "/api/v2/changefeeds/a?namespace=NS", r#"{"target_ts":32}"#, 400, JSON, error("ErrChangefeedUpdateRefused", "can not update target_ts:32 less than start_ts:<n>")),
        ("PUT", "/api/v2/changefeeds/a?namespace=NS", r#"{"replica_config":{"integrity":{"integrity_check_level":"x"}}}"#, 400, JSON, error("ErrChangefeedUpdateRefused", "changefeed update error: [CDC:ErrInvalidReplicaConfig]invalid replica config, integrity.integrity_check_level: \"x\" is not none or correctness")),
        ("PUT", "/api/v2/changefeeds/a?namespace=NS", r#"{"replica_config":{"filter":{"rules":["shop.*"]}}}"#, 400, JSON, error("ErrTableIneligible", "some tables are not eligible to replicate([shop.log]), if you want to ignore these tables, please set ignore_ineligible_table to true")),
        ("PUT", "/api/v2/changefeeds/a?namespace=NS", r#"{"target_ts":18446744073709551615}"#, 200, JSON, detail(r#""target_ts":18446744073709551615,"admin_job_type":1,"#, "stopped", "0", "")),
        ("POST", "/api/v2/changefeeds/a/resume?namespace=NS", "{", 400, JSON, error("ErrAPIInvalidParam", "invalid api parameter: unexpected EOF")),
        ("POST", "/api/v2/changefeeds/a/resume?namespace=NS", r#"{"overwrite_checkpoint_ts":18446744073709551615}"#, 400, JSON, error("ErrAPIInvalidParam", "invalid checkpoint-ts 18446744073709551615, larger than current tso <n>")),
        ("POST", "/api/v2/changefeeds/a/resume?namespace=NS", "", 200, JSON, text("{}")),
        ("DELETE", "/api/v2/changefeeds/a?namespace=NS", "", 200, JSON, text("{}")),
        ("DELETE", "/api/v2/changefeeds/a?namespace=NS", "", 200, JSON, text("{}")),
        ("GET", "/api/v2/changefeeds/a?namespace=NS", "", 400, JSON, not_exists("NS", "a")),
        ("GET", "/api/v2/changefeeds?namespace=NS&state=all", "", 200, JSON, empty_list()),
    ]).await;
}

#[rustfmt::skip]
#[tokio::test]
async fn what_names_no_changefeed() {
    let contract = Contract::new("nobody").await;
    let routes = [
        ("GET", "", "invalid changefeed_id: ID"), ("PUT", "", ""), ("GET", "/status", ""), ("GET", "/meta_info", ""), ("GET", "/synced", ""),
        ("POST", "/pause", ""), ("POST", "/resume", ""),
    ];
    for (method, tail, _) in routes {
        let path = |id: &str| format!("/api/v2/changefeeds/{id}{tail}?namespace=NS");
        contract.check(&[
            (method, &path("x"), "{", 400, JSON, not_exists("NS", "x")),
            (method, &path("x_y"), "{", 400, JSON, error("ErrAPIInvalidParam", "invalid changefeed_id: x_y")),
        ]).await;
    }
    contract.check(&[
        ("DELETE", "/api/v2/changefeeds/x_y?namespace=NS", "", 400, JSON, error("ErrAPIInvalidParam", "invalid changefeed_id: x_y")),
        ("DELETE", "/api/v2/changefeeds/x?namespace=a_b", "", 200, JSON, text("{}")),
        ("GET", "/api/v2/changefeeds/x?namespace=a_b", "", 400, JSON, not_exists("a_b", "x")),
        ("GET", "/api/v2/changefeeds/x", "", 400, JSON, not_exists("default", "x")),
        ("GET", "/api/v2/changefeeds/x?namespace=&keyspace=k", "", 400, JSON, not_exists("k", "x")),
        ("GET", "/api/v2/changefeed/x_y/synced", "", 400, JSON, error("ErrAPIInvalidParam", "invalid changefeed_id: x_y")),
        ("GET", "/api/v2/processors/x/CAPTURE?namespace=NS", "", 400, JSON, not_exists("NS", "x")),
        ("GET", "/api/v2/processors/x_y/CAPTURE", "", 400, JSON, error("ErrAPIInvalidParam", "invalid changefeed_id: x_y")),
    ]).await;
}

#[rustfmt::skip]
#[tokio::test]
async fn servers_clocks_tables_and_what_is_stored() {
    let contract = Contract::new("servers").await;
    let _level = LOG_LEVEL.lock().await;
    let pd = r#"{"pd_addrs":["http://pd:2379"]}"#;
    let no_pd = || error("ErrNotSupported", "pd_addrs is not supported: the server reads from the upstream it was started with");
    let one_server = || error("ErrSchedulerRequestFailed", "scheduler request failed, only one capture alive");
    let eof = || error("ErrAPIInvalidParam", "invalid api parameter: EOF");
    let status = |members: &str| format!("{{\n    \"version\": \"v8.5.0-tidegate\",\n    \"git_hash\": \"<git>\",\n    \"id\": \"CAPTURE\",\n    \"cluster_id\": \"default\",\n    \"pid\": <n>,\n    \"is_owner\": true{members}\n}}");
    contract.check(&[
        ("GET", "/api/v2/captures", "", 200, JSON, text(r#"{"total":1,"items":[{"id":"CAPTURE","is_owner":true,"address":"<address>","cluster_id":"default"}]}"#)),
        ("POST", "/api/v2/captures/CAPTURE/drain", "", 400, JSON, one_server()),
        ("POST", "/api/v2/captures/a_b/drain", "", 400, JSON, error("ErrAPIInvalidParam", "invalid capture_id: a_b")),
        ("POST", "/api/v2/verify_table", "", 400, JSON, eof()),
        ("POST", "/api/v2/verify_table", r#"{"replica_config":{"filter":{"rules":["no.*"]}}}"#, 200, JSON, text("{}")),
        ("POST", "/api/v2/verify_table", r#"{"replica_config":{"filter":{"rules":["["]}}}"#, 400, JSON, error("ErrFilterRuleInvalid", "filter rule 1, column 1: expected a closing ']' for this class")),
        ("POST", "/api/v2/verify_table", r#"{"sink_uri":"no uri"}"#, 400, JSON, error("ErrSinkURIInvalid", "sink uri invalid '<invalid uri>': blanks and control characters must be percent-encoded")),
        ("POST", "/api/v2/verify_table", pd, 400, JSON, no_pd()),
        ("POST", "/api/v2/unsafe/resolve_lock", "", 400, JSON, eof()),
        ("POST", "/api/v2/unsafe/resolve_lock", r#"{"region_id":1}"#, 400, JSON, error("ErrAPIInvalidParam", "invalid api parameter: region_id and ts must not be 0")),
        ("POST", "/api/v2/unsafe/resolve_lock", r#"{"region_id":1,"ts":1}"#, 400, JSON, error("ErrNotSupported", "resolve_lock is not supported by this upstream: its log has no locks")),
        ("DELETE", "/api/v2/unsafe/service_gc_safepoint", "", 400, JSON, eof()),
        ("DELETE", "/api/v2/unsafe/service_gc_safepoint", "{}", 200, JSON, text("{}")),
        ("DELETE", "/api/v2/unsafe/service_gc_safepoint", r#"{"id":5}"#, 400, JSON, error("ErrUpstreamNotFound", "upstream not found, cluster-id: 5")),
        ("DELETE", "/api/v2/unsafe/service_gc_safepoint", pd, 400, JSON, no_pd()),
        ("POST", "/api/v2/owner/resign", "", 200, JSON, text("{}")),
        ("POST", "/api/v2/tso", "", 400, JSON, eof()),
        ("POST", "/api/v2/tso", "{}", 200, JSON, text("{\n    \"timestamp\": <n>,\n    \"logic_time\": <n>\n}")),
        ("POST", "/api/v2/tso", r#"{"id":5}"#, 400, JSON, error("ErrUpstreamNotFound", "upstream not found, cluster-id: 5")),
        ("POST", "/api/v2/tso", pd, 400, JSON, no_pd()),
        ("GET", "/api/v2/health", "", 200, JSON, text("{}")),
        ("GET", "/api/v2/status", "", 200, JSON, status(",\n    \"liveness\": 0")),
        ("POST", "/api/v2/log", "", 400, JSON, eof()),
        ("POST", "/api/v2/log", r#"{"log_level":"xxxx"}"#, 400, JSON, error("ErrAPIInvalidParam", "fail to change log level: xxxx")),
        ("POST", "/api/v2/log", r#"{"log_level":null}"#, 200, JSON, text("{}")),
        // Without a version.
        ("GET", "/status", "", 200, OLD_JSON, text("{\n \"version\": \"v8.5.0-tidegate\",\n \"git_hash\": \"<git>\",\n \"id\": \"CAPTURE\",\n \"pid\": <n>,\n \"is_owner\": true\n}")),
        ("GET", "/health", "", 200, JSON, text("{}")),
        ("POST", "/admin/log", r#""info""#, 200, OLD_JSON, text("{}")),
        ("POST", "/admin/log", r#""xxxx""#, 400, TEXT, text("[CDC:ErrAPIInvalidParam]fail to change log level: xxxx")),
        ("POST", "/capture/owner/resign", "", 200, OLD_JSON, text("{\n \"status\": true,\n \"message\": \"\"\n}")),
        ("POST", "/capture/owner/admin", "cf-id=x&admin-job=1", 400, TEXT, text("[CDC:ErrChangeFeedNotExists]changefeed not exists, default/x")),
        ("POST", "/capture/owner/admin", "cf-id=x&admin-job=9", 400, TEXT, text("[CDC:ErrAPIInvalidParam]invalid admin job type: 9")),
        ("POST", "/capture/owner/admin?cf-id=x_y", "admin-job=1", 400, TEXT, text("[CDC:ErrAPIInvalidParam]invalid changefeed id: x_y")),
        ("POST", "/capture/owner/admin", "cf-id=x&admin-job=3", 200, OLD_JSON, text("{\n \"status\": true,\n \"message\": \"\"\n}")),
        ("POST", "/capture/owner/rebalance_trigger", "cf-id=x", 400, TEXT, text("[CDC:ErrChangeFeedNotExists]changefeed not exists, default/x")),
        ("POST", "/capture/owner/move_table", "cf-id=x&target-cp-id=a_b", 400, TEXT, text("[CDC:ErrAPIInvalidParam]invalid target capture id: a_b")),
        ("POST", "/capture/owner/move_table", "cf-id=x&target-cp-id=a&table-id=t", 400, TEXT, text("[CDC:ErrAPIInvalidParam]invalid tableID: t")),
        ("POST", "/capture/owner/changefeed/query", "cf-id=x", 200, OLD_JSON, text("{\n \"state\": \"\",\n \"tso\": 0,\n \"checkpoint\": \"\",\n \"error\": null\n}")),
        ("POST", "/capture/owner/changefeed/query", "", 400, TEXT, text("[CDC:ErrAPIInvalidParam]invalid changefeed id: ")),
        ("GET", "/capture/owner/resign", "", 404, TEXT, text("404 page not found")),
        // What cluster managers ask for.
        ("GET", "/api/v1/status", "", 200, JSON, status(",\n    \"liveness\": 0")),
        ("GET", "/api/v1/health", "", 200, NONE, text("")),
        ("GET", "/api/v1/captures", "", 200, JSON, text("[\n    {\n        \"id\": \"CAPTURE\",\n        \"is_owner\": true,\n        \"address\": \"<address>\",\n        \"cluster_id\": \"default\"\n    }\n]")),
        ("PUT", "/api/v1/captures/drain", r#"{"capture_id":"CAPTURE"}"#, 400, JSON, one_server()),
        ("PUT", "/api/v1/captures/drain", "{}", 400, JSON, error("ErrAPIInvalidParam", "invalid capture_id: ")),
        ("PUT", "/api/v1/captures/drain", "", 400, JSON, eof()),
        ("POST", "/api/v1/owner/resign", "", 202, NONE, text("")),
        ("GET", "/api/v1/changefeeds", "", 404, TEXT, text("404 page not found")),
        ("GET", "/api/v1/captures/drain", "", 404, TEXT, text("404 page not found")),
    ]).await;
}

#[tokio::test]
async fn the_oldest_commands_act_on_a_changefeed() {
    let contract = Contract::new("default").await;
    let id = "owner-form";
    contract.api.create_keyed(id).await;
    let done = "{\n \"status\": true,\n \"message\": \"\"\n}";
    let state = async || {
        let body = format!("cf-id={id}");
        let answer = contract
            .api
            .call("POST", "/capture/owner/changefeed/query", &body)
            .await;
        answer.ok()["state"].as_str().unwrap().to_owned()
    };
    for (path, fields, after) in [
        ("rebalance_trigger", "", "normal"),
        ("admin", "&admin-job=1", "stopped"),
        ("admin", "&admin-job=2", "normal"),
        ("admin", "&admin-job=3", ""),
    ] {
        let answer = contract
            .api
            .call(
                "POST",
                &format!("/capture/owner/{path}"),
                &format!("cf-id={id}{fields}"),
            )
            .await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, done),
            "{path} {fields}"
        );
        assert_eq!(state().await, after, "{path} {fields}");
    }
}

#[tokio::test]
async fn what_is_stored_is_shown_in_order_and_without_secrets() {
    let api = api().await;
    let body = r#"{"changefeed_id":"stored","sink_uri":"blackhole://u:hidden-word@h/?token=hidden-word","replica_config":{"filter":{"rules":["keyed.*"]}}}"#;
    api.call("POST", "/api/v2/changefeeds", body).await.ok();
    let answer = api.get("/api/v2/unsafe/metadata").await;
    assert!(
        answer
            .body
            .starts_with("[\n    {\n        \"key\": \"/tidb/cdc/default/"),
        "{answer:?}"
    );
    let entries = answer.ok();
    let entries = entries.as_array().unwrap();
    let keys: Vec<&str> = entries
        .iter()
        .map(|entry| entry["key"].as_str().unwrap())
        .collect();
    assert!(keys.is_sorted(), "{keys:?}");
    let value = |key: &str| -> Value {
        let place = keys
            .iter()
            .position(|other| *other == key)
            .unwrap_or_else(|| panic!("{key} in {keys:?}"));
        serde_json::from_str(entries[place]["value"].as_str().unwrap()).unwrap()
    };
    let info = value("/tidb/cdc/default/default/changefeed/info/stored");
    assert_eq!(info["sink-uri"], "blackhole://u:xxxxx@h/?token=xxxxx");
    assert_eq!(info["config"]["memory-quota"], 1_073_741_824);
    assert!(value("/tidb/cdc/default/default/changefeed/status/stored")["checkpoint-ts"].is_u64());
    let text = api.get("/debug/info").await;
    assert!(text.body.contains("/changefeed/info/stored: {"), "{text:?}");
    for answer in [answer, text] {
        assert!(!answer.body.contains("hidden-word"), "{answer:?}");
    }
}

#[tokio::test]
async fn a_validation_finds_everything_and_creates_nothing() {
    let api = api().await;
    let path = "/api/tidegate/v1/changefeeds/validate";
    let body = r#"{"changefeed_id":"a_b","sink_uri":"file:///tmp/never?protocol=csv","target_ts":5,"replica_config":{
        "filter":{"rules":["keyed.*","a.b.c["]},"sink":{"csv":{"quote":"xx"},"file_index_width":3,"safe_mode":true},"enable_sync_point":true}}"#;
    let found = api.call("POST", path, body).await.ok();
    let brief: Vec<(&str, &str, &str)> = found["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            let text = |name: &str| item[name].as_str().unwrap();
            (text("pointer"), text("code"), text("severity"))
        })
        .collect();
    assert_eq!(
        brief,
        [
            ("/changefeed_id", "CDC:ErrAPIInvalidParam", "error"),
            ("/target_ts", "CDC:ErrTargetTsBeforeStartTs", "error"),
            (
                "/replica_config/sink/file_index_width",
                "CDC:ErrSinkInvalidConfig",
                "warning"
            ),
            (
                "/replica_config/sink/csv/quote",
                "CDC:ErrSinkInvalidConfig",
                "error"
            ),
            (
                "/replica_config/filter/rules/1",
                "CDC:ErrFilterRuleInvalid",
                "error"
            ),
            (
                "/replica_config/enable_sync_point",
                "CDC:ErrSinkURIInvalid",
                "error"
            ),
            (
                "/replica_config/sink/safe_mode",
                "CDC:ErrInvalidReplicaConfig",
                "warning"
            ),
        ],
        "{found}"
    );
    for item in found["items"].as_array().unwrap() {
        assert!(!item["message"].as_str().unwrap().is_empty() && !item["hint"].as_str().unwrap().is_empty());
    }
    let good = r#"{"changefeed_id":"validated","sink_uri":"blackhole://","replica_config":{"filter":{"rules":["keyed.*"]}}}"#;
    for _ in 0..2 {
        let answer = api.call("POST", path, good).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, r#"{"total":0,"items":[]}"#)
        );
    }
    api.get("/api/v2/changefeeds/validated")
        .await
        .refusal(400, "CDC:ErrChangeFeedNotExists");
    let nowhere = r#"{"changefeed_id":"x","sink_uri":"mysql://u:hidden-word@127.0.0.1:1/","replica_config":{"filter":{"rules":["shop.*"]}}}"#;
    let found = api.call("POST", path, nowhere).await;
    assert!(!found.body.contains("hidden-word"), "{found:?}");
    let found = found.ok();
    let codes: Vec<&str> = found["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["code"].as_str().unwrap())
        .collect();
    assert_eq!(
        codes,
        ["CDC:ErrTableIneligible", "CDC:ErrMySQLConnectionError"],
        "{found}"
    );
    api.call("POST", path, "{")
        .await
        .refusal(400, "CDC:ErrAPIInvalidParam");
}
