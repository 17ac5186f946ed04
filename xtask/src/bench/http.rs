//! Just enough of an HTTP client for one server on loopback.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Sends a request; answers the JSON body of a success.
pub(super) fn request(port: u16, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
    let body = request_text(port, method, path, body)?;
    if body.is_empty() {
        Ok(Value::Null)
    } else {
        Ok(serde_json::from_str(&body)?)
    }
}

/// As [`request`]; answers the body as it is.
pub(super) fn request_text(port: u16, method: &str, path: &str, body: Option<&Value>) -> Result<String> {
    let body = body.map(Value::to_string).unwrap_or_default();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).context("connect to the server")?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    // HTTP/1.0: the answer is not chunked, and ends with the connection.
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).context("read the answer")?;
    let (head, body) = answer.split_once("\r\n\r\n").context("not an HTTP answer")?;
    let status: u16 = head
        .split_whitespace()
        .nth(1)
        .and_then(|status| status.parse().ok())
        .context("no status")?;
    if !(200..300).contains(&status) {
        bail!("{method} {path}: {status} {body}");
    }
    Ok(body.to_owned())
}
