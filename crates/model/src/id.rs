//! Names of changefeeds and captures.

use std::fmt;
use std::sync::Arc;

/// The namespace a request means when it names none.
pub const DEFAULT_NAMESPACE: &str = "default";
/// Longest changefeed id or namespace, in bytes (the original's limit).
const ID_BYTES_MAX: usize = 128;

/// Whether `s` may be a changefeed id or a namespace: `^[a-zA-Z0-9]+(-[a-zA-Z0-9]+)*$`, at most 128 bytes.
pub fn is_valid_id(s: &str) -> bool {
    !s.is_empty()
        && s.len() <= ID_BYTES_MAX
        && s.split('-')
            .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// `<namespace>/<id>`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChangefeedId {
    /// Namespace, `default` unless the user chose one.
    pub namespace: Arc<str>,
    /// Id, unique inside the namespace.
    pub id: Arc<str>,
}

impl ChangefeedId {
    /// Builds an id without checking it: a name that breaks the rules simply does not exist.
    pub fn new(namespace: &str, id: &str) -> Self {
        let namespace = if namespace.is_empty() {
            DEFAULT_NAMESPACE
        } else {
            namespace
        };
        ChangefeedId {
            namespace: namespace.into(),
            id: id.into(),
        }
    }
}

impl fmt::Display for ChangefeedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.id)
    }
}

impl fmt::Debug for ChangefeedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Identity of one run of a server process: a random UUID, new at each start.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CaptureId(pub Arc<str>);

impl fmt::Display for CaptureId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::is_valid_id;

    #[test]
    fn ids_follow_the_published_pattern() {
        for good in ["a", "A-1", "orders-2024-q1", &"x".repeat(128)] {
            assert!(is_valid_id(good), "{good}");
        }
        for bad in [
            "",
            "-a",
            "a-",
            "a--b",
            "a_b",
            "a.b",
            "a/b",
            "ä",
            " a",
            &"x".repeat(129),
        ] {
            assert!(!is_valid_id(bad), "{bad}");
        }
    }
}
