//! Fields made from the table of settings.

use std::collections::BTreeMap;

use crate::app::ui::field::{FaultLine, Faults, described_by, fault_id, fault_of, help_id};
use crate::fns::settings::{FieldKind, SettingField, SettingGroup, SinkKind};
use leptos::prelude::*;

/// Texts by path.
type Texts = StoredValue<BTreeMap<String, String>>;

/// The groups of one step.
#[component]
pub(super) fn Groups(
    groups: Vec<SettingGroup>,
    texts: Texts,
    /// What the sink URI means so far.
    #[prop(into)]
    sink: Signal<Option<SinkKind>>,
    faults: Faults,
) -> impl IntoView {
    groups
        .into_iter()
        .map(|group| view! { <Group group texts sink faults/> })
        .collect_view()
        .into_any()
}

/// One group, folded unless something in it was set, or something can be added.
#[component]
fn Group(group: SettingGroup, texts: Texts, sink: Signal<Option<SinkKind>>, faults: Faults) -> impl IntoView {
    let touched = texts.with_value(|texts| {
        texts.iter().any(|(path, text)| {
            let listed = group.list.as_ref().is_some_and(|list| path.starts_with(list));
            listed || (!text.is_empty() && group.fields.iter().any(|field| field.path == *path))
        })
    });
    let is_off = group.fields.iter().all(|field| field.off.is_some());
    let is_open = touched || (group.list.is_some() && !is_off);
    let sinks = group.sinks.clone();
    let note = move || {
        if is_off {
            return "not in this version";
        }
        match sink.get() {
            Some(kind) if !sinks.is_empty() && !sinks.contains(&kind) => "not used by this sink",
            _ => "",
        }
    };
    let body = match group.list {
        Some(list) if !is_off => view! { <Items list fields=group.fields texts faults/> }.into_any(),
        list => view! { <Fields prefix=list.map_or_else(String::new, |list| format!("{list}.0.")) fields=group.fields texts faults/> }
            .into_any(),
    };
    view! {
        <details class="min-w-0 rounded-card border border-line" open=is_open>
            <summary class="cursor-pointer px-4 py-2.5 text-sm font-medium">
                <span>{group.title}</span> <span class="ml-2 text-xs font-normal text-ink-3">{note}</span>
            </summary>
            <div class="grid gap-4 px-4 pt-1 pb-4">{body}</div>
        </details>
    }
    .into_any()
}

#[component]
fn Fields(prefix: String, fields: Vec<SettingField>, texts: Texts, faults: Faults) -> impl IntoView {
    let inputs = fields
        .into_iter()
        .map(|field| {
            let name = format!("{prefix}{}", field.path);
            let value = texts.with_value(|texts| texts.get(&name).cloned().unwrap_or_default());
            view! { <SettingInput name field value faults/> }
        })
        .collect_view();
    view! { <div class="grid grid-cols-[minmax(0,1fr)] gap-4 sm:grid-cols-2">{inputs}</div> }.into_any()
}

/// A list of objects. Without JavaScript its button sends the form, and the new item comes with the page.
#[component]
fn Items(list: String, fields: Vec<SettingField>, texts: Texts, faults: Faults) -> impl IntoView {
    let first = texts.with_value(|texts| numbers(texts, &list));
    let numbers = RwSignal::new(first);
    let fields = StoredValue::new(fields);
    let fault = fault_of(faults, list.clone());
    let name = StoredValue::new(list.clone());
    let item = move |number: u64| {
        let prefix = name.with_value(|list| format!("{list}.{number}."));
        view! {
            <fieldset class="min-w-0 rounded-card bg-surface p-3">
                <legend class="float-left mb-2 w-full text-sm font-medium">
                    <span class="flex items-center justify-between gap-2">
                        {move || {
                            let at = numbers.with(|numbers| numbers.iter().position(|known| *known == number));
                            format!("Filter {}", at.unwrap_or_default() + 1)
                        }}
                        <button
                            type="button"
                            class="btn scripted"
                            on:click=move |_| numbers.update(|numbers| numbers.retain(|known| *known != number))
                        >
                            "Remove"
                        </button>
                    </span>
                </legend>
                <div class="clear-both">
                    <Fields prefix fields=fields.get_value() texts faults/>
                </div>
            </fieldset>
        }
    };
    view! {
        <div class="grid gap-4" id=list.clone() tabindex="-1">
            <FaultLine id=fault_id(&list) fault/>
            <For each=move || numbers.get() key=|number| *number children=item/>
            <div>
                <button
                    class="btn"
                    type="submit"
                    name="form[intent]"
                    value=format!("add {list}")
                    formnovalidate
                    on:click=move |ev| {
                        ev.prevent_default();
                        numbers
                            .update(|numbers| {
                                let next = numbers.iter().max().map_or(0, |last| last + 1);
                                numbers.push(next);
                            });
                    }
                >
                    "Add a filter"
                </button>
            </div>
        </div>
    }
    .into_any()
}

/// The numbers of the items that texts are there for.
fn numbers(texts: &BTreeMap<String, String>, list: &str) -> Vec<u64> {
    let number = |path: &String| -> Option<u64> {
        let rest = path.strip_prefix(list)?.strip_prefix('.')?;
        rest.split('.').next()?.parse().ok()
    };
    let mut numbers: Vec<u64> = texts.keys().filter_map(number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

/// One setting.
#[component]
fn SettingInput(name: String, field: SettingField, value: String, faults: Faults) -> impl IntoView {
    let SettingField {
        path,
        kind,
        options,
        default,
        help,
        off,
    } = field;
    let key = path.rsplit('.').next().unwrap_or_default().to_owned();
    let fault = fault_of(faults, name.clone());
    let input = control(&name, (kind, options, default), value, off.is_some(), fault);
    view! {
        <div class="min-w-0">
            <label for=name.clone() class="mb-1 flex flex-wrap items-baseline gap-x-2 text-sm font-medium">
                {label(&key)} " " <code class="text-xs font-normal text-ink-3">{key}</code>
            </label>
            {input}
            <FaultLine id=fault_id(&name) fault/>
            <p id=help_id(&name) class="mt-1 text-xs wrap-anywhere text-ink-3">
                {help}
                {off.map(|why| format!(" Not to be set: {why}."))}
            </p>
        </div>
    }
    .into_any()
}

fn control(
    name: &str,
    (kind, options, default): (FieldKind, Vec<String>, String),
    value: String,
    off: bool,
    fault: Signal<Option<String>>,
) -> AnyView {
    let post = format!("form[set][{name}]");
    let invalid = move || fault.with(Option::is_some).then_some("true");
    let (id, described) = (name.to_owned(), described_by(name));
    let words = match kind {
        FieldKind::Flag => vec!["true".to_owned(), "false".to_owned()],
        _ => options,
    };
    if !words.is_empty() {
        let unset = if default.is_empty() {
            "unset".to_owned()
        } else {
            format!("default: {default}")
        };
        let options = words
            .into_iter()
            .map(|word| {
                let selected = word == value;
                let text = word.clone();
                view! { <option value=word selected=selected>{text}</option> }
            })
            .collect_view();
        return view! {
            <select class="input" id=id name=post disabled=off aria-describedby=described aria-invalid=invalid>
                <option value="">{unset}</option>
                {options}
            </select>
        }
        .into_any();
    }
    if kind == FieldKind::Lines {
        return view! {
            <textarea
                class="input font-mono"
                rows="3"
                id=id
                name=post
                disabled=off
                placeholder=default
                spellcheck="false"
                autocapitalize="none"
                aria-describedby=described
                aria-invalid=invalid
            >
                {value}
            </textarea>
        }
        .into_any();
    }
    let input_type = if kind == FieldKind::Secret {
        "password"
    } else {
        "text"
    };
    view! {
        <input
            class="input"
            type=input_type
            id=id
            name=post
            value=value
            disabled=off
            placeholder=default
            autocomplete="off"
            autocapitalize="none"
            spellcheck="false"
            aria-describedby=described
            aria-invalid=invalid
        />
    }
    .into_any()
}

/// `max_txn_row` as "Max txn row".
fn label(key: &str) -> String {
    let words = key.replace(['_', '-'], " ");
    let mut letters = words.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_words() {
        assert_eq!(label("max_txn_row"), "Max txn row");
        assert_eq!(
            label("send-all-bootstrap-at-start"),
            "Send all bootstrap at start"
        );
    }

    #[test]
    fn items_are_counted_by_their_numbers() {
        let texts = ["f.10.a", "f.2.b", "f.2.a", "f", "g.1.a", "f.x.a"]
            .map(|path| (path.to_owned(), String::new()))
            .into();
        assert_eq!(numbers(&texts, "f"), [2, 10]);
    }
}
