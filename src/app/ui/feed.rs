//! Small parts of what a changefeed shows: lag, checkpoint, sink, and the sentence about its progress.

use crate::app::format;
use crate::app::ui::icon::{Glyph, Icon};
use crate::fns::data::{FeedState, Vitals};
use leptos::prelude::*;

/// Lag from which a running changefeed looks worrying.
const LAG_WARN_MS: u64 = 60_000;
/// Lag from which it looks broken.
const LAG_CRITICAL_MS: u64 = 600_000;
/// Progress younger than this counts as keeping up.
const STILL_MS: u64 = 10_000;
const LOGICAL_BITS: u32 = 18;

/// Unix milliseconds of a TSO.
pub(crate) const fn tso_ms(tso: u64) -> u64 {
    tso >> LOGICAL_BITS
}

/// The id, with its namespace when that is not the default one.
pub(crate) fn feed_name(namespace: &str, id: &str) -> String {
    match namespace {
        "default" => id.to_owned(),
        _ => format!("{namespace}/{id}"),
    }
}

/// Address of the page of a changefeed.
pub(crate) fn feed_address(namespace: &str, id: &str) -> String {
    format!("/ui/changefeeds/{namespace}/{id}")
}

/// Scheme and place of a sink: `mysql` and `10.0.0.9:3306/`. User, password and parameters are left out.
fn sink_parts(uri: &str) -> (&str, &str) {
    let (scheme, rest) = uri.split_once("://").unwrap_or(("", uri));
    let place = rest.split('?').next().unwrap_or_default();
    let place = place.rsplit_once('@').map_or(place, |(_, host)| host);
    (scheme, place.trim_end_matches('/'))
}

/// How the checkpoint moves, and why it does not. The second value is whether somebody should look.
pub(crate) fn progress_sentence(vitals: &Vitals) -> (String, bool) {
    let lag = format::duration(vitals.lag_ms);
    let resolved_lag_ms = vitals.resolved_lag_ms.unwrap_or(vitals.lag_ms);
    match vitals.state {
        FeedState::Stopped => (
            "Paused. The checkpoint stays where it is until you resume.".to_owned(),
            false,
        ),
        FeedState::Finished => (
            "Finished: everything up to the target is delivered.".to_owned(),
            false,
        ),
        FeedState::Removed => ("Removed.".to_owned(), false),
        FeedState::Failed => (
            "Stopped by an error. It does not start again by itself.".to_owned(),
            true,
        ),
        FeedState::Warning => {
            let when = match vitals.retry_in_ms {
                Some(ms) => format!("Tries again in {} s.", ms.div_ceil(1_000)),
                None => "Trying again after an error.".to_owned(),
            };
            (
                format!("{when} Nothing is lost: it goes on from the checkpoint."),
                true,
            )
        }
        FeedState::Normal => match &vitals.blocked {
            Some(reason) => (reason.clone(), true),
            None if vitals.lag_ms < STILL_MS => (format!("Keeping up, {lag} behind."), false),
            None if resolved_lag_ms >= STILL_MS => (
                format!(
                    "Waiting for the upstream: the newest change it has confirmed is {} old.",
                    format::duration(resolved_lag_ms)
                ),
                true,
            ),
            None => (
                format!(
                    "The downstream confirms slower than changes arrive: {} of changes are on their way.",
                    format::duration(vitals.lag_ms.saturating_sub(resolved_lag_ms))
                ),
                true,
            ),
        },
    }
}

/// The lag with its colour: neutral unless the changefeed should be moving.
#[component]
pub(crate) fn Lag(#[prop(into)] vitals: Signal<Vitals>) -> impl IntoView {
    let class = move || {
        vitals.with(|v| match v.lag_ms {
            _ if !v.state.is_running() => "num text-ink-2",
            LAG_CRITICAL_MS.. => "num font-medium text-failed",
            LAG_WARN_MS.. => "num font-medium text-warning",
            _ => "num",
        })
    };
    view! { <span class=class>{move || vitals.with(|v| format::duration(v.lag_ms))}</span> }.into_any()
}

/// Where a changefeed delivers to: an icon for the kind, and the place.
#[component]
pub(crate) fn SinkName(uri: String) -> impl IntoView {
    let (scheme, place) = sink_parts(&uri);
    let glyph = match scheme {
        "mysql" | "mysql+ssl" | "tidb" | "tidb+ssl" => Glyph::Database,
        "blackhole" => Glyph::Void,
        _ => Glyph::File,
    };
    let (scheme, place) = (scheme.to_owned(), place.to_owned());
    view! {
        <span class="flex min-w-0 items-center gap-1.5 text-ink-2" title=uri>
            <Icon glyph/>
            <span>{scheme}</span>
            <span class="min-w-0 truncate text-ink md:max-w-44">{place}</span>
        </span>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vitals(state: FeedState, lag_ms: u64, resolved_lag_ms: u64) -> Vitals {
        Vitals {
            state,
            checkpoint_ts: 0,
            resolved_ts: 0,
            lag_ms,
            resolved_lag_ms: Some(resolved_lag_ms),
            rows_per_s: 0.0,
            bytes_per_s: 0.0,
            problem: None,
            blocked: None,
            retry_in_ms: None,
            attempt: None,
            tables: 0,
        }
    }

    #[test]
    fn a_sink_is_named_without_user_and_parameters() {
        assert_eq!(
            sink_parts("mysql://root:xxxxx@h:3306/?a=b@c"),
            ("mysql", "h:3306")
        );
        assert_eq!(sink_parts("file:///tmp/x?protocol=csv"), ("file", "/tmp/x"));
        assert_eq!(sink_parts("blackhole://"), ("blackhole", ""));
    }

    #[test]
    fn a_standing_checkpoint_has_a_reason() {
        let check = |v: Vitals, expect: &str, look: bool| {
            let (sentence, needs_look) = progress_sentence(&v);
            assert!(sentence.contains(expect), "{sentence}");
            assert_eq!(needs_look, look, "{sentence}");
        };
        check(vitals(FeedState::Normal, 800, 500), "Keeping up, 800 ms", false);
        check(
            vitals(FeedState::Normal, 60_000, 59_000),
            "Waiting for the upstream",
            true,
        );
        check(
            vitals(FeedState::Normal, 60_000, 1_000),
            "59.0 s of changes",
            true,
        );
        check(
            vitals(FeedState::Stopped, 9_999_999, 0),
            "until you resume",
            false,
        );
        let mut blocked = vitals(FeedState::Normal, 60_000, 1_000);
        blocked.blocked = Some("A DDL is running downstream.".to_owned());
        check(blocked, "A DDL is running", true);
    }
}
