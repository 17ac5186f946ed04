//! Fields of forms: a label, the key of the API, help, and the fault beside the input.

use leptos::prelude::*;

/// Finds the fault of a field by its name.
pub(crate) type Faults = Signal<Option<crate::fns::error::ConsoleError>>;

/// The fault of the field called `name`.
pub(crate) fn fault(faults: Faults, name: &'static str) -> Signal<Option<String>> {
    Signal::derive(move || faults.with(|error| error.as_ref().and_then(|error| error.of_field(name))))
}

/// The fault of a field whose name is made up.
pub(crate) fn fault_of(faults: Faults, name: String) -> Signal<Option<String>> {
    Signal::derive(move || faults.with(|error| error.as_ref().and_then(|error| error.of_field(&name))))
}

/// A line below an input that says what is wrong with it.
#[component]
pub(crate) fn FaultLine(id: String, fault: Signal<Option<String>>) -> impl IntoView {
    view! {
        <p id=id class="mt-1 text-xs font-medium wrap-anywhere text-failed" hidden=move || fault.with(Option::is_none)>
            {move || fault.get()}
        </p>
    }
    .into_any()
}

/// A one-line text input.
#[component]
pub(crate) fn TextField(
    /// Name of the field in the form.
    name: &'static str,
    /// What it is, for people.
    label: &'static str,
    /// Its key in the API, if it has one.
    #[prop(optional)]
    key: &'static str,
    /// One line of help.
    #[prop(optional)]
    help: &'static str,
    /// Shown while it is empty.
    #[prop(optional)]
    placeholder: &'static str,
    /// What stands in it at first.
    value: String,
    /// Where faults come from.
    faults: Faults,
    /// Called with each change of the text.
    #[prop(optional, into)]
    on_input: Option<Callback<String>>,
) -> impl IntoView {
    let fault = fault(faults, name);
    view! {
        <div class="min-w-0">
            <FieldLabel name label key/>
            <input
                class="input"
                type="text"
                id=name
                name=format!("form[{name}]")
                value=value
                placeholder=placeholder
                autocomplete="off"
                autocapitalize="none"
                spellcheck="false"
                aria-describedby=described_by(name)
                aria-invalid=move || fault.with(Option::is_some).then_some("true")
                on:input=move |ev| {
                    if let Some(on_input) = on_input {
                        on_input.run(event_target_value(&ev));
                    }
                }
            />
            <FaultLine id=fault_id(name) fault/>
            <p id=help_id(name) class="mt-1 text-xs text-ink-3">
                {help}
            </p>
        </div>
    }
    .into_any()
}

/// An input for a secret: never filled in by the server, readable only while its owner wants to.
#[component]
pub(crate) fn PasswordField(
    /// Name of the field in the form.
    name: &'static str,
    /// What it is, for people.
    label: &'static str,
    /// One line of help.
    help: &'static str,
    /// Where faults come from.
    faults: Faults,
) -> impl IntoView {
    let fault = fault(faults, name);
    let shown = RwSignal::new(false);
    view! {
        <div class="min-w-0">
            <FieldLabel name label key=""/>
            <div class="flex max-w-96 gap-2">
                <input
                    class="input"
                    type=move || if shown.get() { "text" } else { "password" }
                    id=name
                    name=format!("form[{name}]")
                    autocomplete="new-password"
                    autocapitalize="none"
                    spellcheck="false"
                    aria-describedby=described_by(name)
                    aria-invalid=move || fault.with(Option::is_some).then_some("true")
                />
                <button
                    type="button"
                    class="btn scripted"
                    aria-pressed=move || shown.get().to_string()
                    aria-controls=name
                    on:click=move |_| shown.update(|shown| *shown = !*shown)
                >
                    "Show"
                </button>
            </div>
            <FaultLine id=fault_id(name) fault/>
            <p id=help_id(name) class="mt-1 text-xs text-ink-3">
                {help}
            </p>
        </div>
    }
    .into_any()
}

/// A switch.
#[component]
pub(crate) fn CheckField(
    /// Name of the field in the form.
    name: &'static str,
    /// What it is, for people.
    label: &'static str,
    /// Its key in the API.
    key: &'static str,
    /// One line of help.
    help: &'static str,
    /// Whether it is on at first.
    checked: bool,
    /// Called with each change.
    #[prop(optional, into)]
    on_change: Option<Callback<bool>>,
) -> impl IntoView {
    view! {
        <div class="flex gap-2.5">
            <input
                class="check"
                type="checkbox"
                id=name
                name=format!("form[{name}]")
                value="true"
                checked=checked
                aria-describedby=help_id(name)
                on:change=move |ev| {
                    if let Some(on_change) = on_change {
                        on_change.run(event_target_checked(&ev));
                    }
                }
            />
            <div class="min-w-0">
                <label for=name class="flex flex-wrap items-baseline gap-x-2 text-sm">
                    {label} <code class="text-xs text-ink-3">{key}</code>
                </label>
                <p id=help_id(name) class="text-xs text-ink-3">
                    {help}
                </p>
            </div>
        </div>
    }
    .into_any()
}

/// The label of a field with its key in the API.
#[component]
pub(crate) fn FieldLabel(name: &'static str, label: &'static str, key: &'static str) -> impl IntoView {
    view! {
        <label for=name class="mb-1 flex flex-wrap items-baseline gap-x-2 text-sm font-medium">
            {label} {(!key.is_empty()).then(|| view! { <code class="text-xs font-normal text-ink-3">{key}</code> })}
        </label>
    }
    .into_any()
}

/// Ids of the texts that describe the field called `name`.
pub(crate) fn described_by(name: &str) -> String {
    format!("{} {}", fault_id(name), help_id(name))
}

/// Id of the fault line of a field.
pub(crate) fn fault_id(name: &str) -> String {
    format!("{name}-fault")
}

/// Id of the help line of a field.
pub(crate) fn help_id(name: &str) -> String {
    format!("{name}-help")
}
