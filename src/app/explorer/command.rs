//! A request as a command line. Made by the server for the page, and by the browser while somebody types.

use crate::app::format::query_escape;
use crate::app::ui::copy::SHELL_BASE;

/// The path and query of a request. What is empty in `query` is left out; what is empty in `path` stays a gap.
pub(crate) fn target(template: &str, path: &[(String, String)], query: &[(String, String)]) -> String {
    let mut target = template.to_owned();
    for (name, value) in path.iter().filter(|(_, value)| !value.is_empty()) {
        target = target.replace(&format!("{{{name}}}"), &query_escape(value));
    }
    let mut sign = '?';
    for (name, value) in query.iter().filter(|(_, value)| !value.is_empty()) {
        target.push(sign);
        target.push_str(&format!("{}={}", query_escape(name), query_escape(value)));
        sign = '&';
    }
    target
}

/// The command line. `kind` is the type of the body, `asks` whether the server asks who it is.
pub(crate) fn command(method: &str, target: &str, kind: &str, body: &str, asks: bool) -> String {
    let mut text = "curl".to_owned();
    if method != "GET" {
        text.push_str(" -X ");
        text.push_str(method);
    }
    // A gap is for the reader to fill, not for curl to expand.
    if target.contains('{') {
        text.push_str(" -g");
    }
    text.push_str(&format!(" {SHELL_BASE}{target}\""));
    if asks {
        text.push_str(" \\\n  -H \"Authorization: Bearer $TIDEGATE_TOKEN\"");
    }
    if !body.trim().is_empty() {
        let body = body.trim().replace('\'', "'\\''");
        text.push_str(&format!(" \\\n  -H 'Content-Type: {kind}' \\\n  -d '{body}'"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let pairs = pairs.iter();
        pairs.map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    }

    #[test]
    fn parameters_stand_in_their_places() {
        let path = pairs(&[("changefeed_id", "a b/c"), ("other", "")]);
        let query = pairs(&[("namespace", "n\"s"), ("state", "")]);
        assert_eq!(
            target("/f/{changefeed_id}/{other}", &path, &query),
            "/f/a%20b%2Fc/{other}?namespace=n%22s"
        );
    }

    #[test]
    fn a_command_keeps_its_quotes() {
        assert_eq!(
            command("GET", "/health", "", "", false),
            "curl \"${TIDEGATE:-http://127.0.0.1:8300}/health\""
        );
        let text = command("POST", "/f/{id}", "application/json", "{\"a\":\"it's\"}\n", true);
        assert_eq!(
            text,
            "curl -X POST -g \"${TIDEGATE:-http://127.0.0.1:8300}/f/{id}\" \\\n  -H \"Authorization: Bearer \
             $TIDEGATE_TOKEN\" \\\n  -H 'Content-Type: application/json' \\\n  -d '{\"a\":\"it'\\''s\"}'"
        );
    }
}
