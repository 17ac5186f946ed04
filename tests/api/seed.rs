//! The examples of the published API page, sent exactly as its shell commands send them.

use serde_json::json;

use crate::client::send;
use crate::server::Api;

/// The page's commands, one a line, in its order.
const EXAMPLES: &str = include_str!("seed_examples.sh");

#[derive(Debug, Default)]
struct Request {
    method: String,
    path: String,
    headers: Vec<String>,
    body: String,
}

/// Splits a command as a shell does: blanks, single and double quotes.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in line.trim().chars() {
        match quote {
            Some(open) if c == open => quote = None,
            None if c == '\'' || c == '"' => quote = Some(c),
            None if c == ' ' => words.push(String::new()),
            _ => words.last_mut().unwrap().push(c),
        }
    }
    words
}

/// What curl makes of the command: a body without a content type is declared to be a form.
fn request(line: &str) -> Request {
    let mut request = Request::default();
    let mut words = words(line).into_iter();
    assert_eq!(words.next().as_deref(), Some("curl"));
    while let Some(word) = words.next() {
        match word.as_str() {
            "-X" => request.method = words.next().unwrap(),
            "-H" => request.headers.push(words.next().unwrap()),
            "-d" => request.body = words.next().unwrap(),
            url => request.path = url.strip_prefix("http://127.0.0.1:8300").unwrap().to_owned(),
        }
    }
    if !request.body.is_empty() {
        request
            .headers
            .push("Content-Type: application/x-www-form-urlencoded".to_owned());
    }
    request
}

#[test]
fn the_broken_header_of_the_page_is_kept() {
    let create = EXAMPLES
        .lines()
        .map(request)
        .find(|request| request.path.ends_with("/changefeeds") && request.method == "POST");
    assert_eq!(create.unwrap().headers[0], "'Content-type':'application/json'");
}

#[tokio::test]
async fn every_example_of_the_page_is_answered() {
    // Its tables have keys, as those of the page must have had.
    let api = Api::over("CREATE DATABASE test; CREATE TABLE test.t (id INT PRIMARY KEY)").await;
    let mut seen = 0;
    for line in EXAMPLES.lines() {
        let request = request(line);
        if request.path.contains("test1") {
            api.call("DELETE", "/api/v2/changefeeds/test1", "").await.ok();
            api.create("test1", json!({})).await;
        }
        if request.method == "PUT" {
            api.pause("test1").await;
        }
        let headers: Vec<&str> = request.headers.iter().map(String::as_str).collect();
        let answer = send(api.port, &request.method, &request.path, &headers, &request.body).await;
        match (request.method.as_str(), request.path.as_str()) {
            // A target of 32 lies before the start: the original refuses its own example too.
            ("PUT", _) => {
                answer.refusal(400, "CDC:ErrChangefeedUpdateRefused");
            }
            ("GET", path) if path.starts_with("/api/v2/processors/test/") => {
                answer.refusal(400, "CDC:ErrChangeFeedNotExists");
            }
            _ => {
                answer.ok();
            }
        }
        seen += 1;
    }
    assert_eq!(seen, 15);
}
