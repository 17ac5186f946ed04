//! The OpenAPI document, built from one table of endpoints. `docs/openapi.json` is its committed copy.

mod endpoints;
mod schemas;

use axum::http::Method;
use serde_json::{Map, Value, json};

use schemas::{reference, schemas};

use super::access::{Need, Role};
use super::routes::{RouteTable, Routes};
use super::{extension, top, v2};

/// One endpoint.
struct Endpoint {
    path: &'static str,
    method: &'static str,
    summary: &'static str,
    /// Name of the body's schema and whether it must be there.
    body: Option<(&'static str, bool)>,
    /// Status of a success.
    status: &'static str,
    /// Name of the schema of a success.
    answer: &'static str,
    query: &'static [&'static str],
}

/// The document.
pub fn openapi_document() -> Value {
    let mut paths = Map::new();
    let routes = documented_routes();
    for endpoint in endpoints::V2.iter().chain(endpoints::OTHERS) {
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
        .nest("/api/v2", v2::routes())
        .nest("/api/tidegate/v1", extension::routes())
        .merge(top::routes());
    routes.finish().1
}

fn operation(endpoint: &Endpoint, need: Need) -> Value {
    let parameter = |name: &str, place: &str| json!({"name": name, "in": place, "required": place == "path", "schema": {"type": "string"}});
    let mut parameters: Vec<Value> = path_parameters(endpoint.path)
        .map(|name| parameter(name, "path"))
        .collect();
    parameters.extend(endpoint.query.iter().map(|name| parameter(name, "query")));
    let content = if endpoint.answer == "Text" {
        "text/plain"
    } else {
        "application/json"
    };
    let mut operation = json!({
        "summary": endpoint.summary,
        "parameters": parameters,
        "responses": {
            endpoint.status: {"description": "Done", "content": {content: {"schema": reference(endpoint.answer)}}},
            "default": {"description": "Refused or failed", "content": {"application/json": {"schema": reference("Error")}}},
        },
    });
    // A server without users, tokens and certificates asks nobody.
    operation["x-required-role"] = json!(need.map_or("none", Role::word));
    operation["security"] = match need {
        None => json!([]),
        Some(_) => json!([{"password": []}, {"token": []}, {"certificate": []}]),
    };
    if let Some((body, required)) = endpoint.body {
        operation["requestBody"] =
            json!({"required": required, "content": {"application/json": {"schema": reference(body)}}});
    }
    operation
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
