//! The page: every operation with its parameters, body and answers, and every schema once.

use std::fmt::Write;

use serde_json::{Map, Value};

const STYLE: &str = include_str!("page.css");

/// The whole page of an OpenAPI document.
pub(super) fn render(document: &Value) -> String {
    let operations = operations(document);
    let mut html = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Tidegate API</title><link rel=\"icon\" type=\"image/svg+xml\" href=\"/ui/favicon.svg\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><style>{STYLE}</style></head><body>\
         <a class=\"skip\" href=\"#operations\">Skip to the operations</a><header><h1>Tidegate API {}</h1><p>{}</p>\
         <p>Machine-readable: <a href=\"/swagger/doc.json\">/swagger/doc.json</a>. <a href=\"/ui\">Console</a></p>\
         </header><nav aria-label=\"Operations\">",
        escape(text(&document["info"]["version"])),
        escape(text(&document["info"]["description"])),
    );
    for (tag, of_tag) in by_tag(&operations) {
        push(&mut html, format_args!("<strong>{}</strong><ul>", escape(tag)));
        for operation in of_tag {
            push(
                &mut html,
                format_args!(
                    "<li><a href=\"#{}\"><code>{} {}</code></a></li>",
                    operation.id(),
                    operation.method.to_uppercase(),
                    escape(operation.path)
                ),
            );
        }
        html.push_str("</ul>");
    }
    html.push_str("</nav><main id=\"operations\">");
    for (tag, of_tag) in by_tag(&operations) {
        push(&mut html, format_args!("<h2>{}</h2>", escape(tag)));
        for operation in of_tag {
            article(&mut html, operation);
        }
    }
    html.push_str("<h2>Schemas</h2>");
    for (name, schema) in members(&document["components"]["schemas"]) {
        push(
            &mut html,
            format_args!(
                "<article id=\"schema-{0}\"><details><summary><code>{0}</code></summary><pre tabindex=\"0\">{1}</pre>\
                 </details></article>",
                escape(name),
                escape(&format!("{schema:#}"))
            ),
        );
    }
    html.push_str("</main></body></html>");
    html
}

struct Operation<'a> {
    path: &'a str,
    method: &'a str,
    value: &'a Value,
}

impl Operation<'_> {
    fn id(&self) -> String {
        escape(text(&self.value["operationId"]))
    }
}

fn operations(document: &Value) -> Vec<Operation<'_>> {
    let mut all = Vec::new();
    for (path, methods) in members(&document["paths"]) {
        for (method, value) in members(methods) {
            all.push(Operation { path, method, value });
        }
    }
    all
}

/// Operations by their tag, tags in the order of the document.
fn by_tag<'a>(operations: &'a [Operation<'a>]) -> Vec<(&'a str, Vec<&'a Operation<'a>>)> {
    let mut tags: Vec<(&str, Vec<&Operation<'_>>)> = Vec::new();
    for operation in operations {
        let tag = text(&operation.value["tags"][0]);
        match tags.iter_mut().find(|(name, _)| *name == tag) {
            Some((_, of_tag)) => of_tag.push(operation),
            None => tags.push((tag, vec![operation])),
        }
    }
    tags
}

fn article(html: &mut String, operation: &Operation<'_>) {
    push(
        html,
        format_args!(
            "<article id=\"{}\"><h3><code><span class=\"method\">{}</span> {}</code></h3><p>{}</p>",
            operation.id(),
            operation.method.to_uppercase(),
            escape(operation.path),
            escape(text(&operation.value["summary"]))
        ),
    );
    let role = text(&operation.value["x-required-role"]);
    push(
        html,
        format_args!("<p class=\"quiet\">Role: {}</p>", escape(role)),
    );
    parameters(html, operation);
    body(html, operation);
    answers(html, operation);
    html.push_str("</article>");
}

fn parameters(html: &mut String, operation: &Operation<'_>) {
    let list = operation.value["parameters"].as_array();
    if let Some(list) = list.filter(|list| !list.is_empty()) {
        html.push_str(
            "<table><thead><tr><th scope=\"col\">Parameter</th><th scope=\"col\">In</th><th scope=\"col\">Needed</th></tr>\
             </thead><tbody>",
        );
        for parameter in list {
            push(
                html,
                format_args!(
                    "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
                    escape(text(&parameter["name"])),
                    escape(text(&parameter["in"])),
                    if parameter["required"] == true {
                        "yes"
                    } else {
                        "no"
                    }
                ),
            );
        }
        html.push_str("</tbody></table>");
    }
}

fn body(html: &mut String, operation: &Operation<'_>) {
    let body = &operation.value["requestBody"];
    for (kind, content) in members(&body["content"]) {
        let needed = if body["required"] == true {
            "needed"
        } else {
            "optional"
        };
        push(
            html,
            format_args!(
                "<p>Body ({needed}, <code>{}</code>): {}</p>",
                escape(kind),
                schema_link(&content["schema"])
            ),
        );
    }
}

fn answers(html: &mut String, operation: &Operation<'_>) {
    for (status, answer) in members(&operation.value["responses"]) {
        let content = members(&answer["content"]).next();
        let shape = content.map_or_else(
            || "no body".to_owned(),
            |(kind, content)| {
                format!(
                    "{} as <code>{}</code>",
                    schema_link(&content["schema"]),
                    escape(kind)
                )
            },
        );
        push(
            html,
            format_args!(
                "<p class=\"quiet\">{} ({}): {shape}</p>",
                escape(status),
                escape(text(&answer["description"]))
            ),
        );
    }
}

fn schema_link(schema: &Value) -> String {
    let name = text(&schema["$ref"]).rsplit('/').next().unwrap_or_default();
    let name = escape(name);
    format!("<a href=\"#schema-{name}\"><code>{name}</code></a>")
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn push(html: &mut String, words: std::fmt::Arguments<'_>) {
    html.write_fmt(words).expect("a String takes any text");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::openapi_document;

    #[test]
    fn every_link_of_the_page_leads_somewhere_and_there_is_no_script() {
        let page = render(&openapi_document());
        assert!(!page.contains("<script"));
        for link in page.split("href=\"#").skip(1) {
            let target = link.split('"').next().unwrap();
            assert!(page.contains(&format!("id=\"{target}\"")), "{target}");
        }
        for (path, _) in members(&openapi_document()["paths"]) {
            assert!(page.contains(path.as_str()), "{path}");
        }
    }

    #[test]
    fn texts_cannot_leave_their_place() {
        assert_eq!(escape("<a href=\"x\">&"), "&lt;a href=&quot;x&quot;&gt;&amp;");
    }
}
