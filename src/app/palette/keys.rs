//! Keys for what is done most often. They press what is on the page already.

#[cfg(target_arch = "wasm32")]
pub(super) use browser::all;
pub(crate) use browser::listen;

/// The keys, as the help shows them.
pub(super) const HELP: &str = "<h2 id=\"keys-heading\" class=\"mb-3 text-lg\">Shortcuts</h2><dl class=\"keys\">\
    <dt><kbd>Ctrl</kbd> <kbd>K</kbd></dt><dd>Commands</dd>\
    <dt><kbd>?</kbd></dt><dd>This list</dd>\
    <dt><kbd>/</kbd></dt><dd>Search on the page</dd>\
    <dt><kbd>g</kbd> <kbd>o</kbd></dt><dd>Overview</dd>\
    <dt><kbd>g</kbd> <kbd>c</kbd></dt><dd>Changefeeds</dd>\
    <dt><kbd>g</kbd> <kbd>a</kbd></dt><dd>Activity</dd>\
    <dt><kbd>g</kbd> <kbd>l</kbd></dt><dd>Logs</dd>\
    <dt><kbd>n</kbd></dt><dd>New changefeed</dd>\
    <dt><kbd>j</kbd> <kbd>k</kbd></dt><dd>Next and previous row</dd>\
    <dt><kbd>x</kbd></dt><dd>Select the row</dd>\
    <dt><kbd>Enter</kbd></dt><dd>Open the row</dd>\
    <dt><kbd>p</kbd> <kbd>r</kbd></dt><dd>Pause or resume the changefeed of the row or page</dd>\
    <dt><kbd>Esc</kbd></dt><dd>Close</dd></dl>\
    <p class=\"mt-4 flex flex-wrap items-center gap-3\"><button type=\"button\" class=\"btn\" data-close>Close</button>\
    <a class=\"link text-sm\" href=\"/ui/settings\" data-close>Switch single keys off</a></p>";

/// Where two keys after one another lead.
#[cfg_attr(
    not(target_arch = "wasm32"),
    allow(dead_code, reason = "pressed in the browser only")
)]
fn leads_to(before: &str, key: &str) -> Option<&'static str> {
    Some(match (before, key) {
        ("g", "o") => "/ui",
        ("g", "c") => "/ui/changefeeds",
        ("g", "a") => "/ui/activity",
        ("g", "l") => "/ui/logs",
        (_, "n") => "/ui/changefeeds/new",
        _ => return None,
    })
}

/// Namespace and id in the address of a changefeed's page, as `namespace/id`.
#[cfg_attr(
    not(target_arch = "wasm32"),
    allow(dead_code, reason = "pressed in the browser only")
)]
fn feed_of(path: &str) -> Option<String> {
    let mut parts = path.strip_prefix("/ui/changefeeds/")?.split('/');
    let (namespace, id) = (parts.next()?, parts.next()?);
    (!namespace.is_empty() && !id.is_empty()).then(|| format!("{namespace}/{id}"))
}

#[cfg(target_arch = "wasm32")]
mod browser {
    use super::{feed_of, leads_to};
    use crate::app::palette::Palette;
    use crate::app::theme::cookie;
    use crate::fns::preferences::{KEYS, OFF};
    use leptos::ev;
    use leptos::prelude::*;
    use leptos::wasm_bindgen::JsCast;
    use leptos::web_sys::{Element, HtmlElement, KeyboardEvent};

    /// Rows that can be gone through: what opens each one.
    const ROWS: &str = "main tbody a[href^='/ui/changefeeds/'], main [data-row] a[href^='/ui/changefeeds/']";
    const SEARCH: &str = "main input[type=search], main #find, main #q, main #text";

    /// What a selector finds and the reader sees.
    pub(in super::super) fn all(selector: &str) -> Vec<HtmlElement> {
        let Ok(nodes) = document().query_selector_all(selector) else {
            return Vec::new();
        };
        (0..nodes.length())
            .filter_map(|number| nodes.get(number)?.dyn_into::<HtmlElement>().ok())
            .filter(|node| node.offset_parent().is_some())
            .collect()
    }

    /// Listens from hydration on.
    pub(crate) fn listen(palette: Palette) {
        let before = StoredValue::new(String::new());
        Effect::new(move |_| {
            let handle = window_event_listener(ev::keydown, move |ev| {
                if (ev.ctrl_key() || ev.meta_key()) && ev.key().eq_ignore_ascii_case("k") {
                    ev.prevent_default();
                    palette.open();
                } else if is_free(&ev) && cookie(KEYS).as_deref() != Some(OFF) {
                    let key = ev.key();
                    let last = before.get_value();
                    before.set_value(key.clone());
                    if press(palette, &last, &key) {
                        before.set_value(String::new());
                        ev.prevent_default();
                    }
                }
            });
            on_cleanup(move || handle.remove());
        });
    }

    /// Whether a key is not for a field or a dialog, and no part of a longer combination.
    fn is_free(ev: &KeyboardEvent) -> bool {
        let target = ev.target().and_then(|target| target.dyn_into::<Element>().ok());
        let is_typed = target.is_some_and(|target| {
            let field = "input:not([type=checkbox]), textarea, select, dialog, [contenteditable]";
            target.closest(field).is_ok_and(|found| found.is_some())
        });
        !is_typed && !ev.ctrl_key() && !ev.meta_key() && !ev.alt_key()
    }

    /// Does what a key says, after the key before it. Whether it says anything.
    fn press(palette: Palette, before: &str, key: &str) -> bool {
        if let Some(address) = leads_to(before, key) {
            palette.go(address);
            return true;
        }
        match key {
            "?" => palette.explain(),
            "/" => focus(all(SEARCH).first()),
            "j" => focus(row(1).as_ref()),
            "k" => focus(row(-1).as_ref()),
            "x" => select(),
            "p" => change(palette, "pause"),
            "r" => change(palette, "resume"),
            _ => return false,
        }
        true
    }

    fn focus(node: Option<&HtmlElement>) {
        if let Some(node) = node {
            let _not_focusable = node.focus();
        }
    }

    /// The row that has the focus, or holds what has it.
    fn row_in_focus() -> Option<Element> {
        document().active_element()?.closest("tr, [data-row]").ok()?
    }

    /// The link of the row that is `by` rows away from the one in focus; of the first one without it.
    fn row(by: isize) -> Option<HtmlElement> {
        let here = row_in_focus();
        // A row may have more than one link: the first one opens it.
        let mut rows: Vec<(Option<Element>, HtmlElement)> = Vec::new();
        for link in all(ROWS) {
            let of = link.closest("tr, [data-row]").ok().flatten();
            if rows.last().is_none_or(|(last, _)| *last != of) {
                rows.push((of, link));
            }
        }
        let at = rows.iter().position(|(of, _)| here.is_some() && *of == here);
        let next = at.map_or(Some(0), |at| at.checked_add_signed(by))?;
        rows.get(next).map(|(_, link)| link.clone())
    }

    fn select() {
        let found = row_in_focus().and_then(|row| row.query_selector("input[type=checkbox]").ok()?);
        if let Some(checkbox) = found.and_then(|found| found.dyn_into::<HtmlElement>().ok()) {
            checkbox.click();
        }
    }

    /// Pauses or resumes the changefeed of the row in focus, else the one of the page.
    fn change(palette: Palette, verb: &str) {
        let link = row_in_focus().and_then(|row| row.query_selector("a[href^='/ui/changefeeds/']").ok()?);
        let path = link
            .and_then(|link| link.get_attribute("href"))
            .or_else(|| window().location().pathname().ok());
        if let Some(feed) = path.as_deref().and_then(feed_of) {
            palette.change(verb, &feed);
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod browser {
    pub(crate) fn listen(_: crate::app::palette::Palette) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_lead_to_pages_and_pages_are_about_changefeeds() {
        assert_eq!(leads_to("g", "c"), Some("/ui/changefeeds"));
        assert_eq!(leads_to("", "c"), None);
        assert_eq!(leads_to("x", "n"), Some("/ui/changefeeds/new"));
        assert_eq!(
            feed_of("/ui/changefeeds/default/a/config").as_deref(),
            Some("default/a")
        );
        assert_eq!(feed_of("/ui/changefeeds/new"), None);
        assert_eq!(feed_of("/ui/logs"), None);
    }
}
