//! Facts about a changefeed, and its times as TSOs and back.

use leptos::prelude::*;
use tidegate_api::{ChangefeedDetail, SyncedStatus};
use tidegate_model::{Ts, mask_uri};

use super::copy;
use crate::app::facts;
use crate::app::format;
use crate::app::ui::feed::SinkName;
use crate::app::ui::html::html;
use crate::fns::query::Query;

/// What the facts are made of.
pub(crate) struct Known<'a> {
    pub(crate) detail: &'a ChangefeedDetail,
    pub(crate) synced: &'a SyncedStatus,
    /// Number of tables, if it is known already.
    pub(crate) tables: Option<usize>,
    /// Where the upstream's log begins.
    pub(crate) oldest: Option<Ts>,
    /// Where the upstream's log is being read.
    pub(crate) position: &'a str,
    pub(crate) query: &'a Query,
    pub(crate) now_ms: u64,
}

/// The two cards.
pub(crate) fn facts(known: &Known<'_>) -> String {
    html(|| {
        view! {
            <section class="grid gap-4 lg:grid-cols-2" aria-label="Facts">
                {progress(known)}
                {about(known)}
            </section>
        }
        .into_any()
    })
}

fn progress(known: &Known<'_>) -> AnyView {
    let detail = known.detail;
    let tso = |name, ts: u64| tso(name, ts, known.now_ms);
    let verdict = if known.synced.synced { "Yes" } else { "No" };
    view! {
        <div class="card min-w-0 p-4">
            <h2 class="mb-2 text-sm font-medium">"Progress"</h2>
            <dl class="facts">
                {fact("Checkpoint", tso("checkpoint", detail.checkpoint_ts))}
                {fact("Resolved", tso("resolved-ts", detail.resolved_ts))}
                {fact("Start", tso("start", detail.start_ts))}
                {fact("Target", tso("target", detail.target_ts))}
                {fact("Log kept", kept(known))}
                {fact(
                    "In sync",
                    view! {
                        <strong class="font-medium">{verdict}</strong>
                        <p class="text-xs wrap-anywhere text-ink-2">{known.synced.info.clone()}</p>
                    }
                        .into_any(),
                )}
            </dl>
            {converter(known.query, known.now_ms)}
        </div>
    }
    .into_any()
}

/// Whether the upstream still has what the changefeed needs.
fn kept(known: &Known<'_>) -> AnyView {
    let needed = known.detail.checkpoint_ts;
    let Some(oldest) = known.oldest else {
        return view! { <span class="text-ink-3">"not known yet"</span> }.into_any();
    };
    let text = format!(
        "Needed from {}, the oldest kept is {}.",
        facts::moment(Ts::from_u64(needed).physical_ms()),
        facts::moment(oldest.physical_ms())
    );
    let lost = (needed < oldest.as_u64())
        .then(|| view! { <p class="font-medium text-failed">"It begins later than what is needed."</p> });
    let position = (!known.position.is_empty()).then(|| {
        view! {
            <p class="text-xs wrap-anywhere text-ink-2">
                "Read up to " <code>{known.position.to_owned()}</code>
            </p>
        }
    });
    view! {
        <p>{text}</p>
        {lost}
        {position}
    }
    .into_any()
}

fn about(known: &Known<'_>) -> AnyView {
    let detail = known.detail;
    let sink = mask_uri(&detail.sink_uri);
    let name = format!("{}/{}", detail.namespace, detail.id);
    let created =
        format::parse_rfc3339(&detail.create_time).map_or_else(|| detail.create_time.clone(), format::utc);
    let tables = known
        .tables
        .map_or_else(|| "not counted yet".to_owned(), |tables| tables.to_string());
    view! {
        <div class="card min-w-0 p-4">
            <h2 class="mb-2 text-sm font-medium">"About"</h2>
            <dl class="facts">
                {fact(
                    "Sink",
                    view! {
                        <SinkName uri=sink.clone()/>
                        <span class="flex min-w-0 items-center gap-1">
                            <code class="text-xs wrap-anywhere text-ink-2">{sink.clone()}</code>
                            {copy(sink, "sink URI")}
                        </span>
                    }
                        .into_any(),
                )}
                {fact(
                    "Id",
                    view! {
                        <span class="flex min-w-0 items-center gap-1">
                            <code class="text-xs wrap-anywhere">{name}</code>
                            {copy(detail.id.clone(), "changefeed id")}
                        </span>
                    }
                        .into_any(),
                )}
                {fact("Created", created.into_any())} {fact("Created by", detail.creator_version.clone().into_any())}
                {fact("Tables", view! { <span class="num">{tables}</span> }.into_any())}
            </dl>
        </div>
    }
    .into_any()
}

fn fact(name: &'static str, value: AnyView) -> AnyView {
    view! {
        <dt class="text-ink-2">{name}</dt>
        <dd class="mb-1.5 min-w-0 sm:mb-0">{value}</dd>
    }
    .into_any()
}

/// A TSO as a time; opened, what it consists of. Zero stands for none.
fn tso(name: &'static str, tso: u64, now_ms: u64) -> AnyView {
    if tso == 0 {
        return view! { <span class="text-ink-3">"none"</span> }.into_any();
    }
    let ts = Ts::from_u64(tso);
    view! {
        <time class="num" datetime=format::rfc3339(ts.physical_ms())>
            {facts::moment(ts.physical_ms())}
        </time>
        <div class="flex items-start gap-1">
            <details class="min-w-0 text-xs">
                <summary class="link w-fit cursor-pointer py-1">
                    <code>{tso.to_string()}</code>
                </summary>
                {parts(ts, now_ms)}
            </details>
            {copy(tso.to_string(), name)}
        </div>
    }
    .into_any()
}

/// What a TSO consists of.
fn parts(ts: Ts, now_ms: u64) -> AnyView {
    let at_ms = ts.physical_ms();
    let age = match now_ms.checked_sub(at_ms) {
        Some(age) => format!("{} ago", format::duration(age)),
        None => format!("in {}", format::duration(at_ms - now_ms)),
    };
    view! {
        <p class="num text-ink-2">
            {format!("{} · {at_ms} ms · logical part {} · {age}", facts::moment(at_ms), ts.logical())}
        </p>
    }
    .into_any()
}

/// What was typed into the converter, read.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Converted {
    /// Nothing was typed.
    Nothing,
    /// A time, as a TSO; or a TSO.
    Is(Ts),
    Wrong,
}

/// Digits are a TSO; everything else is a time.
fn convert(text: &str) -> Converted {
    let text = text.trim();
    if text.is_empty() {
        return Converted::Nothing;
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text
            .parse()
            .map_or(Converted::Wrong, |tso| Converted::Is(Ts::from_u64(tso)));
    }
    let time: Option<jiff::Timestamp> = text.parse().ok();
    let ms = time
        .and_then(|time| u64::try_from(time.as_millisecond()).ok())
        .or_else(|| format::parse_utc(text));
    // A TSO has 46 bits for the milliseconds.
    match ms.filter(|ms| *ms < 1 << 46) {
        Some(ms) => Converted::Is(Ts::from_physical_ms(ms)),
        None => Converted::Wrong,
    }
}

fn converter(query: &Query, now_ms: u64) -> AnyView {
    let typed = query.get("at").to_owned();
    let converted = convert(&typed);
    let is_wrong = converted == Converted::Wrong;
    let answer = match converted {
        Converted::Nothing => None,
        Converted::Wrong => Some(
            view! {
                <p id="at-fault" class="mt-1 text-xs font-medium text-failed">
                    "Neither a TSO nor a time. Write 2026-01-31 12:00:00, 2026-01-31T12:00:00+01:00, or the number of a TSO."
                </p>
            }
            .into_any(),
        ),
        Converted::Is(ts) => Some(
            view! {
                <div class="mt-2 text-xs" role="group" aria-label="Converted">
                    <span class="flex items-center gap-1">
                        "TSO " <code>{ts.as_u64().to_string()}</code> {copy(ts.as_u64().to_string(), "converted TSO")}
                    </span>
                    {parts(ts, now_ms)}
                </div>
            }
            .into_any(),
        ),
    };
    // The rest of the address stays.
    let rest = ["window", "table"].map(|name| {
        let value = query.get(name).to_owned();
        (!value.is_empty()).then(|| view! { <input type="hidden" name=name value=value/> })
    });
    view! {
        <form method="get" class="mt-4 border-t border-line pt-3">
            {rest}
            <label for="at" class="mb-1 block text-xs font-medium text-ink-2">
                "Convert a time (UTC) or a TSO"
            </label>
            <div class="flex gap-2">
                <input
                    class="input min-w-0"
                    type="text"
                    id="at"
                    name="at"
                    value=typed
                    maxlength="64"
                    placeholder="2026-01-31 12:00:00"
                    autocomplete="off"
                    aria-invalid=is_wrong.then_some("true")
                    aria-describedby=is_wrong.then_some("at-fault")
                />
                <button class="btn" type="submit">
                    "Convert"
                </button>
            </div>
            {answer}
        </form>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_numbers_are_converted() {
        let at = |ms: u64| Converted::Is(Ts::from_physical_ms(ms));
        assert_eq!(convert(" 2026-01-31 12:00:00 "), at(1_769_860_800_000));
        assert_eq!(convert("2026-01-31T12:00:00+01:00"), at(1_769_857_200_000));
        assert_eq!(
            convert("463957325414400007"),
            Converted::Is(Ts::from_u64(463_957_325_414_400_007))
        );
        assert_eq!(convert(""), Converted::Nothing);
        for wrong in [
            "soon",
            "1960-01-01T00:00:00Z",
            "99999999999999999999999",
            "9999-99-99 00:00:00",
        ] {
            assert_eq!(convert(wrong), Converted::Wrong, "{wrong}");
        }
    }

    #[test]
    fn what_is_typed_is_escaped() {
        let query = Query::parse("at=%3Cscript%3E&window=1h").unwrap();
        let html = html(|| converter(&query, 0));
        assert!(
            html.contains("&lt;script&gt;") && !html.contains("<script"),
            "{html}"
        );
        assert!(html.contains(r#"name="window" value="1h""#), "{html}");
    }
}
