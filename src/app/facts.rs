//! What a page knows before it asks: who uses it, what the server allows them, and how times are to be written. The server
//! writes it into attributes of `<html>`, the browser reads it from there, so both make the same page.

use crate::app::zone::Zone;
use leptos::prelude::*;

/// Facts of one request.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Facts {
    /// Name of the user, token or certificate; empty on a server that asks nobody.
    pub(crate) user: String,
    /// `viewer`, `operator` or `admin`; empty on a server that asks nobody.
    pub(crate) role: String,
    /// Whether there is a session that can be ended.
    pub(crate) session: bool,
    /// Whether the server takes no changes.
    pub(crate) read_only: bool,
    /// Whether everybody beyond this machine may do everything.
    pub(crate) exposed: bool,
    /// Whether times are written in full everywhere.
    pub(crate) absolute: bool,
    /// The zone that times are written in.
    pub(crate) zone: Zone,
}

/// Roles that can be needed in the console, the least first.
const ROLES: [&str; 3] = ["viewer", "operator", "admin"];

impl Facts {
    /// Why somebody may not do what needs `role`; `None`: they may.
    pub(crate) fn why_not(&self, role: &str) -> Option<String> {
        if self.read_only && role != "viewer" {
            return Some("This server is read-only".to_owned());
        }
        let rank = |role: &str| ROLES.iter().position(|known| *known == role);
        let is_enough = self.role.is_empty() || rank(&self.role) >= rank(role);
        (!is_enough).then(|| format!("It needs the role {role}; yours is {}", self.role))
    }

    /// The choices that are on, as words.
    pub(crate) fn words(&self) -> String {
        let words = [
            (self.session, "session"),
            (self.read_only, "read-only"),
            (self.exposed, "exposed"),
            (self.absolute, "absolute"),
        ];
        let words: Vec<&str> = words
            .iter()
            .filter(|(on, _)| *on)
            .map(|(_, word)| *word)
            .collect();
        words.join(" ")
    }

    /// Facts from the attributes that [`Facts::words`] and the rest were written to.
    #[cfg_attr(
        feature = "ssr",
        allow(dead_code, reason = "read in the browser, and by tests")
    )]
    fn read(attribute: impl Fn(&str) -> String) -> Facts {
        let words = attribute("data-facts");
        let has = |wanted: &str| words.split(' ').any(|word| word == wanted);
        Facts {
            user: attribute("data-user"),
            role: attribute("data-role"),
            session: has("session"),
            read_only: has("read-only"),
            exposed: has("exposed"),
            absolute: has("absolute"),
            zone: Zone::read(&attribute("data-zone")),
        }
    }
}

/// Reads the facts of this request, or of this page.
#[cfg(feature = "ssr")]
pub(crate) fn with<R>(read: impl FnOnce(&Facts) -> R) -> R {
    match use_context::<std::sync::Arc<Facts>>() {
        Some(facts) => read(&facts),
        None => read(&Facts::default()),
    }
}

/// Reads the facts of this request, or of this page.
#[cfg(not(feature = "ssr"))]
pub(crate) fn with<R>(read: impl FnOnce(&Facts) -> R) -> R {
    static PAGE: std::sync::OnceLock<Facts> = std::sync::OnceLock::new();
    read(PAGE.get_or_init(|| {
        let root = document().document_element();
        Facts::read(|name| {
            root.as_ref()
                .and_then(|root| root.get_attribute(name))
                .unwrap_or_default()
        })
    }))
}

/// Why whoever uses the page may not do what needs `role`; `None`: they may.
pub(crate) fn why_not(role: &str) -> Option<String> {
    with(|facts| facts.why_not(role))
}

/// A time in full, in the zone of the reader: `2026-11-24 08:28:09 CET`.
pub(crate) fn moment(ms: u64) -> String {
    with(|facts| facts.zone.moment(ms))
}

/// A time in full without the name of the zone, where something else says it.
pub(crate) fn date_time(ms: u64) -> String {
    with(|facts| facts.zone.date_time(ms))
}

/// The time of day, in the zone of the reader.
#[cfg(feature = "ssr")]
pub(crate) fn time_of_day(ms: u64) -> String {
    date_time(ms).split_off(11)
}

/// How long ago a time is, or the time in full for those who want that everywhere.
#[cfg(feature = "ssr")]
pub(crate) fn when(ms: u64, now_ms: u64) -> String {
    if with(|facts| facts.absolute) {
        return moment(ms);
    }
    crate::app::format::ago(ms, now_ms)
}

/// What the zone is called above a column of times.
pub(crate) fn zone_name() -> String {
    with(|facts| facts.zone.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_enough_for_what_lesser_ones_may() {
        let of = |role: &str, read_only| Facts {
            role: role.to_owned(),
            read_only,
            ..Facts::default()
        };
        assert_eq!(of("", false).why_not("admin"), None, "a server that asks nobody");
        assert_eq!(of("operator", false).why_not("operator"), None);
        assert_eq!(of("admin", false).why_not("viewer"), None);
        assert_eq!(
            of("viewer", false).why_not("operator").as_deref(),
            Some("It needs the role operator; yours is viewer")
        );
        assert_eq!(
            of("admin", true).why_not("operator").as_deref(),
            Some("This server is read-only")
        );
        assert_eq!(of("viewer", true).why_not("viewer"), None);
    }

    #[test]
    fn facts_survive_the_page() {
        let facts = Facts {
            user: "alice".to_owned(),
            role: "viewer".to_owned(),
            session: true,
            absolute: true,
            zone: Zone::read("Local|0 3600 CET|1700000000 7200 CEST"),
            ..Facts::default()
        };
        let read = Facts::read(|name| match name {
            "data-user" => facts.user.clone(),
            "data-role" => facts.role.clone(),
            "data-facts" => facts.words(),
            _ => facts.zone.write(),
        });
        assert_eq!(read, facts);
        assert_eq!(Facts::read(|_| String::new()), Facts::default());
    }
}
