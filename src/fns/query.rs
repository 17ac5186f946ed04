//! The query of an address, read and written.

use url::form_urlencoded;

use crate::app::format::query_escape;
use crate::fns::error::ConsoleError;

/// Longest query, in bytes: with more, the page could not be opened by its address.
const QUERY_BYTES_MAX: usize = 48 << 10;

/// Names and values in their order; a name may come again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads what follows the question mark.
    ///
    /// # Errors
    /// A query that is too long for an address.
    pub(crate) fn parse(text: &str) -> Result<Self, ConsoleError> {
        if text.len() > QUERY_BYTES_MAX {
            return Err(ConsoleError {
                code: String::new(),
                message: format!("What was typed does not fit into an address of {QUERY_BYTES_MAX} bytes."),
                remedy: "Shorten it: the address holds everything, so that it can be shared.".to_owned(),
                fields: Vec::new(),
            });
        }
        let pairs = form_urlencoded::parse(text.as_bytes());
        Ok(Query(pairs.into_owned().collect()))
    }

    /// Reads a form that was posted: its length is that of the body.
    pub(crate) fn of_form(text: &str) -> Self {
        Query(form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    /// The same query with one more value of that name.
    pub(crate) fn and(mut self, name: &str, value: &str) -> Self {
        self.0.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The first value of that name; empty without one.
    pub(crate) fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value)
    }

    /// Every value of that name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let found = self.0.iter().filter(move |(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The same query with another value, or with none when it is empty.
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let mut pairs = self.0.clone();
        match pairs.iter().position(|(key, _)| key == name) {
            Some(at) => value.clone_into(&mut pairs[at].1),
            None => pairs.push((name.to_owned(), value.to_owned())),
        }
        Query(pairs)
    }

    /// `address?...`, without empty values.
    pub(crate) fn address(&self, address: &str) -> String {
        let pairs = self.0.iter().filter(|(_, value)| !value.is_empty());
        let pairs: Vec<String> = pairs
            .map(|(name, value)| format!("{}={}", query_escape(name), query_escape(value)))
            .collect();
        match pairs.is_empty() {
            true => address.to_owned(),
            false => format!("{address}?{}", pairs.join("&")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_changed_and_written() {
        let query = Query::parse("rules=a.*%0A%21b.%2A&name=&x=1").unwrap();
        assert_eq!((query.get("rules"), query.get("none")), ("a.*\n!b.*", ""));
        assert_eq!(query.with("x", "").address("/a"), "/a?rules=a.%2A%0A%21b.%2A");
        assert_eq!(query.with("rules", "").with("x", "").address("/a"), "/a");
        assert_eq!(query.with("name", "ü").get("name"), "ü");
    }

    #[test]
    fn what_fits_no_address_is_refused() {
        assert!(Query::parse(&"a".repeat(QUERY_BYTES_MAX)).is_ok());
        assert!(Query::parse(&"a".repeat(QUERY_BYTES_MAX + 1)).is_err());
    }
}
