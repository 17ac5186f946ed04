//! The parts of the form.

use crate::app::changefeed_new::preview::Preview;
use crate::app::ui::field::{
    CheckField, FaultLine, Faults, FieldLabel, PasswordField, TextField, described_by, fault, fault_id,
    help_id,
};
use crate::fns::create::CreateForm;
use crate::fns::data::RulePreview;
use leptos::prelude::*;

#[component]
pub(super) fn Section(
    /// Where links lead to.
    id: &'static str,
    title: &'static str,
    help: &'static str,
    children: Children,
) -> impl IntoView {
    view! {
        <fieldset id=id class="card mb-4 min-w-0 scroll-mt-16 p-4 md:p-5">
            <legend class="float-left mb-1 w-full text-lg font-semibold">{title}</legend>
            <p class="clear-both mb-4 text-sm text-ink-2">{help}</p>
            <div class="grid grid-cols-[minmax(0,1fr)] gap-4">{children()}</div>
        </fieldset>
    }
    .into_any()
}

/// Name, start and end.
#[component]
pub(super) fn IdentitySection(form: CreateForm, faults: Faults) -> impl IntoView {
    let target = view! {
        <Moment
            legend="Target"
            name="target"
            key="target_ts"
            open="none"
            open_text="None: it runs until it is paused or removed"
            chosen=form.target
            time=form.target_time
            tso=form.target_tso
            faults
        />
    };
    if !form.edit.is_empty() {
        return view! {
            <Section id="changefeed" title="Changefeed" help="Name and start stay as they are.">
                {target}
            </Section>
        }
        .into_any();
    }
    view! {
        <Section id="changefeed" title="Changefeed" help="What it is called, and which part of the history it copies.">
            <div class="grid gap-4 sm:grid-cols-2">
                <TextField
                    name="id"
                    label="Changefeed id"
                    key="changefeed_id"
                    help="Letters, digits and single hyphens. Empty: the server makes one up."
                    placeholder="orders-to-warehouse"
                    value=form.id
                    faults
                />
                <TextField
                    name="namespace"
                    label="Namespace"
                    key="namespace"
                    help="Groups changefeeds. Empty: default."
                    placeholder="default"
                    value=form.namespace
                    faults
                />
            </div>
            <div class="grid grid-cols-[minmax(0,1fr)] gap-4 sm:grid-cols-2">
            <Moment
                legend="Start"
                name="start"
                key="start_ts"
                open="now"
                open_text="Now: changes from this moment on"
                chosen=form.start
                time=form.start_time
                tso=form.start_tso
                faults
            />
            {target}
            </div>
        </Section>
    }
    .into_any()
}

/// A point of history: open, a time, or a TSO.
#[component]
fn Moment(
    legend: &'static str,
    name: &'static str,
    key: &'static str,
    open: &'static str,
    open_text: &'static str,
    chosen: String,
    time: String,
    tso: String,
    faults: Faults,
) -> impl IntoView {
    let (time_name, tso_name) = if name == "start" {
        ("start_time", "start_tso")
    } else {
        ("target_time", "target_tso")
    };
    let choice = RwSignal::new(chosen.clone());
    let fault = fault(faults, name);
    let radio = move |value: &'static str, text: &'static str| {
        let id = format!("{name}-{value}");
        view! {
            <div class="flex gap-2.5">
                <input
                    class="check"
                    type="radio"
                    id=id.clone()
                    name=format!("form[{name}]")
                    value=value
                    checked=chosen == value
                    on:change=move |_| choice.set(value.to_owned())
                />
                <label for=id class="text-sm">
                    {text}
                </label>
            </div>
        }
    };
    view! {
        <fieldset class="min-w-0" id=name>
            <legend class="mb-1 text-sm font-medium">
                {legend} " " <code class="text-xs font-normal text-ink-3">{key}</code>
            </legend>
            <div class="grid grid-cols-[minmax(0,1fr)] gap-2">
                {radio.clone()(open, open_text)} <FaultLine id=fault_id(name) fault/>
                {radio.clone()("time", "A time, UTC")}
                <div class="pl-6.5" data-part=move || if choice.with(|c| c == "time") { "on" } else { "off" }>
                    <TimeInput name=time_name label=legend value=time faults/>
                </div>
                {radio("tso", "A TSO")}
                <div class="pl-6.5" data-part=move || if choice.with(|c| c == "tso") { "on" } else { "off" }>
                    <TsoInput name=tso_name label=legend value=tso faults/>
                </div>
            </div>
        </fieldset>
    }
    .into_any()
}

/// Going on from another point than the one it stopped at: folded, because it is rarely what is wanted.
#[component]
pub(super) fn ResumeSection(form: CreateForm, faults: Faults) -> impl IntoView {
    let is_open = !form.resume_time.is_empty() || !form.resume_tso.is_empty();
    view! {
        <details class="card mb-4 min-w-0 p-4" open=is_open>
            <summary class="w-fit cursor-pointer py-0.5 text-sm font-medium">"Resume from another point"</summary>
            <div class="mt-3 grid grid-cols-[minmax(0,1fr)] gap-3">
                <p class="rounded-card border border-warning bg-warning-fill p-3 text-sm text-warning">
                    <strong class="font-semibold">"Changes may be lost or repeated. "</strong>
                    "From an earlier point, everything since is delivered again: databases end up equal, files hold it twice. "
                    "From a later point, what lies between is never delivered. The checkpoint of now is forgotten "
                    <code class="text-xs">"overwrite_checkpoint_ts"</code> "."
                </p>
                <div>
                    <span class="mb-1 block text-sm">"A time, UTC"</span>
                    <TimeInput name="resume_time" label="Resume" value=form.resume_time faults/>
                </div>
                <div>
                    <span class="mb-1 block text-sm">"Or a TSO"</span>
                    <TsoInput name="resume_tso" label="Resume" value=form.resume_tso faults/>
                </div>
                <div>
                    <button class="btn btn-danger" type="submit" name="form[intent]" value="apply_resume_at">
                        "Apply and resume from this point"
                    </button>
                </div>
            </div>
        </details>
    }
    .into_any()
}

#[component]
fn TimeInput(name: &'static str, label: &'static str, value: String, faults: Faults) -> impl IntoView {
    let fault = fault(faults, name);
    view! {
        <input
            class="input max-w-64"
            type="datetime-local"
            step="1"
            id=name
            name=format!("form[{name}]")
            value=value
            aria-label=format!("{label} time, UTC")
            aria-describedby=fault_id(name)
            aria-invalid=move || fault.with(Option::is_some).then_some("true")
        />
        <FaultLine id=fault_id(name) fault/>
    }
    .into_any()
}

#[component]
fn TsoInput(name: &'static str, label: &'static str, value: String, faults: Faults) -> impl IntoView {
    let fault = fault(faults, name);
    view! {
        <input
            class="input num max-w-64"
            type="text"
            inputmode="numeric"
            id=name
            name=format!("form[{name}]")
            value=value
            placeholder="439749918821711874"
            autocomplete="off"
            aria-label=format!("{label} TSO")
            aria-describedby=fault_id(name)
            aria-invalid=move || fault.with(Option::is_some).then_some("true")
        />
        <FaultLine id=fault_id(name) fault/>
    }
    .into_any()
}

/// Where changes go.
#[component]
pub(super) fn SinkSection(form: CreateForm, faults: Faults, on_uri: Callback<String>) -> impl IntoView {
    view! {
        <Section id="sink" title="Destination" help="One address says where changes go and how.">
            <TextField
                name="sink_uri"
                label="Sink URI"
                key="sink_uri"
                help="Leave the password to the field below: here it can be read while you type."
                placeholder="mysql://user@host:3306/"
                value=form.sink_uri
                faults
                on_input=on_uri
            />
            <PasswordField
                name="sink_password"
                label="Password"
                help=if !form.edit.is_empty() {
                    "Of the user in the sink URI. Empty: the one that is stored."
                } else if form.draft.is_empty() {
                    "Of the user in the sink URI. It is never shown again."
                } else {
                    "Of the user in the sink URI. Empty: the one you typed before."
                }
                faults
            />
            <details class="text-sm">
                <summary class="link w-fit cursor-pointer">"Examples"</summary>
                <dl class="mt-2 grid gap-x-4 gap-y-1.5 text-xs sm:grid-cols-[10rem_1fr]">
                    <Example name="MySQL or MariaDB" uri="mysql://user@host:3306/?safe-mode=true"/>
                    <Example name="CSV files" uri="file:///var/lib/changes?protocol=csv"/>
                    <Example name="Canal-JSON files" uri="file:///var/lib/changes?protocol=canal-json"/>
                    <Example name="Nowhere, to try out" uri="blackhole://"/>
                </dl>
            </details>
        </Section>
    }
    .into_any()
}

#[component]
fn Example(name: &'static str, uri: &'static str) -> impl IntoView {
    view! {
        <dt class="text-ink-2">{name}</dt>
        <dd class="min-w-0">
            <code class="wrap-anywhere">{uri}</code>
        </dd>
    }
    .into_any()
}

/// Which tables are copied, with a preview.
#[component]
pub(super) fn TablesSection(form: CreateForm, faults: Faults, preview: Option<RulePreview>) -> impl IntoView {
    let rules = RwSignal::new(form.rules.clone());
    let case_sensitive = RwSignal::new(form.case_sensitive);
    let fault = fault(faults, "rules");
    let on_case = Callback::new(move |on| case_sensitive.set(on));
    view! {
        <Section id="tables" title="Tables" help="The last rule that matches a table decides about it.">
            <div class="grid gap-4 lg:grid-cols-2">
                <div class="grid min-w-0 content-start gap-4">
                    <div class="min-w-0">
                        <FieldLabel name="rules" label="Table rules" key="filter.rules"/>
                        <textarea
                            class="input min-h-36 font-mono"
                            id="rules"
                            name="form[rules]"
                            rows="6"
                            spellcheck="false"
                            autocapitalize="none"
                            aria-describedby=described_by("rules")
                            aria-invalid=move || fault.with(Option::is_some).then_some("true")
                            on:input=move |ev| rules.set(event_target_value(&ev))
                        >
                            {form.rules.clone()}
                        </textarea>
                        <FaultLine id=fault_id("rules") fault/>
                        <p id=help_id("rules") class="mt-1 text-xs text-ink-3">
                            "One a line: " <code>"shop.*"</code> ", " <code>"*.orders_?"</code> ", " <code>"/^log_[0-9]+$/.*"</code> "; "
                            <code>"!shop.tmp_*"</code> " leaves tables out."
                        </p>
                    </div>
                    <CheckField
                        name="case_sensitive"
                        label="Upper and lower case differ"
                        key="case_sensitive"
                        help="Otherwise rules match names in any case."
                        checked=form.case_sensitive
                        on_change=on_case
                    />
                    <CheckField
                        name="ignore_ineligible_table"
                        label="Leave out tables without a key"
                        key="ignore_ineligible_table"
                        help="Tables without a primary key or a NOT NULL unique key are skipped. Otherwise they are refused."
                        checked=form.ignore_ineligible_table
                    />
                    <CheckField
                        name="force_replicate"
                        label="Copy tables without a key all the same"
                        key="force_replicate"
                        help="After a crash such rows may arrive twice."
                        checked=form.force_replicate
                    />
                </div>
                <Preview rules case_sensitive first=preview/>
            </div>
        </Section>
    }
    .into_any()
}
