//! The form for a new changefeed: one page, so that it works without JavaScript. The server alone judges what was
//! typed; what it refuses comes back at the field, and nothing typed is lost.

mod check;
mod leaving;
mod preview;
mod rail;
mod review;
mod saving;
mod sections;

use crate::app::changefeed_new::check::{Checks, Kept, checks};
use crate::app::changefeed_new::leaving::{guard, leaving};
use crate::app::changefeed_new::rail::{Rail, title_of};
use crate::app::changefeed_new::review::Review;
use crate::app::changefeed_new::saving::saving;
use crate::app::changefeed_new::sections::{
    IdentitySection, ResumeSection, Section, SinkSection, TablesSection,
};
use crate::app::format;
use crate::app::layout::{ErrorNote, PageError, PageHead, loading};
use crate::app::ui::field::Faults;
use crate::fns::create::{Begin, CheckedForm, Draft, FormView, SubmitChangefeed, get_form};
use crate::fns::error::{ConsoleError, FieldError};
use leptos::form::{ActionForm, FromFormData};
use leptos::html;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::{Element, FormData, HtmlElement};
use leptos_router::hooks::use_query_map;

pub(crate) use leaving::Leaving;
pub(crate) use rail::is_setting;
#[cfg(feature = "ssr")]
pub(crate) use review::command;

/// Beside the heading of settings that the sink does not look at.
pub(crate) const UNUSED: &str = "not used by this sink";

/// Id of the note beside the heading of a group of settings.
pub(crate) fn note_id(at: usize) -> String {
    format!("sink-note-{at}")
}

/// What a sink URI means for the settings, as far as it has been typed; empty when that does not show.
pub(crate) fn sink_kind(uri: &str) -> &'static str {
    let scheme = uri.trim().split_once("://").map_or("", |(scheme, _)| scheme);
    match scheme.trim_end_matches("+ssl") {
        "mysql" | "tidb" => "database",
        "file" | "s3" | "gcs" | "gs" | "azblob" | "azure" | "noop" => "storage",
        "kafka" => "kafka",
        "pulsar" | "pulsar+http" | "pulsar+https" => "pulsar",
        _ => "",
    }
}

/// The page.
#[component]
pub(crate) fn ChangefeedNew() -> impl IntoView {
    let query = use_query_map();
    let begin = Memo::new(move |_| {
        let word = |name| query.with(|query| query.get_str(name).unwrap_or_default().to_owned());
        Begin {
            draft: word("draft"),
            from: word("from"),
            rules: word("rules"),
            case_sensitive: word("case_sensitive") == "true",
            recreate: word("recreate"),
            ..Begin::default()
        }
    });
    let view = Resource::new_blocking(move || begin.get(), get_form);
    let crumbs = vec![("Changefeeds".to_owned(), "/ui/changefeeds".to_owned())];
    view! {
        <PageHead title="New changefeed" crumbs/>
        <Suspense fallback=loading>
            {move || Suspend::new(async move {
                match view.await {
                    Ok(view) => view! { <Page view/> }.into_any(),
                    Err(error) => view! { <PageError error/> }.into_any(),
                }
            })}
        </Suspense>
    }
    .into_any()
}

/// The form, begun anew whenever the server answers with another one.
#[component]
pub(crate) fn Page(view: FormView) -> impl IntoView {
    guard();
    let (note, drafts) = (view.note.clone(), view.drafts.clone());
    let kept = Kept::new(view);
    // By key, so that another form is built from nothing: the old one's handles lead to the old one's elements.
    view! {
        {(!note.is_empty())
            .then(|| view! { <p role="note" class="mb-4 rounded-card border border-line bg-surface p-3 text-sm">{note}</p> })}
        <div inner_html=drafts></div>
        <For
            each=move || [kept.begin.get()]
            key=|(turn, _)| *turn
            children=move |(_, view)| view! { <FormPage view kept/> }
        />
    }
    .into_any()
}

#[component]
fn FormPage(view: FormView, kept: Kept) -> impl IntoView {
    let submit = ServerAction::<SubmitChangefeed>::new();
    let FormView { draft, settings, .. } = view;
    let [events, delivery, advanced] = settings;
    let Draft {
        form,
        error,
        preview,
        checked,
    } = draft;
    let value = submit.value();
    // An answer of this visit, otherwise what came with the draft.
    let refused: Faults = Signal::derive(move || match value.get() {
        Some(answer) => answer.err(),
        None => error.clone(),
    });
    let node = NodeRef::<html::Form>::new();
    let typed = move || {
        let form = node.get_untracked()?;
        let data = FormData::new_with_form(&form).ok()?;
        SubmitChangefeed::from_form_data(&data)
            .ok()
            .map(|typed| typed.form)
    };
    let Checks {
        faults,
        checked,
        checking,
        on_input,
        ask,
    } = checks(typed, refused, checked, kept);
    let pending = submit.pending();
    let sink = RwSignal::new(form.sink_uri.clone());
    let on_uri = Callback::new(move |uri| sink.set(uri));
    let is_edit = !form.edit.is_empty();
    let saving = saving(typed, pending.into());
    let touched = leaving(is_edit, pending.into());
    note_unused(sink);
    view! {
        <div class="lg:grid lg:grid-cols-[11rem_minmax(0,56rem)] lg:gap-6">
            <Rail faults/>
            <div
                class="min-w-0"
                on:input=move |ev| {
                    on_input.run(target(&ev).map_or_else(String::new, |field| field.id()));
                    saving.on_input.run(());
                    touched.run(());
                }
                on:click=move |ev| {
                    // A button that neither creates nor changes is answered within the page.
                    if let Some(intent) = target(&ev).and_then(|button| button.get_attribute("value"))
                        && is_asked(&intent)
                    {
                        ev.prevent_default();
                        ask.run(intent);
                    }
                }
            >
                <FaultSummary faults=refused is_edit/>
                <ActionForm action=submit node_ref=node>
                    <input type="hidden" name="form[draft]" value=form.draft.clone()/>
                    <input type="hidden" name="form[edit]" value=form.edit.clone()/>
                    <input type="hidden" name="form[base]" value=form.base.clone()/>
                    <IdentitySection form=form.clone() faults/>
                    <SinkSection form=form.clone() faults on_uri/>
                    <TablesSection form=form.clone() faults preview/>
                    <Section id="events" title="Events and columns" help="What is left out of the tables that are copied.">
                        <div class="grid gap-2" inner_html=events></div>
                    </Section>
                    <Section id="delivery" title="Delivery" help="How changes are written. What is not touched follows the defaults.">
                        <div class="grid gap-2" inner_html=delivery></div>
                    </Section>
                    <Section id="advanced" title="Advanced" help="Memory, retries, and what only some upstreams have.">
                        <div class="grid gap-2" inner_html=advanced></div>
                    </Section>
                    {is_edit.then(|| view! { <ResumeSection form=form.clone() faults/> })}
                    <Review checked checking text=form.text.clone() unknown=form.unknown.clone() faults/>
                    <div class="sticky bottom-0 flex flex-wrap items-center gap-3 border-t border-line bg-bg py-3">
                        <Buttons edit=form.edit.clone() pending/>
                        {is_edit.then(|| view! { <ChangeCount checked/> })}
                        <span role="status" class="text-xs text-ink-3">{saving.said}</span>
                    </div>
                </ActionForm>
            </div>
        </div>
    }
    .into_any()
}

/// Whether a button of this intent is answered without leaving the page.
fn is_asked(intent: &str) -> bool {
    matches!(intent, "check" | "text") || intent.starts_with("add ") || intent.starts_with("remove ")
}

/// Says beside each heading whether the sink looks at the settings below, whenever the sink URI changes.
fn note_unused(sink: RwSignal<String>) {
    let kind = Memo::new(move |_| sink.with(|uri| sink_kind(uri)));
    Effect::new(move |ran: Option<()>| {
        let kind = kind.get();
        // The server has written them for the first one.
        if ran.is_none() {
            return;
        }
        for note in (0..).map_while(|at| document().get_element_by_id(&note_id(at))) {
            let sinks = note.get_attribute("data-sinks").unwrap_or_default();
            if !sinks.is_empty() {
                let unused = !kind.is_empty() && !sinks.split(' ').any(|known| known == kind);
                note.set_text_content(unused.then_some(UNUSED));
            }
        }
    });
}

/// What ends the form.
#[component]
fn Buttons(edit: String, #[prop(into)] pending: Signal<bool>) -> impl IntoView {
    if edit.is_empty() {
        return view! {
            <button class="btn btn-primary" type="submit" name="form[intent]" value="create">
                {move || if pending.get() { "Creating" } else { "Create changefeed" }}
            </button>
            <a class="btn" href="/ui/changefeeds">
                "Cancel"
            </a>
            <span class="text-xs text-ink-3">"The destination is checked before anything is created."</span>
        }
        .into_any();
    }
    view! {
        <button class="btn btn-primary" type="submit" name="form[intent]" value="apply_resume">
            {move || if pending.get() { "Applying" } else { "Apply and resume" }}
        </button>
        <button class="btn" type="submit" name="form[intent]" value="apply">
            "Apply, stay paused"
        </button>
        <a class="btn" href=format!("/ui/changefeeds/{edit}")>
            "Cancel"
        </a>
    }
    .into_any()
}

/// How much would be different, and the way there.
#[component]
fn ChangeCount(#[prop(into)] checked: Signal<Option<Result<CheckedForm, ConsoleError>>>) -> impl IntoView {
    let count = move || match checked.get() {
        Some(Ok(checked)) => format::count(checked.changes.len(), "change", "changes"),
        _ => String::new(),
    };
    view! {
        <a class="link py-1 text-sm" href="#review" rel="external">
            {count}
        </a>
    }
    .into_any()
}

/// The element that an event comes from.
fn target(ev: &leptos::web_sys::Event) -> Option<Element> {
    ev.target()?.dyn_into().ok()
}

/// All faults at the top, each a link to its field. Takes the focus when it appears.
#[component]
fn FaultSummary(faults: Faults, is_edit: bool) -> impl IntoView {
    let summary = NodeRef::<html::Div>::new();
    Effect::new(move |_| {
        if faults.with(Option::is_some)
            && let Some(summary) = summary.get()
        {
            let _not_focusable = summary.focus();
        }
    });
    let note = move || {
        faults.get().map(|error| {
            if error.fields.is_empty() {
                return view! { <ErrorNote error/> }.into_any();
            }
            view! {
                <div class="rounded-card border border-failed bg-failed-fill p-4 text-sm">
                    <h2 class="mb-2 font-semibold text-failed">{if is_edit { "The changefeed was not changed" } else { "The changefeed was not created" }}</h2>
                    <ul class="grid gap-1">
                        {error
                            .fields
                            .into_iter()
                            .map(|FieldError { field, message }| {
                                view! { <li class="wrap-anywhere">{link_to(&field)} {message}</li> }
                            })
                            .collect_view()}
                    </ul>
                    {(!error.remedy.is_empty()).then(|| view! { <p class="mt-2">{error.remedy}</p> })}
                    {(!error.code.is_empty())
                        .then(|| view! { <p class="mt-2 font-mono text-xs text-failed">{error.code}</p> })}
                </div>
            }
            .into_any()
        })
    };
    view! {
        <div node_ref=summary tabindex="-1" role="alert" class="mb-4 rounded-card">
            {note}
        </div>
    }
    .into_any()
}

/// A link that leads to a field, and the colon behind it; nothing for what belongs to no field.
fn link_to(field: &str) -> Option<AnyView> {
    if field.is_empty() {
        return None;
    }
    let (href, label, field) = (format!("#{field}"), title_of(field), field.to_owned());
    let link = view! {
        <a
            class="font-medium text-failed underline underline-offset-3"
            href=href
            rel="external"
            on:click=move |_| focus(&field)
        >
            {label}
        </a>
        ": "
    };
    Some(link.into_any())
}

/// Unfolds what hides a field and puts the cursor into it. The link itself has shown it.
fn focus(field: &str) {
    let element = document().get_element_by_id(field);
    let mut above = element.clone();
    while let Some(details) = above.and_then(|element| element.closest("details").ok().flatten()) {
        let _unfolded = details.set_attribute("open", "");
        above = details.parent_element();
    }
    if let Some(element) = element.and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
        let _not_focusable = element.focus();
    }
}
