//! What is wrong with a changefeed: the plain words, the code, how long and how often, and what to do, with the buttons
//! that do it.

use leptos::prelude::*;
use tidegate_api::{ChangefeedDetail, RunningError};
use tidegate_model::ErrorCode;

use super::copy;
use crate::app::facts;
use crate::app::format;
use crate::app::ui::feed::feed_address;
use crate::app::ui::html::html;
use crate::fns::query::Query;
use crate::server::help::{Action, help};
use crate::server::series::ErrorSeen;

/// What the panel is made of.
pub(crate) struct Trouble<'a> {
    pub(crate) detail: &'a ChangefeedDetail,
    pub(crate) error: Option<&'a RunningError>,
    pub(crate) seen: Option<ErrorSeen>,
    /// Whether who asks may change something.
    pub(crate) may_write: bool,
}

/// The panel; empty when nothing is wrong.
pub(crate) fn panel(trouble: &Trouble<'_>) -> String {
    let detail = trouble.detail;
    let (code, message, time, address) = match (trouble.error, &detail.error) {
        (Some(error), _) => (
            &error.code,
            &error.message,
            error.time.as_str(),
            error.addr.as_str(),
        ),
        (None, Some(error)) => (&error.code, &error.message, "", error.addr.as_str()),
        (None, None) => return String::new(),
    };
    let is_failed = detail.state == "failed";
    if !is_failed && !matches!(detail.state.as_str(), "warning" | "pending") {
        return String::new();
    }
    let known = ErrorCode::ALL.iter().find(|known| known.as_str() == code);
    let help = known.and_then(|known| help(*known));
    let (class, heading) = match is_failed {
        true => (
            "mb-5 rounded-card border border-failed bg-failed-fill p-4 text-sm",
            "Failed",
        ),
        false => (
            "mb-5 rounded-card border border-warning bg-warning-fill p-4 text-sm",
            "Retrying after an error",
        ),
    };
    let seen = trouble.seen.as_ref().filter(|seen| seen.code == *code);
    html(|| {
        view! {
            <section class=class aria-label="Error">
                <h2 class="mb-1 text-lg">{heading}</h2>
                {help.map(|help| view! { <p class="font-medium">{help.meaning}</p> })}
                <p class="mt-1 flex flex-wrap items-center gap-x-3 text-xs text-ink-2">
                    <span class="flex items-center gap-1">
                        <code class="wrap-anywhere">{code.clone()}</code>
                        {copy(code.clone(), "error code")}
                    </span>
                    {times(seen, time)}
                    {(!address.is_empty()).then(|| format!("on {address}"))}
                </p>
                <details class="mt-1" open=help.is_none()>
                    <summary class="link w-fit cursor-pointer py-1">"What the server says"</summary>
                    <p class="font-mono text-xs wrap-anywhere">{plain(code, message)}</p>
                </details>
                {help.map(|help| said("What usually causes it: ", help.cause))}
                {known.map(|known| said("What to do: ", known.remedy()))}
                {buttons(detail, help.map_or(&[][..], |help| help.actions), is_failed, trouble.may_write)}
            </section>
        }
        .into_any()
    })
}

fn said(what: &'static str, text: &'static str) -> AnyView {
    view! {
        <p class="mt-2">
            <strong class="font-medium">{what}</strong>
            {text}
        </p>
    }
    .into_any()
}

/// When it was seen, and how often since the server started.
fn times(seen: Option<&ErrorSeen>, time: &str) -> AnyView {
    let Some(seen) = seen else {
        return view! { <span>{time.to_owned()}</span> }.into_any();
    };
    let at = |ms: u64| {
        view! { <time class="num" datetime=format::rfc3339(ms)>{facts::moment(ms)}</time> }
    };
    let often = format::count(usize::try_from(seen.times).unwrap_or(usize::MAX), "time", "times");
    view! {
        <span>"first seen " {at(seen.first_ms)}</span>
        <span>"last " {at(seen.last_ms)}</span>
        <span>{often}</span>
    }
    .into_any()
}

/// The message without the code in front.
fn plain(code: &str, message: &str) -> String {
    let rest = message.strip_prefix(&format!("[{code}]")).unwrap_or(message);
    rest.to_owned()
}

fn buttons(detail: &ChangefeedDetail, actions: &[Action], is_failed: bool, may_write: bool) -> AnyView {
    let links = actions
        .iter()
        // One that runs is tried again by itself.
        .filter(|action| is_failed || **action != Action::Resume)
        .filter(|action| may_write || matches!(action, Action::TryRules | Action::TryFilters | Action::Tables))
        .map(|action| button(detail, *action))
        .collect_view();
    let name = format!("{}/{}", detail.namespace, detail.id);
    let logs = Query::default().with("q", &name).address("/ui/logs");
    let told = (!may_write).then(|| {
        view! { <p class="mt-2 text-xs text-ink-2">"To change something one needs to be an operator."</p> }
    });
    view! {
        <div class="mt-3 flex flex-wrap gap-2" role="group" aria-label="What to do">
            {links}
            <a class="btn" href=logs>
                "Log of this changefeed"
            </a>
        </div>
        {told}
    }
    .into_any()
}

fn button(detail: &ChangefeedDetail, action: Action) -> AnyView {
    let (namespace, id) = (detail.namespace.as_str(), detail.id.as_str());
    let feed = feed_address(namespace, id);
    let (text, address) = match action {
        Action::Resume => return resume(namespace, id),
        Action::Edit(text, field) => (text, format!("{feed}/edit#{field}")),
        Action::CloneNow => (
            "Clone, starting now",
            format!("/ui/changefeeds/new?from={namespace}/{id}"),
        ),
        Action::TryRules => ("Try the table rules", rules(detail)),
        Action::TryFilters => ("Try event filters", "/ui/playground/expression".to_owned()),
        Action::Tables => ("Tables and their keys", format!("{feed}/tables")),
        Action::Remove => ("Remove", format!("{feed}/remove")),
    };
    // A whole load: the browser itself goes to the field behind the #.
    let rel = matches!(action, Action::Edit(..)).then_some("external");
    view! {
        <a class="btn" href=address rel=rel>
            {text}
        </a>
    }
    .into_any()
}

/// The playground with the rules of the changefeed.
fn rules(detail: &ChangefeedDetail) -> String {
    let query = Query::default();
    let query = match &detail.config {
        Some(config) => query
            .with("rules", &config.filter.rules.join("\n"))
            .with("case", if config.case_sensitive { "true" } else { "" }),
        None => query,
    };
    query.address("/ui/playground/filter")
}

fn resume(namespace: &str, id: &str) -> AnyView {
    view! {
        <form method="post" action="/ui/fn/resume">
            <input type="hidden" name="namespace" value=namespace.to_owned()/>
            <input type="hidden" name="id" value=id.to_owned()/>
            <button class="btn" type="submit">
                "Resume"
            </button>
        </form>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(state: &str, code: &str, may_write: bool) -> String {
        let detail = ChangefeedDetail {
            namespace: "default".to_owned(),
            id: "a".to_owned(),
            state: state.to_owned(),
            ..ChangefeedDetail::default()
        };
        let error = RunningError {
            code: code.to_owned(),
            message: format!("[{code}]no route to <db>"),
            time: String::new(),
            addr: "127.0.0.1:8300".to_owned(),
        };
        let seen = ErrorSeen {
            code: code.to_owned(),
            first_ms: 0,
            last_ms: 60_000,
            times: 3,
        };
        panel(&Trouble {
            detail: &detail,
            error: Some(&error),
            seen: Some(seen),
            may_write,
        })
    }

    #[test]
    fn a_failed_changefeed_has_cause_remedy_and_buttons() {
        let html = made("failed", "CDC:ErrMySQLConnectionError", true);
        for part in [
            "Failed",
            "no route to &lt;db&gt;",
            "3 times",
            "What usually causes it:",
            "/ui/changefeeds/default/a/edit#sink_uri",
            "/ui/fn/resume",
            "/ui/logs?q=default%2Fa",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        assert!(!html.contains("[CDC:Err"), "{html}");
    }

    #[test]
    fn readers_get_what_they_may_do() {
        let html = made("failed", "CDC:ErrTableIneligible", false);
        assert!(html.contains("/tables") && !html.contains("/edit#"), "{html}");
        assert!(html.contains("operator"), "{html}");
    }

    #[test]
    fn one_that_tries_again_needs_no_resume_and_one_that_runs_no_panel() {
        let html = made("warning", "CDC:ErrMySQLConnectionError", true);
        assert!(
            html.contains("Retrying") && !html.contains("/ui/fn/resume"),
            "{html}"
        );
        assert_eq!(made("normal", "CDC:ErrMySQLConnectionError", true), "");
        let unknown = made("failed", "CDC:ErrOther", true);
        assert!(
            unknown.contains("<details") && unknown.contains("open"),
            "{unknown}"
        );
    }
}
