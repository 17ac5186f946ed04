//! The page of an endpoint, made on the server from the OpenAPI document.

use crate::app::explorer::command::{command, target};
use crate::app::facts;
use crate::app::ui::html::html;
use crate::fns::query::Query;
use crate::server::openapi_document;
use leptos::prelude::*;
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

static DOCUMENT: LazyLock<Value> = LazyLock::new(openapi_document);

/// Shown when the address names none.
const FIRST: &str = "get_api_v2_changefeeds";
/// Endpoints that change nothing although they are no GET.
const QUESTIONS: [&str; 5] = [
    "/api/v2/tso",
    "/api/v2/verify_table",
    "/api/tidegate/v1/filter/preview",
    "/api/tidegate/v1/changefeeds/validate",
    "/capture/owner/changefeed/query",
];

/// One endpoint of the document.
#[derive(Copy, Clone)]
struct Operation {
    method: &'static str,
    path: &'static str,
    value: &'static Value,
}

impl Operation {
    fn id(self) -> &'static str {
        text(&self.value["operationId"])
    }

    fn role(self) -> &'static str {
        text(&self.value["x-required-role"])
    }

    fn method(self) -> String {
        self.method.to_uppercase()
    }

    fn changes(self) -> bool {
        self.method != "get" && !QUESTIONS.contains(&self.path)
    }

    /// Why whoever reads the page may not send it.
    fn why_not(self) -> Option<String> {
        match self.role() {
            "none" | "metrics" => None,
            // A question is for reading, whatever the role it takes.
            role if !self.changes() => facts::with(|facts| {
                let facts = facts::Facts {
                    read_only: false,
                    ..facts.clone()
                };
                facts.why_not(role)
            }),
            role => facts::why_not(role),
        }
    }

    /// Type and schema of the body. A browser sends none with a GET.
    fn body(self) -> Option<(&'static str, &'static Value)> {
        if self.method == "get" {
            return None;
        }
        let (kind, content) = members(&self.value["requestBody"]["content"]).next()?;
        Some((kind, &content["schema"]))
    }
}

fn text(value: &'static Value) -> &'static str {
    value.as_str().unwrap_or_default()
}

fn members(value: &'static Value) -> impl Iterator<Item = (&'static String, &'static Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn operations() -> Vec<Operation> {
    members(&DOCUMENT["paths"])
        .flat_map(|(path, methods)| {
            members(methods).map(move |(method, value)| Operation { method, path, value })
        })
        .collect()
}

/// The page for the query of the address: `op` names the endpoint, the other names are its parameters.
pub(crate) fn page(query: &Query) -> String {
    let all = operations();
    let wanted = match query.get("op") {
        "" => FIRST,
        name => name,
    };
    let shown = all.iter().copied().find(|operation| operation.id() == wanted);
    html(|| {
        view! {
            <div class="grid grid-cols-[minmax(0,1fr)] items-start gap-6 lg:grid-cols-[20.5rem_minmax(0,1fr)]">
                {list(&all, wanted)}
                <div class="min-w-0">
                    {match shown {
                        Some(operation) => one(operation, query),
                        None => view! { <p class="text-sm">"There is no such endpoint. Choose one of the list."</p> }.into_any(),
                    }}
                </div>
            </div>
        }
        .into_any()
    })
}

fn list(all: &[Operation], wanted: &str) -> AnyView {
    let mut groups: Vec<(&'static str, Vec<Operation>)> = Vec::new();
    for operation in all {
        let tag = text(&operation.value["tags"][0]);
        match groups.iter_mut().find(|(name, _)| *name == tag) {
            Some((_, of_tag)) => of_tag.push(*operation),
            None => groups.push((tag, vec![*operation])),
        }
    }
    let groups: Vec<AnyView> = groups
        .into_iter()
        .enumerate()
        .map(|(number, (tag, operations))| {
            let is_open = number == 0 || operations.iter().any(|operation| operation.id() == wanted);
            let links: Vec<AnyView> = operations
                .into_iter()
                .map(|operation| link(operation, wanted))
                .collect();
            view! {
                <details open=is_open class="mb-2">
                    <summary class="min-h-8 cursor-pointer py-1 text-sm font-medium">{tag}</summary>
                    <ul class="grid gap-0.5">{links}</ul>
                </details>
            }
            .into_any()
        })
        .collect();
    view! {
        <nav aria-label="Endpoints" class="card max-h-64 min-w-0 overflow-y-auto p-3 lg:sticky lg:top-16 lg:max-h-[calc(100dvh-6rem)]">
            {groups}
            <p class="text-xs text-ink-2">
                <a class="link" href="/swagger" rel="external">"All on one page"</a> " · "
                <a class="link" href="/swagger/doc.json" rel="external">"OpenAPI document"</a>
            </p>
        </nav>
    }
    .into_any()
}

fn link(operation: Operation, wanted: &str) -> AnyView {
    view! {
        <li>
            <a
                href=format!("/ui/api?op={}", operation.id())
                aria-current=(operation.id() == wanted).then_some("true")
                title=text(&operation.value["summary"])
                class="flex min-h-7 items-baseline gap-2 rounded-control px-1.5 py-1 font-mono text-xs text-ink-2 hover:bg-surface hover:text-ink aria-[current]:bg-accent-fill aria-[current]:text-ink"
            >
                <span class="w-12 flex-none font-medium">{operation.method()}</span>
                <span class="min-w-0 wrap-anywhere">{short(operation.path)}</span>
            </a>
        </li>
    }
    .into_any()
}

/// A path without what its group says already.
fn short(path: &str) -> String {
    let rest = ["/api/v2", "/api/v1", "/api/tidegate/v1"]
        .iter()
        .find_map(|start| path.strip_prefix(start));
    rest.unwrap_or(path).to_owned()
}

fn one(operation: Operation, query: &Query) -> AnyView {
    let body = operation.body();
    let example = body
        .map(|(kind, schema)| example_text(kind, schema))
        .unwrap_or_default();
    let parameters = operation.value["parameters"].as_array();
    let parameters: Vec<&'static Value> = parameters.into_iter().flatten().collect();
    let pairs = |place: &str| -> Vec<(String, String)> {
        let of_place = parameters.iter().filter(|one| one["in"] == place);
        of_place
            .map(|one| {
                (
                    text(&one["name"]).to_owned(),
                    query.get(text(&one["name"])).to_owned(),
                )
            })
            .collect()
    };
    let target = target(operation.path, &pairs("path"), &pairs("query"));
    let asks = facts::with(|facts| !facts.role.is_empty()) && operation.role() != "none";
    let kind = body.map_or("", |(kind, _)| kind);
    let command = command(&operation.method(), &target, kind, &example, asks);
    let fields: Vec<AnyView> = parameters.iter().map(|one| field(one, query)).collect();
    view! {
        <section class="card p-4" aria-labelledby="endpoint">
            <h2 id="endpoint" class="mb-1 font-mono text-lg wrap-anywhere">
                {operation.method()} " " {operation.path}
            </h2>
            <p class="text-sm text-ink-2">{text(&operation.value["summary"])} "."</p>
            <p class="mb-4 text-xs text-ink-3">"Role: " {operation.role()}</p>
            <form
                id="request"
                method="get"
                action="/ui/api"
                class="grid grid-cols-[minmax(0,1fr)] gap-4"
                data-method=operation.method()
                data-path=operation.path
                data-kind=kind
                data-asks=asks.then_some("true")
                data-changes=operation.changes().then_some("true")
            >
                <input type="hidden" name="op" value=operation.id()/>
                {fields}
                {body.map(|(kind, _)| body_field(kind, &example))}
                {buttons(operation)}
            </form>
            <h3 class="mt-5 mb-1.5 text-sm font-medium">"The same from a shell"</h3>
            <pre class="code" tabindex="0" role="region" aria-label="Command">
                <code id="command">{command}</code>
            </pre>
            {answers(operation)}
        </section>
        {confirmation(operation)}
    }
    .into_any()
}

fn field(parameter: &'static Value, query: &Query) -> AnyView {
    let name = text(&parameter["name"]);
    let place = text(&parameter["in"]);
    let is_needed = parameter["required"] == true;
    let schema = &parameter["schema"];
    let help = text(&schema["description"]);
    let placeholder = match name {
        "namespace" => "default",
        _ => text(&schema["examples"][0]),
    };
    let help = match (is_needed, help) {
        (true, "") => "Needed.".to_owned(),
        (false, "") => "Optional.".to_owned(),
        (_, help) => format!("{help}."),
    };
    view! {
        <div class="min-w-0">
            <label for=format!("p-{name}") class="mb-1 flex items-baseline gap-2 text-sm font-medium">
                {name} <span class="text-xs font-normal text-ink-3">{place}</span>
            </label>
            <input
                class="input font-mono"
                type="text"
                id=format!("p-{name}")
                name=name
                value=query.get(name).to_owned()
                placeholder=placeholder
                required=is_needed
                data-in=place
                autocomplete="off"
                autocapitalize="none"
                spellcheck="false"
                aria-describedby=format!("p-{name}-help")
            />
            <p id=format!("p-{name}-help") class="mt-1 text-xs text-ink-3">{help}</p>
        </div>
    }
    .into_any()
}

/// Has no name: what stands in it may be a secret, and must not come into an address.
fn body_field(kind: &'static str, example: &str) -> AnyView {
    let rows = example.lines().count().clamp(3, 16);
    view! {
        <div class="min-w-0">
            <label for="request-body" class="mb-1 flex items-baseline gap-2 text-sm font-medium">
                "Body" <span class="text-xs font-normal text-ink-3">{kind}</span>
            </label>
            <textarea class="input font-mono" id="request-body" rows=rows.to_string() spellcheck="false" autocapitalize="none">
                {format!("\n{example}")}
            </textarea>
        </div>
    }
    .into_any()
}

fn buttons(operation: Operation) -> AnyView {
    let why_not = operation.why_not();
    let reason = why_not.clone().map(|why| {
        view! { <span id="why-not" class="text-sm text-ink-2">{why} "."</span> }
    });
    view! {
        <p class="flex flex-wrap items-center gap-3">
            <button
                class="btn btn-primary scripted"
                type="button"
                data-send="ask"
                disabled=why_not.is_some()
                aria-describedby="why-not"
            >
                "Send"
            </button>
            <button class="btn unscripted" type="submit">"Show the command"</button>
            {reason}
        </p>
    }
    .into_any()
}

/// Asks before anything is changed; the safe button comes first and has the focus.
fn confirmation(operation: Operation) -> Option<AnyView> {
    if !operation.changes() {
        return None;
    }
    let class = match operation.method {
        "delete" => "btn btn-danger",
        _ => "btn btn-primary",
    };
    Some(
        view! {
            <dialog id="confirm" class="palette" aria-labelledby="confirm-heading">
                <div class="p-4">
                    <h2 id="confirm-heading" class="mb-2 text-lg">"This changes the server"</h2>
                    <p class="text-sm">{text(&operation.value["summary"])} "."</p>
                    <p id="confirm-target" class="mt-2 font-mono text-xs wrap-anywhere"></p>
                    <p class="mt-4 flex gap-3">
                        <button class="btn" type="button" data-send="no" autofocus>"Cancel"</button>
                        <button class=class type="button" data-send="yes">
                            "Send " {operation.method()}
                        </button>
                    </p>
                </div>
            </dialog>
        }
        .into_any(),
    )
}

fn answers(operation: Operation) -> AnyView {
    let schema = members(&operation.value["responses"])
        .find(|(status, _)| *status != "default")
        .and_then(|(_, answer)| Some(members(&answer["content"]).next()?.1["schema"].clone()));
    let Some(schema) = schema else {
        return ().into_any();
    };
    let name = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next());
    let shape = name.map_or(schema.clone(), |name| {
        DOCUMENT["components"]["schemas"][name].clone()
    });
    view! {
        <details class="mt-4 text-sm">
            <summary class="link w-fit cursor-pointer">"Schema of the answer"</summary>
            <pre class="code mt-2 max-h-96" tabindex="0" role="region" aria-label="Schema of the answer">
                {format!("{shape:#}")}
            </pre>
        </details>
    }
    .into_any()
}

/// A body that is accepted, as text.
fn example_text(kind: &str, schema: &Value) -> String {
    let name = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next());
    if kind != "application/json" {
        return "cf-id=my-feed".to_owned();
    }
    let example = name
        .and_then(chosen_example)
        .unwrap_or_else(|| example(schema, 0));
    format!("{example:#}")
}

/// Bodies that say more than the least that is accepted.
fn chosen_example(name: &str) -> Option<Value> {
    let rules = json!({"filter": {"rules": ["shop.*"]}});
    Some(match name {
        "CreateChangefeed" | "ValidateChangefeed" => {
            json!({"changefeed_id": "my-feed", "sink_uri": "blackhole://", "replica_config": rules})
        }
        "UpdateChangefeed" | "VerifyTable" => json!({"replica_config": rules}),
        "FilterPreviewRequest" => json!({"rules": ["shop.*", "!shop.tmp_*"], "case_sensitive": false}),
        "LogLevel" => json!({"log_level": "info"}),
        "LogLevelWord" => json!("info"),
        _ => return None,
    })
}

/// The least that a schema accepts.
fn example(schema: &Value, depth: usize) -> Value {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        let inner = &DOCUMENT["components"]["schemas"][name];
        return if depth > 8 {
            Value::Null
        } else {
            example(inner, depth + 1)
        };
    }
    if let Some(given) = schema["examples"].get(0).or_else(|| schema["enum"].get(0)) {
        return given.clone();
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
    match kind {
        Some("object") => {
            let needed = schema["required"].as_array();
            let needed = needed.into_iter().flatten().filter_map(Value::as_str);
            let members =
                needed.map(|name| (name.to_owned(), example(&schema["properties"][name], depth + 1)));
            Value::Object(members.collect())
        }
        Some("array") => json!([]),
        Some("boolean") => json!(false),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(0)),
        Some("string") => json!(""),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_endpoint_has_a_page_and_a_whole_command() {
        for operation in operations() {
            let query = Query::parse(&format!("op={}&changefeed_id=%22%3E%3Cb%3E", operation.id())).unwrap();
            let html = page(&query);
            assert!(html.contains("id=\"command\""), "{}", operation.id());
            assert!(!html.contains("\"><b>"), "{}", operation.id());
            assert_eq!(
                html.contains("id=\"confirm\""),
                operation.changes(),
                "{}",
                operation.id()
            );
        }
        assert!(page(&Query::parse("op=none").unwrap()).contains("no such endpoint"));
    }

    /// A question must not be one that is noted as a change, and must exist.
    #[test]
    fn questions_are_endpoints_of_the_document() {
        let all = operations();
        let known = QUESTIONS
            .iter()
            .filter(|path| all.iter().any(|one| one.path == **path));
        assert_eq!(known.count(), QUESTIONS.len());
    }

    #[test]
    fn examples_have_what_their_schemas_need() {
        for operation in operations() {
            let Some((kind, schema)) = operation.body() else {
                continue;
            };
            let text = example_text(kind, schema);
            if kind != "application/json" {
                assert!(text.contains('='));
                continue;
            }
            let body: Value = serde_json::from_str(&text).unwrap();
            let name = schema["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
            let schema = &DOCUMENT["components"]["schemas"][name];
            for needed in schema["required"].as_array().into_iter().flatten() {
                assert!(body.get(needed.as_str().unwrap()).is_some(), "{name}: {needed}");
            }
            for member in body.as_object().into_iter().flat_map(Map::keys) {
                assert!(schema["properties"].get(member).is_some(), "{name}: {member}");
            }
        }
    }
}
