//! The one error of the server functions.

use leptos::server_fn::codec::JsonEncoding;
use leptos::server_fn::error::{FromServerFnError, ServerFnErrorErr};
use serde::{Deserialize, Serialize};

/// A fault of one field of a form.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FieldError {
    /// Name of the field in the form.
    pub field: String,
    /// What is wrong with it, one sentence.
    pub message: String,
}

/// An error as the reader gets it: what, why, and the next step. Holds no secret.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ConsoleError {
    /// `CDC:Err...`; empty when the request did not reach the server.
    pub code: String,
    /// The message without the code.
    pub message: String,
    /// The next step, may be empty.
    pub remedy: String,
    /// Faults that belong to a field of the form that was sent.
    pub fields: Vec<FieldError>,
}

impl ConsoleError {
    /// The message for `field`, if it has a fault.
    pub fn of_field(&self, field: &str) -> Option<String> {
        let fault = self.fields.iter().find(|fault| fault.field == field)?;
        Some(fault.message.clone())
    }
}

#[cfg(feature = "ssr")]
impl From<tidegate_model::CdcError> for ConsoleError {
    /// Every cause is in the message; the taxonomy keeps secrets out of it.
    fn from(error: tidegate_model::CdcError) -> Self {
        let code = error.code().to_string();
        let message = error.wire_message();
        let message = message
            .strip_prefix(&format!("[{code}]"))
            .map_or(message.clone(), str::to_owned);
        ConsoleError {
            code,
            message,
            remedy: error.code().remedy().to_owned(),
            fields: Vec::new(),
        }
    }
}

impl std::fmt::Display for ConsoleError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ConsoleError {}

impl FromServerFnError for ConsoleError {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        let (message, remedy) = match &error {
            ServerFnErrorErr::Request(_) => (
                "The server does not answer.".to_owned(),
                "Check that it is running, then try again.",
            ),
            ServerFnErrorErr::Args(text) | ServerFnErrorErr::MissingArg(text) => (
                format!("The server did not understand the form: {text}"),
                "Reload the page and try again.",
            ),
            other => (other.to_string(), "Reload the page; the server's log says more."),
        };
        ConsoleError {
            code: String::new(),
            message,
            remedy: remedy.to_owned(),
            fields: Vec::new(),
        }
    }
}
