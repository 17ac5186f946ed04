//! The form for a new changefeed: one page, so that it works without JavaScript. The server alone judges what was
//! typed; what it refuses comes back at the field, and nothing typed is lost.

mod check;
mod preview;
mod rail;
mod review;
mod sections;
mod settings;

use crate::app::changefeed_new::check::{Checks, checks};
use crate::app::changefeed_new::rail::{Rail, title_of};
use crate::app::changefeed_new::review::Review;
use crate::app::changefeed_new::sections::{IdentitySection, Section, SinkSection, TablesSection};
use crate::app::changefeed_new::settings::Groups;
use crate::app::layout::{ErrorNote, PageError, PageHead, loading};
use crate::app::ui::field::Faults;
use crate::fns::create::{CreateForm, Draft, ReadText, SubmitChangefeed, clone_form, get_draft};
use crate::fns::error::{ConsoleError, FieldError};
use crate::fns::settings::{SettingGroup, SinkKind, Step, get_settings};
use leptos::form::{ActionForm, FromFormData};
use leptos::html;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::FormData;
use leptos_router::hooks::use_query_map;

/// What the form begins with: a draft that was sent without JavaScript, another changefeed, rules of the playground.
type Begin = (String, String, String);

/// The page.
#[component]
pub(crate) fn ChangefeedNew() -> impl IntoView {
    let query = use_query_map();
    let begin = Memo::new(move |_| {
        query.with(|query| {
            let word = |name| query.get_str(name).unwrap_or_default().to_owned();
            (word("draft"), word("from"), word("rules"))
        })
    });
    let data = Resource::new_blocking(
        move || begin.get(),
        |begin| async move {
            let draft = first(begin).await?;
            Ok::<_, ConsoleError>((draft, get_settings().await?))
        },
    );
    let crumbs = vec![("Changefeeds".to_owned(), "/ui/changefeeds".to_owned())];
    view! {
        <PageHead title="New changefeed" crumbs/>
        <Suspense fallback=loading>
            {move || Suspend::new(async move {
                match data.await {
                    Ok((draft, groups)) => view! { <Page draft groups/> }.into_any(),
                    Err(error) => view! { <PageError error/> }.into_any(),
                }
            })}
        </Suspense>
    }
    .into_any()
}

async fn first((draft, from, rules): Begin) -> Result<Draft, ConsoleError> {
    if !draft.is_empty()
        && let Some(draft) = get_draft(draft).await?
    {
        return Ok(draft);
    }
    let mut form = CreateForm::default();
    if let Some((namespace, id)) = from.split_once('/') {
        form = clone_form(namespace.to_owned(), id.to_owned()).await?;
    }
    if !rules.is_empty() {
        form.rules = rules;
    }
    Ok(Draft {
        form,
        ..Draft::default()
    })
}

/// The form, begun anew whenever a text is taken over into it.
#[component]
pub(crate) fn Page(draft: Draft, groups: Vec<SettingGroup>) -> impl IntoView {
    let begin = RwSignal::new((0_u32, draft));
    let groups = StoredValue::new(groups);
    view! {
        <For each=move || [begin.get()] key=|(turn, _)| *turn let:begun>
            <FormPage draft=begun.1 groups=groups.get_value() begin/>
        </For>
    }
    .into_any()
}

#[component]
fn FormPage(draft: Draft, groups: Vec<SettingGroup>, begin: RwSignal<(u32, Draft)>) -> impl IntoView {
    let submit = ServerAction::<SubmitChangefeed>::new();
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
    let read = ServerAction::<ReadText>::new();
    take_over(read, begin);
    let Checks {
        faults,
        checked,
        checking,
        on_input,
        check,
    } = checks(typed, refused, checked, read);
    let pending = submit.pending();
    let sink = RwSignal::new(SinkKind::of(&form.sink_uri));
    let on_uri = Callback::new(move |uri: String| sink.set(SinkKind::of(&uri)));
    let texts = StoredValue::new(form.set.clone());
    let of_step = |step: Step| -> Vec<SettingGroup> {
        groups
            .iter()
            .filter(|group| group.step == step)
            .cloned()
            .collect()
    };
    let (events, delivery, advanced) = (
        of_step(Step::Events),
        of_step(Step::Delivery),
        of_step(Step::Advanced),
    );
    let read_text = Callback::new(move |()| {
        if let Some(form) = typed() {
            read.dispatch(ReadText { form });
        }
    });
    view! {
        <div class="lg:grid lg:grid-cols-[11rem_minmax(0,56rem)] lg:gap-6">
            <Rail faults/>
            <div class="min-w-0" on:input=move |ev| on_input.run(event_target_name(&ev))>
                <FaultSummary faults=refused is_edit=!form.edit.is_empty()/>
                <ActionForm action=submit node_ref=node>
                    <input type="hidden" name="form[draft]" value=form.draft.clone()/>
                    <input type="hidden" name="form[edit]" value=form.edit.clone()/>
                    <input type="hidden" name="form[base]" value=form.base.clone()/>
                    <IdentitySection form=form.clone() faults/>
                    <SinkSection form=form.clone() faults on_uri/>
                    <TablesSection form=form.clone() faults preview/>
                    <Section id="events" title="Events and columns" help="What is left out of the tables that are copied.">
                        <Groups groups=events texts sink faults/>
                    </Section>
                    <Section id="delivery" title="Delivery" help="How changes are written. What is not touched follows the defaults.">
                        <Groups groups=delivery texts sink faults/>
                    </Section>
                    <Section id="advanced" title="Advanced" help="Memory, retries, and what only some upstreams have.">
                        <Groups groups=advanced texts sink faults/>
                    </Section>
                    <Review
                        checked
                        checking
                        check
                        take_over=read_text
                        text=form.text.clone()
                        unknown=form.unknown.clone()
                        faults
                    />
                    <div class="sticky bottom-0 -mx-4 flex flex-wrap items-center gap-3 border-t border-line bg-bg px-4 py-3 md:mx-0 md:px-0">
                        <Buttons edit=form.edit.clone() pending/>
                    </div>
                </ActionForm>
            </div>
        </div>
    }
    .into_any()
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

/// Begins the form anew with what a text meant.
fn take_over(read: ServerAction<ReadText>, begin: RwSignal<(u32, Draft)>) {
    let value = read.value();
    Effect::new(move |_| {
        if let Some(Ok(form)) = value.get() {
            let turn = begin.with_untracked(|(turn, _)| turn + 1);
            let draft = Draft {
                form,
                ..Draft::default()
            };
            begin.set((turn, draft));
        }
    });
}

/// Name of the field that an event comes from, without the brackets of the form.
fn event_target_name(ev: &leptos::ev::Event) -> String {
    let element = ev
        .target()
        .and_then(|target| target.dyn_into::<leptos::web_sys::Element>().ok());
    element.map_or_else(String::new, |element| element.id())
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
    if let Some(element) = element.and_then(|element| element.dyn_into::<leptos::web_sys::HtmlElement>().ok())
    {
        let _not_focusable = element.focus();
    }
}
