//! Sends what the form of an endpoint says.

pub(super) use browser::{clicked, command};

#[cfg(target_arch = "wasm32")]
mod browser {
    use super::super::Answer;
    use super::super::command;
    use gloo_net::http::{Method, RequestBuilder};
    use leptos::ev::MouseEvent;
    use leptos::prelude::*;
    use leptos::task::spawn_local;
    use leptos::wasm_bindgen::JsCast;
    use leptos::web_sys::{
        Element, HtmlDialogElement, HtmlFormElement, HtmlInputElement, HtmlTextAreaElement,
    };

    /// Longest body of an answer that is shown, in characters.
    const SHOWN_MAX: usize = 200_000;

    fn find<T: JsCast>(selector: &str) -> Option<T> {
        document().query_selector(selector).ok()??.dyn_into().ok()
    }

    /// What the form says.
    struct Asked {
        method: String,
        target: String,
        kind: String,
        body: String,
        asks: bool,
        changes: bool,
    }

    fn asked() -> Option<Asked> {
        let form = find::<HtmlFormElement>("#request")?;
        let word = |name: &str| form.get_attribute(name).unwrap_or_default();
        let body = find::<HtmlTextAreaElement>("#request-body");
        Some(Asked {
            method: word("data-method"),
            target: command::target(
                &word("data-path"),
                &fields(&form, "path"),
                &fields(&form, "query"),
            ),
            kind: word("data-kind"),
            body: body.map(|body| body.value()).unwrap_or_default(),
            asks: form.has_attribute("data-asks"),
            changes: form.has_attribute("data-changes"),
        })
    }

    fn fields(form: &HtmlFormElement, place: &str) -> Vec<(String, String)> {
        let Ok(nodes) = form.query_selector_all(&format!("[data-in={place}]")) else {
            return Vec::new();
        };
        (0..nodes.length())
            .filter_map(|number| nodes.get(number)?.dyn_into::<HtmlInputElement>().ok())
            .map(|input| (input.name(), input.value()))
            .collect()
    }

    /// Writes the command anew.
    pub(in super::super) fn command() {
        if let (Some(asked), Some(place)) = (asked(), find::<Element>("#command")) {
            let Asked {
                method,
                target,
                kind,
                body,
                asks,
                ..
            } = &asked;
            place.set_text_content(Some(&command::command(method, target, kind, body, *asks)));
        }
    }

    /// A button of the form, or of the question, was pressed.
    pub(in super::super) fn clicked(ev: &MouseEvent, answer: RwSignal<Option<Answer>>) {
        let button = ev
            .target()
            .and_then(|target| target.dyn_into::<Element>().ok())
            .and_then(|target| target.closest("[data-send]").ok()?);
        let word = button.and_then(|button| button.get_attribute("data-send"));
        let (Some(word), Some(asked)) = (word, asked()) else {
            return;
        };
        let is_whole = find::<HtmlFormElement>("#request").is_some_and(|form| form.report_validity());
        if word == "ask" && !is_whole {
            return;
        }
        let dialog = find::<HtmlDialogElement>("#confirm");
        match (word.as_str(), dialog) {
            ("ask", Some(dialog)) if asked.changes => {
                if let Some(place) = find::<Element>("#confirm-target") {
                    place.set_text_content(Some(&format!("{} {}", asked.method, asked.target)));
                }
                let _already_open = dialog.show_modal();
            }
            ("ask", _) => send(asked, answer),
            (word, Some(dialog)) => {
                dialog.close();
                if word == "yes" {
                    send(asked, answer);
                }
            }
            _ => {}
        }
    }

    fn send(asked: Asked, answer: RwSignal<Option<Answer>>) {
        spawn_local(async move {
            let shown = ask(asked).await.unwrap_or_else(|error| Answer {
                line: format!("No answer: {error}"),
                ..Answer::default()
            });
            answer.try_set(Some(shown));
        });
    }

    async fn ask(asked: Asked) -> Result<Answer, gloo_net::Error> {
        let method = asked.method.parse().unwrap_or(Method::GET);
        let mut request = RequestBuilder::new(&asked.target).method(method);
        let clock = window().performance();
        let now = || clock.as_ref().map_or(0.0, |clock| clock.now());
        let began = now();
        let response = match asked.body.trim().is_empty() {
            true => request.send().await?,
            false => {
                request = request.header("Content-Type", &asked.kind);
                request.body(asked.body)?.send().await?
            }
        };
        let body = response.text().await?;
        let took = now() - began;
        let mut headers: Vec<String> = response
            .headers()
            .entries()
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        headers.sort();
        Ok(Answer {
            line: format!("{} {}, {took:.0} ms", response.status(), response.status_text()),
            is_good: response.ok(),
            headers: headers.join("\n"),
            body: shortened(body),
        })
    }

    /// The text as it came, up to what a page can show.
    fn shortened(text: String) -> String {
        match text.char_indices().nth(SHOWN_MAX) {
            Some((end, _)) => format!(
                "{}\n... cut here: the answer has {} bytes",
                &text[..end],
                text.len()
            ),
            None => text,
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod browser {
    use super::super::Answer;
    use leptos::ev::MouseEvent;
    use leptos::prelude::*;

    pub(in super::super) fn command() {}

    pub(in super::super) fn clicked(_: &MouseEvent, _: RwSignal<Option<Answer>>) {}
}
