//! What opens below a row: its error with the remedy, and what can be done with it.

use crate::app::changefeed::{ActionButton, no_pause, no_resume};
use crate::app::facts;
use crate::app::format;
use crate::app::layout::ErrorNote;
use crate::app::live::sleep_s;
use crate::app::ui::feed::{feed_address, feed_name};
use crate::app::ui::icon::{Glyph, Icon};
use crate::fns::changefeeds::{PauseChangefeed, ResumeChangefeed};
use crate::fns::data::{FeedRow, FeedState, Vitals};
use leptos::form::ActionForm;
use leptos::prelude::*;
use leptos::task::spawn_local;

/// How long the way back is offered after a pause, in seconds.
const OFFERED_S: u64 = 10;

#[component]
pub(super) fn Panel(row: StoredValue<FeedRow>, vitals: Memo<Vitals>, width: usize) -> impl IntoView {
    let (namespace, id) = row.with_value(|row| (row.namespace.clone(), row.id.clone()));
    let address = feed_address(&namespace, &id);
    let pause = ServerAction::<PauseChangefeed>::new();
    let resume = ServerAction::<ResumeChangefeed>::new();
    let busy = Signal::derive(move || pause.pending().get() || resume.pending().get());
    let why_not = StoredValue::new(facts::why_not("operator"));
    let reason = move |state: fn(FeedState) -> Option<&'static str>| {
        let of_role = why_not.get_value();
        of_role.or_else(|| state(vitals.with(|v| v.state)).map(str::to_owned))
    };
    let why_no_pause = Signal::derive(move || reason(no_pause));
    let why_no_resume = Signal::derive(move || reason(no_resume));
    let names = StoredValue::new((namespace.clone(), id.clone()));
    let fields = move || {
        let (namespace, id) = names.get_value();
        view! {
            <input type="hidden" name="namespace" value=namespace/>
            <input type="hidden" name="id" value=id/>
        }
    };
    let refused = move || {
        let pause = pause.value().get().and_then(Result::err);
        let error = pause.or_else(|| resume.value().get().and_then(Result::err))?;
        Some(view! { <div class="mb-3"><ErrorNote error/></div> })
    };
    view! {
        <tr role="row" class="panel">
            <td role="cell" colspan=width.to_string() class="!p-4 !text-left">
                <div class="w-full">
                    {refused} <Trouble vitals/>
                    <div class="flex flex-wrap gap-2" role="group" aria-label=format!("Actions for {}", feed_name(&namespace, &id))>
                        <ActionForm action=pause>
                            {fields()} <ActionButton name="Pause" glyph=Glyph::Pause busy reason=why_no_pause/>
                        </ActionForm>
                        <Toast pause resume names/>
                        <ActionForm action=resume>
                            {fields()} <ActionButton name="Resume" glyph=Glyph::Play busy reason=why_no_resume/>
                        </ActionForm>
                        <a class="btn" href=address.clone()>"Open"</a>
                        <a class="btn" href=format!("{address}/edit")>"Edit"</a>
                        <a class="btn" href=format!("/ui/changefeeds/new?from={namespace}/{id}")>"Clone"</a>
                        <a class="btn" href=format!("/ui/logs?q={}", format::query_escape(&id))>"Logs"</a>
                        <a class="btn" href=format!("{address}/api")>"curl"</a>
                        <a class="btn btn-danger" href=format!("{address}/remove")>"Remove"</a>
                    </div>
                </div>
            </td>
        </tr>
    }
    .into_any()
}

/// The error: code, message, and what to do.
#[component]
fn Trouble(vitals: Memo<Vitals>) -> impl IntoView {
    let problem = Memo::new(move |_| vitals.with(|v| v.problem.clone()));
    move || {
        let problem = problem.get()?;
        Some(view! {
            <section aria-label="Error" class="mb-3 max-w-4xl text-sm whitespace-normal">
                <code class="text-xs text-failed">{problem.code.clone()}</code>
                <p class="mt-1 wrap-anywhere">{problem.message}</p>
                {(!problem.remedy.is_empty()).then(|| view! { <p class="mt-1 text-ink-2">"What to do: " {problem.remedy}</p> })}
                <p class="mt-1">
                    <a class="link" href=format!("/ui/logs?q={}", format::query_escape(&problem.code))>
                        "Lines of the log about it"
                    </a>
                </p>
            </section>
        })
    }
}

/// After a pause: what was done, and the way back, for ten seconds. It stays while the reader is at it.
#[component]
fn Toast(
    pause: ServerAction<PauseChangefeed>,
    resume: ServerAction<ResumeChangefeed>,
    names: StoredValue<(String, String)>,
) -> impl IntoView {
    let shown = RwSignal::new(false);
    let held = RwSignal::new(false);
    Effect::new(move |_| {
        if !matches!(pause.value().get(), Some(Ok(()))) {
            return;
        }
        shown.set(true);
        spawn_local(async move {
            let mut left = OFFERED_S;
            // The row may be gone before the time is up.
            while left > 0 && shown.try_get_untracked() == Some(true) {
                sleep_s(1).await;
                if held.try_get_untracked() == Some(false) {
                    left -= 1;
                }
            }
            let _gone_with_its_row = shown.try_set(false);
        });
    });
    let name = names.with_value(|(namespace, id)| feed_name(namespace, id));
    let label = format!("Resume {name}");
    view! {
        <div role="status">
            {move || shown.get().then(|| {
                let (name, label) = (name.clone(), label.clone());
                view! {
                    <div
                        class="fixed right-4 bottom-4 z-10 flex max-w-[calc(100vw-2rem)] items-center gap-3 rounded-card border border-control bg-raised px-4 py-3 text-sm shadow-lg"
                        on:mouseenter=move |_| held.set(true)
                        on:mouseleave=move |_| held.set(false)
                        on:focusin=move |_| held.set(true)
                        on:focusout=move |_| held.set(false)
                    >
                        <span class="min-w-0 wrap-anywhere">{format!("Paused {name}.")}</span>
                        <button
                            type="button"
                            class="btn"
                            aria-label=label
                            on:click=move |_| {
                                let (namespace, id) = names.get_value();
                                resume.dispatch(ResumeChangefeed { namespace, id });
                                held.set(false);
                                shown.set(false);
                            }
                        >
                            <Icon glyph=Glyph::Play/>
                            "Resume"
                        </button>
                    </div>
                }
            })}
        </div>
    }
    .into_any()
}
