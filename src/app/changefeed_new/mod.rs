//! The form for a new changefeed: one page, so that it works without JavaScript. The server alone judges what was
//! typed; what it refuses comes back at the field, and nothing typed is lost.

mod preview;
mod sections;

use crate::app::changefeed_new::sections::{FilesSection, IdentitySection, SinkSection, TablesSection};
use crate::app::layout::{ErrorNote, PageError, PageHead, loading};
use crate::app::ui::field::Faults;
use crate::fns::create::{CreateForm, Draft, SubmitChangefeed, get_draft};
use crate::fns::error::{ConsoleError, FieldError};
use leptos::form::ActionForm;
use leptos::html;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos_router::hooks::use_query_map;

/// Fields of the form and how their faults are introduced in the summary.
const LABELS: [(&str, &str); 16] = [
    ("id", "Changefeed id"),
    ("namespace", "Namespace"),
    ("sink_uri", "Sink URI"),
    ("sink_password", "Password"),
    ("start_time", "Start time"),
    ("start_tso", "Start TSO"),
    ("target_time", "Target time"),
    ("target_tso", "Target TSO"),
    ("rules", "Table rules"),
    ("protocol", "Protocol"),
    ("date_separator", "Date separator"),
    ("csv_delimiter", "CSV delimiter"),
    ("csv_quote", "CSV quote"),
    ("csv_null", "CSV text for NULL"),
    ("csv_binary_encoding", "CSV binary encoding"),
    ("start", "Start"),
];

/// The page.
#[component]
pub(crate) fn ChangefeedNew() -> impl IntoView {
    let query = use_query_map();
    let key = Memo::new(move |_| query.with(|query| query.get_str("draft").unwrap_or_default().to_owned()));
    let start = move || {
        query.with_untracked(|query| started_with(query.get_str("rules"), query.get_str("case_sensitive")))
    };
    let draft = Resource::new_blocking(
        move || key.get(),
        |key| async move {
            if key.is_empty() {
                Ok(None)
            } else {
                get_draft(key).await
            }
        },
    );
    let crumbs = vec![("Changefeeds".to_owned(), "/ui/changefeeds".to_owned())];
    view! {
        <PageHead title="New changefeed" crumbs/>
        <Suspense fallback=loading>
            {move || Suspend::new(async move {
                match draft.await {
                    Ok(draft) => view! { <FormPage draft=draft.or_else(start)/> }.into_any(),
                    Err(error) => view! { <PageError error/> }.into_any(),
                }
            })}
        </Suspense>
    }
    .into_any()
}

/// A form whose rules were made elsewhere.
fn started_with(rules: Option<&str>, case_sensitive: Option<&str>) -> Option<Draft> {
    let form = CreateForm {
        rules: rules?.to_owned(),
        case_sensitive: case_sensitive == Some("true"),
        ..CreateForm::default()
    };
    Some(Draft {
        form,
        error: None,
        preview: None,
    })
}

#[component]
fn FormPage(draft: Option<Draft>) -> impl IntoView {
    let submit = ServerAction::<SubmitChangefeed>::new();
    let Draft { form, error, preview } = draft.unwrap_or_else(|| Draft {
        form: CreateForm::default(),
        error: None,
        preview: None,
    });
    let value = submit.value();
    // An answer of this visit, otherwise what came with the draft.
    let faults: Faults = Signal::derive(move || match value.get() {
        Some(answer) => answer.err(),
        None => error.clone(),
    });
    let pending = submit.pending();
    view! {
        <div class="max-w-4xl">
            <FaultSummary faults/>
            <ActionForm action=submit>
                <input type="hidden" name="form[draft]" value=form.draft.clone()/>
                <IdentitySection form=form.clone() faults/>
                <SinkSection form=form.clone() faults/>
                <TablesSection form=form.clone() faults preview/>
                <FilesSection form faults/>
                <div class="sticky bottom-0 -mx-4 flex flex-wrap items-center gap-3 border-t border-line bg-bg px-4 py-3 md:mx-0 md:px-0">
                    <button class="btn btn-primary" type="submit" name="form[intent]" value="create">
                        {move || if pending.get() { "Creating" } else { "Create changefeed" }}
                    </button>
                    <a class="btn" href="/ui/changefeeds">
                        "Cancel"
                    </a>
                    <span class="text-xs text-ink-3">"The destination is checked before anything is created."</span>
                </div>
            </ActionForm>
        </div>
    }
    .into_any()
}

/// All faults at the top, each a link to its field. Takes the focus when it appears.
#[component]
fn FaultSummary(faults: Faults) -> impl IntoView {
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
            let links = fault_links(&error);
            if links.is_empty() {
                return view! { <ErrorNote error/> }.into_any();
            }
            view! {
                <div class="rounded-card border border-failed bg-failed-fill p-4 text-sm">
                    <h2 class="mb-2 font-semibold text-failed">"The changefeed was not created"</h2>
                    <ul class="grid gap-1">
                        {links
                            .into_iter()
                            .map(|(field, label, message)| {
                                let href = format!("#{field}");
                                view! {
                                    <li class="wrap-anywhere">
                                        <a
                                            class="font-medium text-failed underline underline-offset-3"
                                            href=href
                                            rel="external"
                                            on:click=move |_| focus(&field)
                                        >
                                            {label}
                                        </a>
                                        ": "
                                        {message}
                                    </li>
                                }
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

/// Puts the cursor into a field. The link has already shown it.
fn focus(field: &str) {
    let element = document().get_element_by_id(field);
    if let Some(element) = element.and_then(|element| element.dyn_into::<leptos::web_sys::HtmlElement>().ok())
    {
        let _not_focusable = element.focus();
    }
}

/// Field, label and message of each fault.
fn fault_links(error: &ConsoleError) -> Vec<(String, String, String)> {
    let link = |FieldError { field, message }: &FieldError| {
        let label = LABELS
            .iter()
            .find(|(name, _)| name == field)
            .map_or(field.as_str(), |(_, label)| label);
        (field.clone(), label.to_owned(), message.clone())
    };
    error.fields.iter().map(link).collect()
}
