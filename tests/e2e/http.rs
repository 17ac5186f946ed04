//! Just enough of an HTTP client: one request per connection, JSON in and out.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const TIMEOUT: Duration = Duration::from_secs(60);

/// Status and body. An empty body is `Null`, one that is no JSON is a string.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Answer {
    /// The body of a success.
    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{self:?}");
        self.body
    }

    /// The code of an error.
    #[track_caller]
    pub(crate) fn code(&self) -> &str {
        assert!(self.status >= 400, "{self:?}");
        self.body["error_code"].as_str().unwrap()
    }
}

/// Sends a request to 127.0.0.1.
///
/// # Errors
/// Nobody listens, the connection breaks, or no answer in time.
pub(crate) async fn request(port: u16, method: &str, path: &str, body: &Value) -> std::io::Result<Answer> {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    // HTTP/1.0: the answer is not chunked, and ends with the connection.
    let text = format!(
        "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let exchange = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(text.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        parse(&answer).ok_or_else(|| std::io::Error::other("not an HTTP answer"))
    };
    tokio::time::timeout(TIMEOUT, exchange)
        .await
        .map_err(std::io::Error::other)?
}

fn parse(answer: &[u8]) -> Option<Answer> {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split_whitespace().nth(1)?.parse().ok()?;
    let body = match body {
        "" => Value::Null,
        body => serde_json::from_str(body).unwrap_or_else(|_| Value::String(body.to_owned())),
    };
    Some(Answer { status, body })
}
