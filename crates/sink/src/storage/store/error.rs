//! Errors of object stores, in words that help and without secrets.

use std::error::Error as _;

use object_store::Error;
use tidegate_model::{CdcError, ErrorCode};

use super::address::BucketAddress;

/// Longest part of a server's answer that is shown.
const DETAIL_CHARS_MAX: usize = 300;
/// Parameters whose values may be shown.
const HARMLESS: [&str; 9] = [
    "endpoint",
    "region",
    "force-path-style",
    "use-accelerate-endpoint",
    "storage-class",
    "sse",
    "provider",
    "access-tier",
    "account-name",
];

/// Makes errors about one bucket.
#[derive(Clone)]
pub(super) struct Faults {
    label: String,
    /// Texts that must not be shown, the longest first.
    secrets: Vec<String>,
}

impl Faults {
    pub(super) fn new(address: &BucketAddress) -> Self {
        let values = address
            .parameters
            .iter()
            .filter(|(name, _)| !HARMLESS.contains(name))
            .map(|(_, value)| value);
        let mut secrets: Vec<String> = values.flat_map(|value| spellings(value)).collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Faults {
            label: address.label.clone(),
            secrets,
        }
    }

    /// Names the bucket.
    pub(super) fn label(&self) -> &str {
        &self.label
    }

    /// What went wrong while doing `verb` to `path`; an empty path is the bucket itself.
    pub(super) fn error(&self, verb: &str, path: &str, error: &Error) -> CdcError {
        let at = if path.is_empty() {
            self.label.clone()
        } else {
            format!("{path} in {}", self.label)
        };
        let text = format!("cannot {verb} {at}{}: {}", hint(error), self.detail(error));
        CdcError::new(ErrorCode::ExternalStorageAPI, text)
    }

    /// An error of our own about the bucket.
    pub(super) fn plain(&self, text: &str) -> CdcError {
        CdcError::new(
            ErrorCode::ExternalStorageAPI,
            format_args!("{}: {text}", self.label),
        )
    }

    /// What the store, or the way to it, said.
    fn detail(&self, error: &Error) -> String {
        // The innermost cause that is no mere wrapping: it is what names the reason.
        let whole = error.to_string();
        let mut text = match (tag(&whole, "Code"), tag(&whole, "Message")) {
            (Some(code), Some(message)) => {
                // Azure adds a request id and the time on lines of their own.
                format!("{code}: {}", message.trim().lines().next().unwrap_or_default())
            }
            (Some(code), None) => code.to_owned(),
            _ => {
                let mut reasons = vec![whole.clone()];
                let mut cause = error.source();
                while let Some(next) = cause {
                    let reason = next.to_string();
                    if !reasons.iter().any(|known| known.contains(&reason)) {
                        reasons.push(reason);
                    }
                    cause = next.source();
                }
                reasons.join(": ")
            }
        };
        for secret in &self.secrets {
            text = text.replace(secret.as_str(), "xxxxx");
        }
        if text.chars().count() > DETAIL_CHARS_MAX {
            text = text.chars().take(DETAIL_CHARS_MAX).chain("...".chars()).collect();
        }
        text
    }
}

/// The texts in which a secret may come back: as it is, escaped, and its parts when it is a list of parameters.
fn spellings(secret: &str) -> Vec<String> {
    let escaped: String = secret
        .bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect();
    let mut all = vec![secret.to_owned(), escaped];
    if secret.contains('&') {
        let parts = secret.split('&').filter_map(|pair| pair.split_once('='));
        all.extend(
            parts
                .map(|(_, value)| value.to_owned())
                .filter(|value| value.len() > 10),
        );
    }
    all
}

fn hint(error: &Error) -> &'static str {
    match error {
        Error::NotFound { .. } => ": the bucket, or what is asked for, does not exist",
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            ": the store refuses the credentials, or they may not do this"
        }
        Error::AlreadyExists { .. } => ": it is there already, so somebody else writes to this place",
        _ => "",
    }
}

/// The content of an XML element.
fn tag<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(content, _)| content)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tidegate_api::Scheme;

    use super::*;

    fn faults(parameters: &[(&'static str, &str)]) -> Faults {
        Faults::new(&BucketAddress {
            kind: Scheme::S3,
            bucket: "b".to_owned(),
            prefix: String::new(),
            label: "s3://b/".to_owned(),
            parameters: parameters
                .iter()
                .map(|(name, value)| (*name, (*value).to_owned()))
                .collect::<BTreeMap<_, _>>(),
            flush_concurrency: 1,
        })
    }

    fn generic(text: &str) -> Error {
        Error::Generic {
            store: "S3",
            source: text.to_owned().into(),
        }
    }

    #[test]
    fn a_secret_is_not_shown_however_it_is_spelled() {
        let faults = faults(&[
            ("secret-access-key", "p/w+1"),
            ("sas-token", "sv=1&sig=abcdefghijklmn%3D"),
        ]);
        for text in [
            "key p/w+1 is bad",
            "GET /?k=p%2Fw%2B1",
            "GET /b?comp=list&sig=abcdefghijklmn%3D&sv=1",
        ] {
            let shown = faults.error("write", "a/b", &generic(text)).wire_message();
            assert!(shown.contains("xxxxx"), "{shown}");
            assert!(
                !shown.contains("p/w") && !shown.contains("%2B1") && !shown.contains("sig=abc"),
                "{shown}"
            );
        }
    }

    #[test]
    fn the_answer_of_the_store_is_what_is_shown() {
        let body =
            "status 403: <?xml?><Error><Code>InvalidAccessKeyId</Code><Message>no such key</Message></Error>";
        let shown = faults(&[]).error("write", "", &generic(body)).wire_message();
        assert!(
            shown.ends_with("cannot write s3://b/: InvalidAccessKeyId: no such key"),
            "{shown}"
        );
        let long = faults(&[])
            .error("write", "", &generic(&"x".repeat(5000)))
            .wire_message();
        assert!(long.len() < 500);
    }
}
