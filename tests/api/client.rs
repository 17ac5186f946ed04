//! Sends bytes, reads bytes.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

const TIMEOUT: Duration = Duration::from_secs(60);

/// An answer as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Status line and headers.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// Value of a header, empty when absent.
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map_or("", |(_, value)| value.trim())
    }

    /// The body of a success.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        serde_json::from_str(&self.body).unwrap()
    }

    /// Checks status, code, type and layout of an error, and answers its message.
    #[track_caller]
    pub(crate) fn refusal(&self, status: u16, code: &str) -> String {
        assert_eq!(self.status, status, "{self:?}");
        let body: Value = serde_json::from_str(&self.body).unwrap();
        let message = body["error_msg"].as_str().unwrap();
        assert_eq!(body["error_code"], code, "{self:?}");
        assert!(message.starts_with(&format!("[{code}]")), "{message}");
        assert_eq!(self.header("content-type"), "application/json; charset=utf-8");
        let escaped = serde_json::to_string(message).unwrap();
        let layout = format!("{{\n    \"error_msg\": {escaped},\n    \"error_code\": \"{code}\"\n}}");
        assert_eq!(self.body, layout);
        message.to_owned()
    }
}

/// Sends a request with these headers and body.
pub(crate) async fn send(port: u16, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n");
    for header in headers {
        text.push_str(header);
        text.push_str("\r\n");
    }
    if !body.is_empty() {
        text.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    text.push_str(body);
    parse(&exchange(port, text.as_bytes()).await)
}

/// Sends bytes and reads until the server closes.
pub(crate) async fn exchange(port: u16, bytes: &[u8]) -> Vec<u8> {
    exchange_over(TcpStream::connect(("127.0.0.1", port)).await.unwrap(), bytes).await
}

/// As [`exchange`], over a connection that is there.
pub(crate) async fn exchange_over(mut stream: impl AsyncRead + AsyncWrite + Unpin, bytes: &[u8]) -> Vec<u8> {
    let exchange = async {
        // The server may answer and close before it has taken everything.
        stream.write_all(bytes).await.ok();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok();
        answer
    };
    tokio::time::timeout(TIMEOUT, exchange)
        .await
        .expect("no answer in time")
}

/// Takes an answer apart.
pub(crate) fn parse(bytes: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no HTTP answer: {text}"));
    let status = head.split_whitespace().nth(1).unwrap().parse().unwrap();
    Answer {
        status,
        head: head.to_owned(),
        body: body.to_owned(),
    }
}
