//! What a check of settings found, in the order in which it was found.

use serde::{Deserialize, Serialize};
use tidegate_model::{CdcError, ErrorCode, Result};

/// One finding, as the API shows it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// Place in the body of the request as a JSON pointer; empty: the request as a whole.
    pub pointer: String,
    /// `CDC:ErrX`.
    pub code: String,
    /// Whether the request would be refused.
    pub severity: Severity,
    /// What is wrong, and with which member. Holds no secret.
    pub message: String,
    /// The next step.
    pub hint: String,
}

/// How bad a finding is.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The request is refused.
    Error,
    /// It is accepted, and something is probably not as intended.
    Warning,
}

/// Collects findings, or stops at the first error.
#[derive(Debug, Default)]
pub struct Findings {
    stops: bool,
    offline: bool,
    all: Vec<(String, Severity, CdcError)>,
}

impl Findings {
    /// Collects everything.
    pub fn all() -> Self {
        Findings::default()
    }

    /// Collects what can be found without connecting to a destination.
    pub fn offline() -> Self {
        Findings {
            offline: true,
            ..Findings::default()
        }
    }

    /// Whether no destination is to be connected to.
    pub fn stays_offline(&self) -> bool {
        self.offline
    }

    /// Ends a check at its first error.
    pub fn first_error() -> Self {
        Findings {
            stops: true,
            ..Findings::default()
        }
    }

    /// Whether all findings are wanted.
    pub fn wants_all(&self) -> bool {
        !self.stops
    }

    /// Notes what keeps the request from being accepted.
    ///
    /// # Errors
    /// The error itself, when the check ends at the first.
    pub fn error(&mut self, pointer: impl Into<String>, error: CdcError) -> Result<()> {
        if self.stops {
            return Err(error);
        }
        self.all.push((pointer.into(), Severity::Error, error));
        Ok(())
    }

    /// Notes what is accepted and odd.
    pub fn warning(&mut self, pointer: impl Into<String>, code: ErrorCode, message: impl std::fmt::Display) {
        let finding = (pointer.into(), Severity::Warning, CdcError::new(code, message));
        self.all.push(finding);
    }

    /// The value, or nothing after its error was noted.
    ///
    /// # Errors
    /// The error itself, when the check ends at the first.
    pub fn take<T>(&mut self, pointer: &str, result: Result<T>) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) => self.error(pointer, error).map(|()| None),
        }
    }

    /// Whether an error was noted at one of these places or below.
    pub fn has_error_below(&self, pointers: &[&str]) -> bool {
        self.all.iter().any(|(pointer, severity, _)| {
            *severity == Severity::Error && pointers.iter().any(|below| pointer.starts_with(below))
        })
    }

    /// The findings as the API shows them.
    pub fn into_shown(self) -> Vec<Finding> {
        let shown = |(pointer, severity, error): (String, Severity, CdcError)| {
            let code = error.code();
            let message = error.wire_message();
            let message = message
                .strip_prefix(&format!("[{code}]"))
                .unwrap_or(&message)
                .to_owned();
            Finding {
                pointer,
                code: code.to_string(),
                severity,
                message,
                hint: code.remedy().to_owned(),
            }
        };
        self.all.into_iter().map(shown).collect()
    }
}
