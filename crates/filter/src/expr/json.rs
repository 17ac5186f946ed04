//! JSON values inside texts.

use std::borrow::Cow;

use serde_json::Value as Json;

/// A path without wildcards: `$.member."other member"[0]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Path(Vec<Step>);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Step {
    Member(String),
    Item(usize),
}

impl Path {
    /// `None` when it is no path, or one with wildcards or ranges.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut rest = text.trim().strip_prefix('$')?;
        let mut steps = Vec::new();
        loop {
            rest = rest.trim_start();
            if rest.is_empty() {
                return Some(Path(steps));
            }
            if let Some(inner) = rest.strip_prefix('[') {
                let (number, after) = inner.split_once(']')?;
                steps.push(Step::Item(number.trim().parse().ok()?));
                rest = after;
                continue;
            }
            let name = rest.strip_prefix('.')?.trim_start();
            let (member, after) = member(name)?;
            steps.push(Step::Member(member));
            rest = after;
        }
    }

    fn find<'j>(&self, document: &'j Json) -> Option<&'j Json> {
        self.0.iter().try_fold(document, |at, step| match (step, at) {
            (Step::Member(name), Json::Object(members)) => members.get(name),
            (Step::Item(index), Json::Array(items)) => items.get(*index),
            // A value is also the only item of a list.
            (Step::Item(0), other) => Some(other),
            _ => None,
        })
    }
}

/// A member's name, quoted or not, and what follows it.
fn member(text: &str) -> Option<(String, &str)> {
    if text.starts_with('"') {
        let mut escaped = false;
        let end = text.char_indices().skip(1).find_map(|(at, c)| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends.then_some(at)
        })?;
        let name = serde_json::from_str(&text[..=end]).ok()?;
        return Some((name, &text[end + 1..]));
    }
    let end = text.find(['.', '[', ' ']).unwrap_or(text.len());
    let (name, after) = text.split_at(end);
    let plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '$');
    plain.then(|| (name.to_owned(), after))
}

/// The value at a path as JSON text; `None` when there is none, or the text is no JSON.
pub(crate) fn extract(document: &[u8], path: &Path) -> Option<Vec<u8>> {
    let document: Json = serde_json::from_slice(document).ok()?;
    let mut out = String::new();
    write(path.find(&document)?, &mut out);
    Some(out.into_bytes())
}

/// A JSON string without its quotes and escapes; anything else as it is.
pub(crate) fn unquote(text: &[u8]) -> Cow<'_, [u8]> {
    if text.first() == Some(&b'"')
        && let Ok(inner) = serde_json::from_slice::<String>(text)
    {
        return Cow::Owned(inner.into_bytes());
    }
    Cow::Borrowed(text)
}

/// With blanks where the servers print them.
fn write(value: &Json, out: &mut String) {
    match value {
        Json::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                write(item, out);
            }
            out.push(']');
        }
        Json::Object(members) => {
            out.push('{');
            for (index, (name, member)) in members.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                out.push_str(&Json::from(name.as_str()).to_string());
                out.push_str(": ");
                write(member, out);
            }
            out.push('}');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_their_path() {
        let document = r#"{"a": {"b c": [10, "x\"y", null]}, "n": 1.5, "é": true}"#;
        let check = |path: &str, expect: Option<&str>| {
            let path = Path::parse(path).unwrap_or_else(|| panic!("{path}"));
            let found = extract(document.as_bytes(), &path).map(|text| String::from_utf8(text).unwrap());
            assert_eq!(found.as_deref(), expect, "{path:?}");
        };
        check(r#"$.a."b c"[1]"#, Some(r#""x\"y""#));
        check(r#"$.a."b c""#, Some(r#"[10, "x\"y", null]"#));
        check("$.n", Some("1.5"));
        check("$.n[0]", Some("1.5"));
        check("$.é", Some("true"));
        check("$.x", None);
        check("$.a[1]", None);
        for path in ["", "a", "$a", "$.", "$.*", "$[*]", "$**.a", "$[last]", "$.a b"] {
            assert_eq!(Path::parse(path), None, "{path}");
        }
        assert_eq!(extract(b"{no json", &Path::parse("$").unwrap()), None);
    }

    #[test]
    fn only_strings_lose_their_quotes() {
        assert_eq!(&*unquote(br#""a\nb""#), b"a\nb");
        assert_eq!(&*unquote(b"12"), b"12");
        assert_eq!(&*unquote(br#""open"#), br#""open"#);
    }
}
