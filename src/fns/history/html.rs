//! The configuration, its versions and their differences as HTML.

use leptos::prelude::*;
use tidegate_api::{ChangefeedDetail, ConfigVersion};
use tidegate_model::ChangefeedId;

use super::diff::{Line, Row, rows};
use super::read::{Asked, View, pretty};
use crate::app::activity::made::time;
use crate::app::changefeed_new::command;
use crate::app::ui::copy::SHELL_BASE;
use crate::app::ui::html::{code, html};
use crate::fns::create::CreateForm;
use crate::fns::form;
use crate::fns::query::Query;

/// Which view, and what it is narrowed to.
pub(super) fn head(asked: &Asked, id: &ChangefeedId) -> String {
    html(|| {
        let views: Vec<AnyView> = View::ALL
            .into_iter()
            .map(|(view, _, name)| {
                view! {
                    <li>
                        <a class="btn aria-[current]:border-accent aria-[current]:bg-accent-fill"
                            href=asked.with(view, asked.only_set, asked.version)
                            aria-current=(view == asked.view).then_some("true")>
                            {name}
                        </a>
                    </li>
                }
                .into_any()
            })
            .collect();
        let format = if asked.view == View::Toml { "toml" } else { "json" };
        let number = asked
            .version
            .map_or_else(String::new, |version| version.to_string());
        let download = Query::default()
            .with("namespace", &id.namespace)
            .with("format", format)
            .with("only", if asked.only_set { "set" } else { "" })
            .with("version", &number)
            .address(&format!("/api/tidegate/v1/changefeeds/{}/config", id.id));
        let (toggle, pressed) = if asked.only_set {
            ("Show everything", "what differs from the defaults")
        } else {
            (
                "Only what differs from the defaults",
                "everything, defaults filled in",
            )
        };
        let past = asked.version.map(|version| {
            view! {
                <p class="mb-3 flex flex-wrap items-center gap-3 rounded-card border border-warning bg-warning-fill p-3 text-sm">
                    <strong class="font-medium">{format!("This is version {version}, not what holds now.")}</strong>
                    <a class="link" href=asked.with(asked.view, asked.only_set, None)>"Show what holds now"</a>
                    <a class="link" href=restore(&asked.address, version)>"Restore this version"</a>
                </p>
            }
        });
        view! {
            {past}
            <div class="mb-3 flex flex-wrap items-center gap-x-4 gap-y-2">
                <ul class="flex flex-wrap gap-2" aria-label="View">{views}</ul>
                <a class="link py-1 text-sm" href=asked.with(asked.view, !asked.only_set, asked.version)>{toggle}</a>
                <a class="link py-1 text-sm" href=download download rel="external">
                    {format!("Download as {}", format.to_uppercase())}
                </a>
            </div>
            <p class="mb-3 text-sm text-ink-2">{format!("Shown: {pressed}. Secrets are masked.")}</p>
        }
        .into_any()
    })
}

/// Where a version becomes a form.
fn restore(address: &str, version: u64) -> String {
    let feed = address.strip_suffix("/config").unwrap_or(address);
    format!("{feed}/edit?version={version}")
}

/// Everything below the text.
pub(super) fn rest(
    asked: &Asked,
    shown: &ChangefeedDetail,
    form: &CreateForm,
    versions: &[ConfigVersion],
    pair: Option<(&ConfigVersion, &ConfigVersion)>,
) -> String {
    html(|| {
        let settings = (asked.view == View::Settings).then(|| settings(asked, form));
        view! {
            {settings}
            <details class="mt-3 min-w-0">
                <summary class="link w-fit cursor-pointer py-1 text-sm">"As commands: create one like it, apply it again"</summary>
                {commands(shown, form)}
            </details>
            {history(asked, versions, pair)}
        }
        .into_any()
    })
}

/// One setting as it is shown.
struct Shown {
    path: String,
    value: String,
    is_set: bool,
}

impl Shown {
    fn new(path: &str, value: String, is_set: bool) -> Shown {
        Shown {
            path: path.to_owned(),
            value: match form::is_secret(path) {
                true if value.is_empty() => String::new(),
                true => "set, not shown".to_owned(),
                false => value,
            },
            is_set,
        }
    }
}

/// Headings with their settings.
fn shown(form: &CreateForm, only_set: bool) -> Vec<(String, Vec<Shown>)> {
    let flag = |path: &str, on: bool| Shown::new(path, on.to_string(), on);
    let tables = vec![
        Shown::new(
            "filter.rules",
            form.rules.clone(),
            form.rules.trim() != form::ALL_TABLES,
        ),
        flag("case_sensitive", form.case_sensitive),
        flag("force_replicate", form.force_replicate),
        flag("ignore_ineligible_table", form.ignore_ineligible_table),
    ];
    let mut parts = vec![("Tables".to_owned(), tables)];
    for group in form::groups() {
        let settings = match &group.list {
            Some(list) => {
                let items = form.set.iter().filter(|(path, _)| {
                    let rest = path.strip_prefix(list.as_str());
                    rest.is_some_and(|rest| rest.starts_with('.'))
                });
                items
                    .map(|(path, text)| Shown::new(path, text.clone(), true))
                    .collect()
            }
            None => {
                let built = group.fields.iter().filter(|field| field.off.is_none());
                built
                    .map(|field| match form.set.get(&field.path) {
                        Some(text) => Shown::new(&field.path, text.clone(), true),
                        None => Shown::new(&field.path, field.default.clone(), false),
                    })
                    .collect()
            }
        };
        parts.push((group.title, settings));
    }
    for (_, settings) in &mut parts {
        settings.retain(|setting| setting.is_set || !only_set);
    }
    parts.retain(|(_, settings)| !settings.is_empty());
    parts
}

fn settings(asked: &Asked, form: &CreateForm) -> AnyView {
    let parts = shown(form, asked.only_set);
    if parts.is_empty() {
        return view! { <p class="py-4 text-sm text-ink-2">"Everything is as the defaults say."</p> }
            .into_any();
    }
    let parts: Vec<AnyView> = parts
        .into_iter()
        .map(|(title, settings)| {
            let rows: Vec<AnyView> = settings.into_iter().map(setting).collect();
            view! {
                <section class="card min-w-0 p-4">
                    <h2 class="mb-2 text-sm font-medium">{title}</h2>
                    <dl class="grid gap-y-1.5 text-sm">{rows}</dl>
                </section>
            }
            .into_any()
        })
        .collect();
    view! {
        <p class="mb-3 text-xs text-ink-3">
            <span class="mr-1 font-semibold text-accent" aria-hidden="true">"●"</span>
            "set; the others follow the defaults"
        </p>
        <div class="grid grid-cols-[minmax(0,1fr)] gap-4 xl:grid-cols-2">{parts}</div>
    }
    .into_any()
}

fn setting(setting: Shown) -> AnyView {
    let Shown { path, value, is_set } = setting;
    let (dot, class) = if is_set {
        ("●", "min-w-0 font-mono text-xs whitespace-pre-wrap wrap-anywhere")
    } else {
        (
            "",
            "min-w-0 font-mono text-xs whitespace-pre-wrap wrap-anywhere text-ink-3",
        )
    };
    let value = if value.is_empty() {
        "none".to_owned()
    } else {
        value
    };
    view! {
        <div class="grid grid-cols-[0.75rem_minmax(0,1fr)] gap-x-1 sm:grid-cols-[0.75rem_minmax(0,1fr)_minmax(0,1fr)]">
            <span class="row-span-2 text-accent sm:row-span-1" aria-hidden="true">{dot}</span>
            <dt class="min-w-0 font-mono text-xs wrap-anywhere text-ink-2">
                {path}
                {is_set.then(|| view! { <span class="sr-only">" (set)"</span> })}
            </dt>
            <dd class=class>{value}</dd>
        </div>
    }
    .into_any()
}

fn commands(shown: &ChangefeedDetail, form: &CreateForm) -> AnyView {
    let body = form::write(form).json;
    let config: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
    let update = serde_json::json!({"replica_config": config["replica_config"]});
    let update = format!(
        "curl -X PUT {SHELL_BASE}/api/v2/changefeeds/{}?namespace={}\" \\\n  -H 'Content-Type: application/json' \\\n  -d '{}'",
        shown.id,
        shown.namespace,
        pretty(&update).replace('\'', "'\\''"),
    );
    view! {
        <div class="mt-2 grid grid-cols-[minmax(0,1fr)] gap-3">
            {code("command that creates one like it", command(&body))}
            {code("command that applies it while the changefeed is paused", update)}
        </div>
    }
    .into_any()
}

fn history(
    asked: &Asked,
    versions: &[ConfigVersion],
    pair: Option<(&ConfigVersion, &ConfigVersion)>,
) -> AnyView {
    let last = versions.last().map_or(0, |last| last.version);
    let rows: Vec<AnyView> = versions
        .iter()
        .enumerate()
        .rev()
        .map(|(at, version)| {
            let before = at.checked_sub(1).map(|at| versions[at].version);
            version_row(asked, version, before, version.version == last)
        })
        .collect();
    let compare = (versions.len() > 1).then(|| compare_form(asked, versions, pair));
    view! {
        <section class="mt-8 min-w-0" aria-labelledby="history">
            <h2 id="history" class="mb-1 text-lg">"History"</h2>
            <p class="mb-3 text-sm text-ink-2">"Every configuration that was applied, newest first; the last hundred are kept."</p>
            {compare}
            {pair.map(difference)}
            <div class="card overflow-x-auto">
                <table class="data-table data-cards" role="table">
                    <caption class="sr-only">"Versions of the configuration"</caption>
                    <thead role="rowgroup">
                        <tr role="row">
                            <th scope="col" role="columnheader">"Version"</th>
                            <th scope="col" role="columnheader">"Applied"</th>
                            <th scope="col" role="columnheader">"Who"</th>
                            <th scope="col" role="columnheader">"By"</th>
                            <th scope="col" role="columnheader">"Look"</th>
                        </tr>
                    </thead>
                    <tbody role="rowgroup">{rows}</tbody>
                </table>
            </div>
        </section>
    }
    .into_any()
}

fn version_row(asked: &Asked, version: &ConfigVersion, before: Option<u64>, is_last: bool) -> AnyView {
    let number = version.version;
    let who = match version.actor.name.as_str() {
        "" => "not known".to_owned(),
        name => name.to_owned(),
    };
    let action = match version.action.as_str() {
        "found" => "found in force".to_owned(),
        action => action.to_owned(),
    };
    let link = |text: &'static str, href: String| {
        view! {
            <a class="link py-1" href=href>
                {text}
                <span class="sr-only">{format!(" version {number}")}</span>
            </a>
        }
    };
    let changes = before.map(|before| link("Changes", pair_address(asked, before, number)));
    let restore = (!is_last).then(|| link("Restore", restore(&asked.address, number)));
    view! {
        <tr role="row">
            <th scope="row" role="rowheader" class="num !text-sm !text-ink">
                {number}
                {is_last.then(|| view! { <span class="ml-2 text-xs font-normal text-ink-3">"in force"</span> })}
            </th>
            <td role="cell" data-label="Applied" class="num">
                {if version.time.is_empty() { "not known".into_any() } else { time(&version.time) }}
            </td>
            <td role="cell" data-label="Who">{who}</td>
            <td role="cell" data-label="By">{action}</td>
            <td role="cell" data-label="Look">
                <span class="flex flex-wrap gap-x-4">
                    {link("Show", asked.with(asked.view, asked.only_set, Some(number)))}
                    {changes}
                    {restore}
                </span>
            </td>
        </tr>
    }
    .into_any()
}

fn pair_address(asked: &Asked, a: u64, b: u64) -> String {
    let query = Query::default()
        .with("a", &a.to_string())
        .with("b", &b.to_string());
    query.address(&asked.address) + "#difference"
}

fn compare_form(
    asked: &Asked,
    versions: &[ConfigVersion],
    pair: Option<(&ConfigVersion, &ConfigVersion)>,
) -> AnyView {
    let last = versions[versions.len() - 1].version;
    let before = versions[versions.len() - 2].version;
    let (a, b) = pair.map_or((before, last), |(a, b)| (a.version, b.version));
    let choice = |name: &'static str, label: &'static str, chosen: u64| {
        let options: Vec<AnyView> = versions
            .iter()
            .rev()
            .map(|version| {
                let number = version.version;
                view! { <option value=number.to_string() selected=number == chosen>{format!("version {number}")}</option> }
                    .into_any()
            })
            .collect();
        view! {
            <div>
                <label for=name class="mb-1 block text-xs font-medium text-ink-2">{label}</label>
                <select class="input" id=name name=name>{options}</select>
            </div>
        }
        .into_any()
    };
    view! {
        <form method="get" action=format!("{}#difference", asked.address) class="mb-4 flex flex-wrap items-end gap-3" aria-label="Compare two versions">
            {choice("a", "Before", a)}
            {choice("b", "After", b)}
            <button class="btn" type="submit">"Compare"</button>
        </form>
    }
    .into_any()
}

/// What a version says as a text to compare.
fn text(version: &ConfigVersion) -> String {
    pretty(&serde_json::json!({
        "sink_uri": version.sink_uri,
        "target_ts": version.target_ts,
        "replica_config": version.config,
    })) + "\n"
}

fn difference((a, b): (&ConfigVersion, &ConfigVersion)) -> AnyView {
    let rows = rows(&text(a), &text(b));
    let title = format!("From version {} to version {}", a.version, b.version);
    let body = if rows.is_empty() {
        view! { <p class="p-4 text-sm text-ink-2">"Nothing that is shown differs. Secrets may."</p> }
            .into_any()
    } else {
        let lines: Vec<AnyView> = rows.into_iter().map(row).collect();
        view! { <div class="diff" role="region" tabindex="0" aria-label=title.clone()>{lines}</div> }
            .into_any()
    };
    view! {
        <section id="difference" class="mb-4 min-w-0 scroll-mt-16">
            <h3 class="mb-2 text-sm font-medium">{title}</h3>
            <div class="card min-w-0">{body}</div>
        </section>
    }
    .into_any()
}

fn row(row: Row) -> AnyView {
    match row {
        Row::Gap => view! { <div class="diff-gap" aria-hidden="true">"⋯"</div> }.into_any(),
        Row::Same(line, other) => {
            let text: String = line.pieces.into_iter().map(|(_, text)| text).collect();
            view! {
                <div class="diff-row">
                    <div class="diff-line"><span class="diff-number">{line.number}</span><span>{text.clone()}</span></div>
                    <div class="diff-line diff-twin" aria-hidden="true"><span class="diff-number">{other}</span><span>{text}</span></div>
                </div>
            }
            .into_any()
        }
        Row::Changed(old, new) => view! {
            <div class="diff-row">
                {changed(old, true)}
                {changed(new, false)}
            </div>
        }
        .into_any(),
    }
}

/// A line that was taken out, or put in; a blank where the other text has one alone.
fn changed(line: Option<Line>, is_old: bool) -> AnyView {
    let Some(line) = line else {
        return view! { <div class="diff-line diff-twin"></div> }.into_any();
    };
    let pieces: Vec<AnyView> = line
        .pieces
        .into_iter()
        .map(|(differs, text)| match differs {
            true => view! { <mark>{text}</mark> }.into_any(),
            false => text.into_any(),
        })
        .collect();
    if is_old {
        return view! {
            <div class="diff-line diff-old"><span class="diff-number">{line.number}" −"</span><del>{pieces}</del></div>
        }
        .into_any();
    }
    view! {
        <div class="diff-line diff-new"><span class="diff-number">{line.number}" +"</span><ins>{pieces}</ins></div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(set: &[(&str, &str)]) -> CreateForm {
        let set = set
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
        CreateForm {
            set: set.collect(),
            ..CreateForm::default()
        }
    }

    #[test]
    fn set_values_stand_alone_or_among_the_defaults() {
        let form = form(&[
            ("memory_quota", "4096"),
            ("filter.event_filters.0.ignore_event", "delete"),
            ("sink.kafka_config.sasl_password", "hunter2"),
        ]);
        let paths = |only_set| -> Vec<(String, String)> {
            let parts = shown(&form, only_set)
                .into_iter()
                .flat_map(|(_, settings)| settings);
            parts.map(|setting| (setting.path, setting.value)).collect()
        };
        let set = paths(true);
        assert!(set.contains(&("memory_quota".to_owned(), "4096".to_owned())));
        assert!(set.contains(&(
            "filter.event_filters.0.ignore_event".to_owned(),
            "delete".to_owned()
        )));
        assert!(set.iter().all(|(_, value)| value != "hunter2"), "{set:?}");
        assert!(!set.iter().any(|(path, _)| path == "filter.rules"));
        let all = paths(false);
        assert!(all.len() > 40 && all.contains(&("filter.rules".to_owned(), "*.*".to_owned())));
    }

    #[test]
    fn a_difference_marks_words_and_escapes_markup() {
        let version = |number: u64, rule: &str| ConfigVersion {
            version: number,
            config: serde_json::json!({"rules": [rule]}),
            ..ConfigVersion::default()
        };
        let (a, b) = (version(1, "<shop>.*"), version(2, "<shop>.orders"));
        let html = html(|| difference((&a, &b)));
        assert!(html.contains("From version 1 to version 2"));
        assert!(html.contains("<mark>") && html.contains("&lt;shop"), "{html}");
        assert!(!html.contains("<shop>"), "{html}");
        assert!(html.matches("diff-old").count() == 1 && html.matches("diff-new").count() == 1);
    }
}
