//! Asks before a page with changes that are not applied is left.

use leptos::ev::{MouseEvent, beforeunload};
use leptos::leptos_dom::helpers::window_event_listener;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::Element;

/// Whether the page has something to lose; shared with the frame around it.
#[derive(Copy, Clone)]
pub(crate) struct Leaving(RwSignal<bool>);

impl Leaving {
    /// Nothing to lose.
    pub(crate) fn new() -> Self {
        Leaving(RwSignal::new(false))
    }

    /// A click anywhere in the frame, before the router takes it for a navigation.
    pub(crate) fn clicked(self, ev: &MouseEvent) {
        if !self.0.get_untracked() || !leads_away(ev) {
            return;
        }
        let question = "Leave without applying the changes? They stay as a draft.";
        if window().confirm_with_message(question).unwrap_or(true) {
            self.0.set(false);
        } else {
            ev.prevent_default();
        }
    }
}

/// Whether a click is on a link to another page in this tab.
fn leads_away(ev: &MouseEvent) -> bool {
    let element = ev.target().and_then(|target| target.dyn_into::<Element>().ok());
    let link = element.and_then(|element| element.closest("a[href]").ok().flatten());
    let href = link.and_then(|link| link.get_attribute("href"));
    let is_plain = ev.button() == 0 && !ev.ctrl_key() && !ev.meta_key() && !ev.shift_key();
    is_plain && href.is_some_and(|href| !href.starts_with('#'))
}

/// For a page with a form: the browser asks too, when the tab is closed. What was typed goes with the page.
pub(super) fn guard() {
    let Some(Leaving(dirty)) = use_context::<Leaving>() else {
        return;
    };
    let listener = StoredValue::new(None);
    Effect::new(move |_| {
        listener.set_value(Some(window_event_listener(beforeunload, move |ev| {
            if dirty.get_untracked() {
                ev.prevent_default();
            }
        })));
    });
    on_cleanup(move || {
        dirty.set(false);
        if let Some(Some(listener)) = listener.try_update_value(Option::take) {
            listener.remove();
        }
    });
}

/// Answers what to call when something was typed. `asks`: whether the page asks at all; not while the form is `sending`.
pub(super) fn leaving(asks: bool, sending: Signal<bool>) -> Callback<()> {
    let Some(Leaving(dirty)) = use_context::<Leaving>() else {
        return Callback::new(|()| ());
    };
    Effect::new(move |_| {
        if sending.get() {
            dirty.set(false);
        }
    });
    Callback::new(move |()| {
        if asks {
            dirty.set(true);
        }
    })
}
