//! A form whose fields are the query of the page's address: what is typed goes there, and the page follows the address.
//! Without JavaScript the form is sent to the same address.

use leptos::ev::{Event, SubmitEvent};
use leptos::html;
use leptos::leptos_dom::helpers::debounce;
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_location, use_navigate};
use std::time::Duration;

/// How long typing has to rest before the address is changed.
const REST: Duration = Duration::from_millis(300);

/// Called with whether the fields stay as they are on screen, and with one more parameter.
type Go = Box<dyn FnMut((bool, String)) + Send + Sync>;

/// What is typed into one form. A handle: copies mean the same form.
#[derive(Copy, Clone)]
pub(crate) struct Typing {
    form: NodeRef<html::Form>,
    /// The query that the fields on screen say already.
    typed: StoredValue<Option<String>>,
    /// The fields are being made anew, for what they said then and the button that was pressed.
    renewed: StoredValue<Option<(String, String)>>,
    /// The page's query, and what it was when something was typed last.
    search: Memo<String>,
    seen: StoredValue<String>,
    now: StoredValue<Go>,
    later: StoredValue<Go>,
}

impl Typing {
    /// A form of the page at `address`.
    pub(crate) fn new(address: &'static str) -> Self {
        let form = NodeRef::<html::Form>::new();
        let typed = StoredValue::new(None::<String>);
        let renewed = StoredValue::new(None::<(String, String)>);
        let search = use_location().search;
        let seen = StoredValue::new(String::new());
        let navigate = use_navigate();
        let go = move |(stays, more): (bool, String)| {
            let Some(form) = form.get_untracked() else {
                return;
            };
            let fields = browser::query_of(&form);
            // Whoever typed while the fields were being made anew still wants them.
            let waiting = renewed.with_value(|renewed| renewed.as_ref().map(|(_, more)| more.clone()));
            let stays = stays && waiting.is_none();
            let more = if more.is_empty() {
                waiting.unwrap_or_default()
            } else {
                more
            };
            let query = format!("{fields}{more}");
            typed.set_value(stays.then(|| query.clone()));
            renewed.set_value((!stays).then_some((fields, more)));
            let options = NavigateOptions {
                replace: stays,
                scroll: false,
                ..NavigateOptions::default()
            };
            navigate(&format!("{address}?{query}"), options);
        };
        // Not local values: the server may drop the page on another thread than the one that made it.
        Typing {
            form,
            typed,
            renewed,
            search,
            seen,
            now: StoredValue::new(Box::new(go.clone())),
            later: StoredValue::new(Box::new(debounce(REST, move |step| {
                // A link has led elsewhere since: what was typed is gone with its fields.
                let here = search.get_untracked();
                let is_own = typed.with_value(|typed| typed.as_ref() == Some(&here));
                let is_waited_for = renewed.with_value(Option::is_some);
                if is_own || is_waited_for || seen.with_value(|seen| *seen == here) {
                    go(step);
                }
            }))),
        }
    }

    /// The node of the form.
    pub(crate) fn form(self) -> NodeRef<html::Form> {
        self.form
    }

    /// Whether the fields that were made for a query are to be shown. Not when it came from the fields themselves, which
    /// say it already, and not when something was typed since they were asked for: they are asked for once more then.
    pub(crate) fn takes(self, query: &str) -> bool {
        if self.typed.with_value(|typed| typed.as_deref() == Some(query)) {
            return false;
        }
        let asked = self
            .renewed
            .with_value(|renewed| renewed.as_ref().map(|(fields, _)| fields.clone()));
        let now = self.form.get_untracked().map(|form| browser::query_of(&form));
        let is_settled = asked.is_none() || now.is_none() || asked == now;
        if is_settled {
            self.renewed.set_value(None);
        }
        is_settled
    }

    /// The form was sent: every field may change.
    pub(crate) fn submitted(self, ev: &SubmitEvent) {
        ev.prevent_default();
        let button = browser::button_of(ev);
        self.now.update_value(|go| go((false, button)));
    }

    /// Something was chosen: of a form that is sent by a button, a marked field does so too.
    pub(crate) fn chosen(self, ev: &Event) {
        if browser::is_marked(ev) {
            self.now.update_value(|go| go((false, String::new())));
        }
    }

    /// Something was typed. A field that decides which others there are is marked: they are made anew.
    pub(crate) fn changed(self, ev: &Event) {
        if browser::is_marked(ev) {
            self.now.update_value(|go| go((false, String::new())));
        } else {
            self.seen.set_value(self.search.get_untracked());
            self.later.update_value(|go| go((true, String::new())));
        }
    }
}

/// The fields as they were made last. What was typed since is not in them.
pub(crate) struct Fields {
    html: String,
    count: u32,
}

impl Fields {
    /// The first ones.
    pub(crate) fn new(html: String) -> Self {
        Fields { html, count: 0 }
    }

    /// Other fields; also the same ones again, to forget what was typed.
    pub(crate) fn renew(&mut self, html: String) {
        self.html = html;
        self.count += 1;
    }

    /// The same text stands for the same fields.
    pub(crate) fn html(&self) -> String {
        match self.count {
            0 => self.html.clone(),
            count => format!("{}<!--{count}-->", self.html),
        }
    }
}

#[cfg(target_arch = "wasm32")]
mod browser {
    use crate::app::format::query_escape;
    use leptos::ev::{Event, SubmitEvent};
    use leptos::wasm_bindgen::JsCast;
    use leptos::web_sys::{FormData, HtmlButtonElement, HtmlElement, HtmlFormElement, UrlSearchParams};

    /// The fields of a form as a query, without empty ones.
    pub(super) fn query_of(form: &HtmlFormElement) -> String {
        let pairs = FormData::new_with_form(form)
            .and_then(|data| UrlSearchParams::new_with_str_sequence_sequence(&data));
        let text = pairs
            .map(|pairs| String::from(pairs.to_string()))
            .unwrap_or_default();
        let pairs: Vec<&str> = text.split('&').filter(|pair| !pair.ends_with('=')).collect();
        pairs.join("&")
    }

    /// What the button that sent the form adds to the query.
    pub(super) fn button_of(ev: &SubmitEvent) -> String {
        let button = ev
            .submitter()
            .and_then(|button| button.dyn_into::<HtmlButtonElement>().ok());
        match button.filter(|button| !button.name().is_empty()) {
            Some(button) => format!("&{}={}", button.name(), query_escape(&button.value())),
            None => String::new(),
        }
    }

    /// Whether other fields depend on the one that was changed.
    pub(super) fn is_marked(ev: &Event) -> bool {
        let field = ev.target().and_then(|field| field.dyn_into::<HtmlElement>().ok());
        field.is_some_and(|field| field.has_attribute("data-leads"))
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod browser {
    use leptos::ev::{Event, SubmitEvent};
    use leptos::web_sys::HtmlFormElement;

    pub(super) fn query_of(_: &HtmlFormElement) -> String {
        String::new()
    }

    pub(super) fn button_of(_: &SubmitEvent) -> String {
        String::new()
    }

    pub(super) fn is_marked(_: &Event) -> bool {
        false
    }
}
