//! Which entries a reader wants.

use tidegate_api::ActivityEntry;
use tidegate_model::{CdcError, ErrorCode, Result, is_valid_id};

use crate::app::format;

/// What an entry must say. Empty: anything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    changefeed: Option<(String, String)>,
    actor: String,
    action: String,
    result: String,
    since_ms: u64,
    until_ms: Option<u64>,
}

impl Selection {
    /// Everything about one changefeed.
    pub(crate) fn of(namespace: &str, id: &str) -> Selection {
        Selection {
            changefeed: Some((namespace.to_owned(), id.to_owned())),
            ..Selection::default()
        }
    }

    /// Reads `changefeed_id`, `actor`, `action`, `result`, `since` and `until`; `value` gives the text of each.
    ///
    /// # Errors
    /// `APIInvalidParam` for an id or a time that is none.
    pub(crate) fn read(namespace: &str, value: impl Fn(&str) -> String) -> Result<Selection> {
        let time = |name: &str| match value(name) {
            text if text.is_empty() => Ok(None),
            text => moment(&text).map(Some).ok_or_else(|| {
                let text = format_args!("invalid {name}: {text} is no time such as 2026-01-31T08:00");
                CdcError::new(ErrorCode::APIInvalidParam, text)
            }),
        };
        let id = value("changefeed_id");
        if !id.is_empty() && !is_valid_id(&id) {
            let text = format_args!("invalid changefeed_id: {id}");
            return Err(CdcError::new(ErrorCode::APIInvalidParam, text));
        }
        Ok(Selection {
            changefeed: (!id.is_empty()).then(|| (namespace.to_owned(), id)),
            actor: value("actor").trim().to_lowercase(),
            action: value("action"),
            result: value("result"),
            since_ms: time("since")?.unwrap_or_default(),
            until_ms: time("until")?,
        })
    }

    /// Whether an entry is wanted.
    pub(crate) fn takes(&self, entry: &ActivityEntry) -> bool {
        let of_feed = self.changefeed.as_ref().is_none_or(|(namespace, id)| {
            let about = entry.changefeed.as_ref();
            about.is_some_and(|about| (&about.namespace, &about.id) == (namespace, id))
        });
        let said = |wanted: &str, text: &str| wanted.is_empty() || wanted == text;
        of_feed
            && (self.actor.is_empty() || entry.actor.name.to_lowercase().contains(&self.actor))
            && said(&self.action, &entry.action)
            && said(&self.result, &entry.result)
            && self.is_in_time(&entry.time)
    }

    fn is_in_time(&self, time: &str) -> bool {
        if self.since_ms == 0 && self.until_ms.is_none() {
            return true;
        }
        let at_ms = format::parse_rfc3339(time).unwrap_or_default();
        at_ms >= self.since_ms && self.until_ms.is_none_or(|until| at_ms <= until)
    }
}

/// With an offset, or in UTC.
fn moment(text: &str) -> Option<u64> {
    format::parse_rfc3339(text).or_else(|| format::parse_utc(text))
}

#[cfg(test)]
mod tests {
    use tidegate_api::{ActivityTarget, Actor};

    use super::*;

    fn entry() -> ActivityEntry {
        ActivityEntry {
            time: "2026-01-02T03:04:05.678Z".to_owned(),
            action: "pause".to_owned(),
            actor: Actor {
                name: "Alice".to_owned(),
                ..Actor::default()
            },
            changefeed: Some(ActivityTarget {
                namespace: "default".to_owned(),
                id: "orders".to_owned(),
            }),
            result: "done".to_owned(),
            ..ActivityEntry::default()
        }
    }

    fn takes(wanted: &[(&str, &str)]) -> bool {
        let value = |name: &str| {
            let found = wanted.iter().find(|(key, _)| *key == name);
            found.map_or_else(String::new, |(_, text)| (*text).to_owned())
        };
        Selection::read("default", value).unwrap().takes(&entry())
    }

    #[test]
    fn every_filter_alone_takes_and_leaves() {
        assert!(takes(&[]));
        for (name, yes, no) in [
            ("changefeed_id", "orders", "users"),
            ("actor", "ali", "bob"),
            ("action", "pause", "resume"),
            ("result", "done", "failed"),
            ("since", "2026-01-02T03:04", "2026-01-02T03:05"),
            ("until", "2026-01-02T03:05:00Z", "2026-01-02T05:04:05+02:00"),
        ] {
            assert!(takes(&[(name, yes)]), "{name}={yes}");
            assert!(!takes(&[(name, no)]), "{name}={no}");
        }
        assert!(!takes(&[("actor", "ali"), ("result", "failed")]));
    }

    #[test]
    fn what_is_no_time_and_no_id_is_refused() {
        for name in ["since", "until", "changefeed_id"] {
            let value = |asked: &str| if asked == name { "a b" } else { "" }.to_owned();
            let error = Selection::read("default", value).unwrap_err();
            assert!(error.message().contains(name), "{error}");
        }
    }
}
