//! What the palette touches in the document.

pub(super) use browser::{chosen, clicked, close, close_outside, show, step};

/// A command of the list.
#[cfg_attr(
    not(target_arch = "wasm32"),
    allow(dead_code, reason = "chosen in the browser only")
)]
pub(super) enum Choice {
    Go(String),
    Do(String, String),
    /// It cannot be done, for this reason.
    Off(String),
}

#[cfg(target_arch = "wasm32")]
mod browser {
    use super::Choice;
    use leptos::ev::MouseEvent;
    use leptos::html;
    use leptos::prelude::*;
    use leptos::wasm_bindgen::JsCast;
    use leptos::web_sys::{Element, HtmlElement};

    pub(in super::super) fn show(dialog: NodeRef<html::Dialog>) {
        let Some(dialog) = dialog.get_untracked().filter(|dialog| !dialog.open()) else {
            return;
        };
        // One at a time.
        if !is_dialog_open() {
            let _not_in_document = dialog.show_modal();
        }
    }

    fn is_dialog_open() -> bool {
        document()
            .query_selector("dialog[open]")
            .is_ok_and(|found| found.is_some())
    }

    pub(in super::super) fn close(dialog: NodeRef<html::Dialog>) {
        if let Some(dialog) = dialog.get_untracked() {
            dialog.close();
        }
    }

    /// A click beside the box closes it, and so does one on a button that says so.
    pub(in super::super) fn close_outside(ev: &MouseEvent) {
        let Some(target) = ev.target().and_then(|target| target.dyn_into::<Element>().ok()) else {
            return;
        };
        let is_closing = target.tag_name() == "DIALOG" || target.has_attribute("data-close");
        if let Some(dialog) = target.closest("dialog").ok().flatten().filter(|_| is_closing)
            && let Ok(dialog) = dialog.dyn_into::<leptos::web_sys::HtmlDialogElement>()
        {
            dialog.close();
        }
    }

    fn options() -> Vec<HtmlElement> {
        super::super::keys::all("#commands [role=option]")
    }

    fn is_chosen(option: &HtmlElement) -> bool {
        option.get_attribute("aria-selected").as_deref() == Some("true")
    }

    /// Chooses the command `by` places further down, around the ends.
    pub(in super::super) fn step(by: isize) {
        let options = options();
        let count = options.len().cast_signed();
        if count == 0 {
            return;
        }
        let at = options
            .iter()
            .position(is_chosen)
            .unwrap_or_default()
            .cast_signed();
        let next = (at + by).rem_euclid(count).unsigned_abs();
        for (number, option) in options.iter().enumerate() {
            let word = if number == next { "true" } else { "false" };
            let _cannot_fail = option.set_attribute("aria-selected", word);
            if number == next {
                option.scroll_into_view_with_bool(false);
                if let Some(input) = document().active_element() {
                    let _cannot_fail = input.set_attribute("aria-activedescendant", &option.id());
                }
            }
        }
    }

    pub(in super::super) fn chosen() -> Option<Choice> {
        choice(options().iter().find(|option| is_chosen(option))?)
    }

    pub(in super::super) fn clicked(ev: &MouseEvent) -> Option<Choice> {
        let target = ev.target()?.dyn_into::<Element>().ok()?;
        choice(&target.closest("[role=option]").ok()??)
    }

    fn choice(option: &Element) -> Option<Choice> {
        if option.has_attribute("aria-disabled") {
            let why = option.last_element_child()?.text_content()?;
            return Some(Choice::Off(why));
        }
        if let Some(address) = option.get_attribute("data-go") {
            return Some(Choice::Go(address));
        }
        let verb = option.get_attribute("data-verb")?;
        Some(Choice::Do(verb, option.get_attribute("data-feed")?))
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod browser {
    use super::Choice;
    use leptos::ev::MouseEvent;
    use leptos::html;
    use leptos::prelude::*;

    pub(in super::super) fn show(_: NodeRef<html::Dialog>) {}

    pub(in super::super) fn close(_: NodeRef<html::Dialog>) {}

    pub(in super::super) fn close_outside(_: &MouseEvent) {}

    pub(in super::super) fn step(_: isize) {}

    pub(in super::super) fn chosen() -> Option<Choice> {
        None
    }

    pub(in super::super) fn clicked(_: &MouseEvent) -> Option<Choice> {
        None
    }
}
