//! The OpenAPI document, built from one table of endpoints. `docs/openapi.json` is its committed copy.

mod config;
mod endpoints;
mod schemas;

use axum::http::Method;
use serde_json::{Map, Value, json};

use schemas::{reference, schemas};

use super::access::{Need, Role};
use super::audit::PAGE_MAX;
use super::routes::{RouteTable, Routes};
use super::{extension, owner, top, v1, v2};

/// One endpoint.
struct Endpoint {
    path: &'static str,
    method: &'static str,
    summary: &'static str,
    /// Name of the body's schema and whether it must be there.
    body: Option<(&'static str, bool)>,
    /// Status of a success.
    status: &'static str,
    /// Name of the schema of a success; `Nothing`: no body.
    answer: &'static str,
    /// Whether errors are plain text.
    plain_errors: bool,
    /// Whether the body is a form.
    form: bool,
    query: &'static [&'static str],
}

/// The document.
pub fn openapi_document() -> Value {
    let mut paths = Map::new();
    let routes = documented_routes();
    for endpoint in endpoints::V2.iter().chain(endpoints::V1).chain(endpoints::OTHERS) {
        let item = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        let method = Method::from_bytes(endpoint.method.to_uppercase().as_bytes()).unwrap_or_default();
        item[endpoint.method] = operation(endpoint, routes.need(&method, endpoint.path));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Tidegate",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "TiCDC OpenAPI v2 and the extensions of Tidegate. 64-bit numbers are exact JSON integers.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "securitySchemes": {
                "password": {"type": "http", "scheme": "basic"},
                "token": {"type": "http", "scheme": "bearer"},
                "certificate": {"type": "mutualTLS"},
            },
        },
    })
}

/// What each documented route needs.
fn documented_routes() -> RouteTable {
    let routes = Routes::default()
        .nest("/api/v1", v1::routes())
        .nest("/api/v2", v2::routes())
        .nest("/api/tidegate/v1", extension::routes())
        .nest("/capture/owner", owner::routes())
        .merge(top::routes());
    routes.finish().1
}

fn operation(endpoint: &Endpoint, need: Need) -> Value {
    let mut parameters: Vec<Value> = path_parameters(endpoint.path).map(path_parameter).collect();
    parameters.extend(
        endpoint
            .query
            .iter()
            .map(|name| query_parameter(endpoint.path, name)),
    );
    let mut done = match endpoint.answer {
        "Nothing" => json!({"description": "Done"}),
        "Text" => json!({"description": "Done", "content": {"text/plain": {"schema": reference("Text")}}}),
        name => json!({"description": "Done", "content": {"application/json": {"schema": reference(name)}}}),
    };
    if endpoint.path.ends_with("/activity") {
        done["content"]["application/x-ndjson"] = json!({"schema": reference("Text")});
    }
    let refused = if endpoint.plain_errors {
        json!({"text/plain": {"schema": reference("Text")}})
    } else {
        json!({"application/json": {"schema": reference("Error")}})
    };
    let mut operation = json!({
        "operationId": operation_id(endpoint),
        "tags": [tag(endpoint.path)],
        "summary": endpoint.summary,
        "parameters": parameters,
        "responses": {
            endpoint.status: done,
            "default": {"description": "Refused or failed", "content": refused},
        },
    });
    // A server without users, tokens and certificates asks nobody.
    operation["x-required-role"] = json!(need.map_or("none", Role::word));
    operation["security"] = match need {
        None => json!([]),
        Some(_) => json!([{"password": []}, {"token": []}, {"certificate": []}]),
    };
    if let Some((body, required)) = endpoint.body {
        let kind = if endpoint.form {
            "application/x-www-form-urlencoded"
        } else {
            "application/json"
        };
        operation["requestBody"] =
            json!({"required": required, "content": {kind: {"schema": reference(body)}}});
    }
    operation
}

/// The method and the words of the path.
fn operation_id(endpoint: &Endpoint) -> String {
    let words = endpoint
        .path
        .split(['/', '{', '}'])
        .filter(|word| !word.is_empty());
    let words: Vec<&str> = std::iter::once(endpoint.method).chain(words).collect();
    words.join("_")
}

fn tag(path: &str) -> &'static str {
    match path {
        _ if path.starts_with("/api/v2") => "TiCDC OpenAPI v2",
        _ if path.starts_with("/api/v1") => "TiCDC OpenAPI v1, for cluster managers",
        _ if path.starts_with("/api/tidegate") => "Extensions",
        _ => "Without a version",
    }
}

fn path_parameter(name: &str) -> Value {
    let schema = if name == "code" {
        json!({"type": "string", "minLength": 1, "examples": ["CDC:ErrTableIneligible"]})
    } else {
        json!({"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[a-zA-Z0-9]+(-[a-zA-Z0-9]+)*$"})
    };
    json!({"name": name, "in": "path", "required": true, "schema": schema})
}

fn query_parameter(path: &str, name: &str) -> Value {
    let schema = match name {
        // Numbers, or empty as if absent.
        "limit" => {
            json!({"type": "string", "pattern": "^([1-9][0-9]?|1[0-9]{2}|200)?$", "description": format!("1 to {PAGE_MAX}")})
        }
        "cursor" => json!({"type": "string", "pattern": "^([0-9]{1,19})?$"}),
        "changefeed_id" => schemas::id(),
        "format" if path.ends_with("/activity") => json!({"enum": ["", "json", "ndjson"]}),
        "format" => json!({"enum": ["", "json", "toml"]}),
        "only" => json!({"enum": ["", "set"]}),
        "version" => json!({"type": "string", "pattern": "^([0-9]{1,19})?$"}),
        "window" => json!({"enum": ["", "5m", "1h", "24h"]}),
        _ => json!({"type": "string"}),
    };
    json!({"name": name, "in": "query", "required": false, "schema": schema})
}

fn path_parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_committed_openapi_document_is_current() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
        let text = format!("{:#}\n", openapi_document());
        if std::env::var_os("UPDATE_OPENAPI").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == text,
            "docs/openapi.json is stale: run `cargo xtask openapi`"
        );
    }

    #[test]
    fn the_committed_settings_of_the_openapi_document_are_current() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/settings.md");
        let text = tidegate_api::settings_reference();
        if std::env::var_os("UPDATE_OPENAPI").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == text,
            "docs/settings.md is stale: run `cargo xtask openapi`"
        );
    }

    /// A config that the API writes must fit the schema that it publishes.
    #[test]
    fn every_member_of_a_default_config_is_in_the_openapi_schema() {
        fn check(value: &Value, schema: &Value, path: &str) {
            if let Some(members) = value.as_object() {
                for (name, value) in members {
                    let inner = &schema["properties"][name];
                    assert!(inner.is_object(), "{path}.{name}");
                    check(value, inner, &format!("{path}.{name}"));
                }
            }
        }
        check(&tidegate_api::default_config(), &config::schema(), "");
    }

    #[test]
    fn operations_of_the_openapi_document_have_names_of_their_own() {
        let document = openapi_document();
        let mut names = std::collections::HashSet::new();
        for methods in document["paths"].as_object().unwrap().values() {
            for operation in methods.as_object().unwrap().values() {
                let name = operation["operationId"].as_str().unwrap();
                assert!(names.insert(name.to_owned()), "{name}");
            }
        }
    }

    #[test]
    fn every_reference_in_the_openapi_document_leads_somewhere() {
        fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
            match value {
                Value::Object(members) => {
                    if let Some(Value::String(target)) = members.get("$ref") {
                        found.push(target);
                    }
                    members.values().for_each(|member| references(member, found));
                }
                Value::Array(items) => items.iter().for_each(|item| references(item, found)),
                _ => {}
            }
        }
        let document = openapi_document();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(!found.is_empty());
        for target in found {
            let pointer = target.trim_start_matches('#');
            assert!(document.pointer(pointer).is_some(), "{target}");
        }
    }
}
