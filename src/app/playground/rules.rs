//! The playground for table rules.

use crate::app::format;
use crate::app::ui::copy::SHELL_BASE;
use crate::app::ui::html::{check, code, html, lines, text, trouble};
use crate::app::ui::icon::{Glyph, Icon};
use crate::fns::playground::TriedOut;
use crate::fns::playground::names;
use crate::fns::playground::rules::{Asked, Explained, Problem, RuleUse, Trial, Verdict};
use leptos::prelude::*;
use serde_json::json;
use tidegate_filter::{RuleError, TokenKind, rule_tokens};

/// The page.
pub(crate) fn page(asked: &Asked, outcome: &Result<Trial, Problem>) -> TriedOut {
    let summary = match outcome {
        Ok(trial) => totals(trial),
        Err(Problem::Tables(text)) => text.clone(),
        Err(Problem::Rule(error)) => fault_text(error),
    };
    TriedOut {
        fields: html(|| fields(asked)),
        notes: html(|| notes(asked, outcome)),
        answer: html(|| answer(asked, outcome)),
        summary,
    }
}

fn fields(asked: &Asked) -> AnyView {
    let help = view! {
        "One a line; the last one that matches decides. " <code>"shop.*"</code> ", " <code>"*.orders_?"</code> ", "
        <code>"/^log_[0-9]+$/.*"</code> "; " <code>"!shop.tmp_*"</code> " leaves tables out, " <code>"#"</code>
        " switches a rule off."
    };
    let pasted = asked.pasted.clone();
    let has_pasted = !pasted.trim().is_empty();
    let rule = asked.rule.map(|rule| (rule + 1).to_string());
    let show = match asked.selected {
        Some(true) => "selected",
        Some(false) => "rest",
        None => "",
    };
    view! {
        <div class="grid grid-cols-[minmax(0,1fr)] gap-4">
            {lines("rules", "Table rules", "filter.rules", 8, asked.rules.join("\n"), help.into_any())}
            {check("case", "Upper and lower case differ", "Otherwise rules match names in any case.", asked.case_sensitive)}
            <div class="grid grid-cols-[minmax(0,1fr)] gap-4 sm:grid-cols-2">
                {text("name", "Test a name", "It need not exist yet.", "shop.orders", asked.name.clone())}
                {text("find", "Show only tables with", "Part of the name.", "orders", asked.find.clone())}
            </div>
            <details class="text-sm" open=has_pasted>
                <summary class="link w-fit cursor-pointer">"Use a list instead of the upstream's tables"</summary>
                <div class="mt-3">
                    {lines("tables", "Tables", "", 5, pasted, "One a line: schema.table. Empty: the tables of the upstream.".into_any())}
                </div>
            </details>
            <input type="hidden" name="rule" value=rule/>
            <input type="hidden" name="show" value=show/>
            <p class="unscripted">
                <button class="btn btn-primary" type="submit">
                    "Try"
                </button>
            </p>
        </div>
    }
    .into_any()
}

/// Below the fields: the rules one by one, and what to do with them.
fn notes(asked: &Asked, outcome: &Result<Trial, Problem>) -> AnyView {
    match outcome {
        Err(Problem::Rule(error)) => fault(asked, error),
        Err(Problem::Tables(_)) => ().into_any(),
        Ok(trial) => view! {
            {rule_list(asked, trial)}
            {take_along(asked)}
        }
        .into_any(),
    }
}

/// A rule that cannot be read, with a mark under the place.
fn fault(asked: &Asked, error: &RuleError) -> AnyView {
    let rule = asked.rules.get(error.rule).cloned().unwrap_or_default();
    let mark = format!("{}^", " ".repeat(error.column.saturating_sub(1)));
    view! {
        <div class="mt-4 rounded-card border border-failed bg-failed-fill p-3">
            {trouble("rules-fault", fault_text(error))}
            <pre class="mt-2 overflow-x-auto font-mono text-xs" tabindex="0" role="region" aria-label="Place of the fault">
                {rule}
                "\n"
                {mark}
            </pre>
        </div>
    }
    .into_any()
}

fn fault_text(error: &RuleError) -> String {
    format!(
        "Rule {}, column {}: {}.",
        error.rule + 1,
        error.column,
        error.problem
    )
}

fn rule_list(asked: &Asked, trial: &Trial) -> AnyView {
    if asked.rules.is_empty() {
        return view! { <p class="mt-4 text-sm text-ink-2">"Without a rule every table is selected."</p> }
            .into_any();
    }
    let rows: Vec<AnyView> = trial
        .rules
        .iter()
        .enumerate()
        .map(|(rule, used)| rule_row(asked, rule, used))
        .collect();
    view! {
        <section class="mt-6" aria-labelledby="rules-heading">
            <h2 id="rules-heading" class="mb-2 text-lg">
                "Rules"
            </h2>
            <ol class="card divide-y divide-line">{rows}</ol>
        </section>
    }
    .into_any()
}

fn rule_row(asked: &Asked, rule: usize, used: &RuleUse) -> AnyView {
    let number = rule + 1;
    let is_shown = asked.rule == Some(rule);
    let chosen = if is_shown {
        String::new()
    } else {
        number.to_string()
    };
    let (note, note_class) = match used {
        RuleUse { is_off: true, .. } => ("off".to_owned(), "text-xs text-ink-3"),
        RuleUse { matches: 0, .. } => (format!("Rule {number} matches nothing"), "text-xs text-warning"),
        RuleUse {
            decides: 0, matches, ..
        } => (
            format!(
                "matches {}, decides about none: later rules do",
                format::count(*matches, "table", "tables")
            ),
            "text-xs text-warning",
        ),
        RuleUse { matches, decides, .. } => (
            format!(
                "matches {}, decides about {decides}",
                format::count(*matches, "table", "tables")
            ),
            "text-xs text-ink-2",
        ),
    };
    let step = |name: String, rules: Vec<String>, glyph: Glyph, class: &'static str| {
        view! {
            <a class=class href=asked.address_with_rules(&rules) aria-label=name.clone() title=name>
                <Icon glyph/>
            </a>
        }
        .into_any()
    };
    const STEP: &str =
        "grid size-6 flex-none place-items-center rounded-[5px] text-ink-3 hover:bg-surface hover:text-ink";
    let switch = if used.is_off { "on" } else { "off" };
    view! {
        <li class="flex flex-wrap items-center gap-x-3 gap-y-1 px-3 py-2" data-chosen=is_shown.then_some("")>
            <span class="num w-5 text-xs text-ink-3">{number}</span>
            <span class="min-w-0 flex-1 basis-40">
                <a
                    class="block font-mono text-sm wrap-anywhere hover:underline"
                    href=asked.address("rule", &chosen)
                    aria-current=is_shown.then_some("true")
                    aria-label=format!("Tables of rule {number}: {}", asked.rules[rule])
                >
                    {coloured(&asked.rules[rule])}
                </a>
                <span class=note_class>{note}</span>
            </span>
            <span class="flex gap-1">
                <a class="btn" href=asked.address_with_rules(&asked.toggled(rule)) aria-label=format!("Turn rule {number} {switch}")>
                    {format!("Turn {switch}")}
                </a>
                {(rule > 0).then(|| step(format!("Move rule {number} up"), asked.lifted(rule), Glyph::Up, STEP))}
                {(number < asked.rules.len())
                    .then(|| step(format!("Move rule {number} down"), asked.lifted(rule + 1), Glyph::Down, STEP))}
            </span>
        </li>
    }
    .into_any()
}

fn coloured(rule: &str) -> Vec<AnyView> {
    let parts = rule_tokens(rule).into_iter().map(|(kind, text)| {
        let class = match kind {
            TokenKind::Comment => "text-ink-3",
            TokenKind::Not => "font-semibold text-failed",
            TokenKind::Name => "text-ink",
            TokenKind::Wild | TokenKind::Class => "text-accent",
            TokenKind::Regexp => "text-chart-3",
            TokenKind::Dot => "text-ink-3",
        };
        view! { <span class=class>{text.to_owned()}</span> }.into_any()
    });
    parts.collect()
}

/// What the rules are good for: a changefeed, a file, a request.
fn take_along(asked: &Asked) -> AnyView {
    let rules = asked.in_force();
    let config = json!({"case_sensitive": asked.case_sensitive, "filter": {"rules": rules}});
    let toml = toml::to_string(&tidegate_api::kebab_from_snake(config.clone())).unwrap_or_default();
    let json = serde_json::to_string_pretty(&json!({"replica_config": config})).unwrap_or_default();
    let body = json!({"rules": rules, "case_sensitive": asked.case_sensitive}).to_string();
    let curl = format!(
        "curl -X POST {SHELL_BASE}/api/tidegate/v1/filter/preview\" \\\n  -H 'Content-Type: application/json' -d '{}'",
        body.replace('\'', r"'\''")
    );
    let case = if asked.case_sensitive {
        "&case_sensitive=true"
    } else {
        ""
    };
    let create = format!(
        "/ui/changefeeds/new?rules={}{case}",
        format::query_escape(&rules.join("\n"))
    );
    view! {
        <section class="mt-6" aria-labelledby="use-heading">
            <h2 id="use-heading" class="mb-2 text-lg">
                "Use them"
            </h2>
            <p class="mb-3">
                <a class="btn" href=create>
                    <Icon glyph=Glyph::Plus/>
                    "Use in new changefeed"
                </a>
            </p>
            {folded("As TOML", "filter as TOML", toml)}
            {folded("As JSON", "filter as JSON", json)}
            {folded("From a shell", "curl command", curl)}
        </section>
    }
    .into_any()
}

fn folded(title: &'static str, what: &'static str, text: String) -> AnyView {
    view! {
        <details class="mb-2 text-sm">
            <summary class="link w-fit cursor-pointer">{title}</summary>
            <div class="mt-2">{code(what, text)}</div>
        </details>
    }
    .into_any()
}

fn totals(trial: &Trial) -> String {
    let tables = format::count(trial.total, "table", "tables");
    format!("{} of {tables} selected", trial.accepted)
}

fn answer(asked: &Asked, outcome: &Result<Trial, Problem>) -> AnyView {
    match outcome {
        Err(Problem::Rule(_)) => view! {
            <p class="text-sm text-ink-3">"The tables are shown once every rule can be read."</p>
        }
        .into_any(),
        Err(Problem::Tables(text)) => view! {
            <div class="card p-4">
                <h2 class="mb-2 text-lg">"There are no tables to try the rules on"</h2>
                {trouble("tables-fault", text.clone())}
                <p class="mt-2 text-sm text-ink-2">"Paste a list of tables to try the rules on them."</p>
            </div>
        }
        .into_any(),
        Ok(trial) => view! {
            {trial.explained.as_ref().map(|explained| explanation(asked, explained))}
            {tables(asked, trial)}
        }
        .into_any(),
    }
}

fn explanation(asked: &Asked, explained: &Explained) -> AnyView {
    let (verdict, exists) = match explained {
        Explained::Table { verdict, exists } => (verdict, *exists),
        Explained::NoName => {
            return view! {
                <section class="card mb-4 p-4" aria-label="Test of a name">
                    {trouble("name-fault", format!("{} is no table: write schema.table.", asked.name))}
                </section>
            }
            .into_any();
        }
    };
    let rules: Vec<AnyView> = asked
        .rules
        .iter()
        .enumerate()
        .filter(|(_, rule)| !rule.starts_with('#'))
        .map(|(number, rule)| hit(verdict, number, rule))
        .collect();
    let word = if verdict.accepted {
        "selected"
    } else {
        "not selected"
    };
    view! {
        <section class="card mb-4 p-4" aria-label="Test of a name">
            <div class="mb-2 flex flex-wrap items-center gap-2">
                <h2 class="min-w-0 font-mono text-sm font-semibold wrap-anywhere">
                    {names::join(&verdict.schema, &verdict.table)}
                </h2>
                {badge(verdict.accepted, word)}
                <a class="link ml-auto text-sm" href=asked.address("name", "")>
                    "Close"
                </a>
            </div>
            {(!exists).then(|| view! { <p class="mb-2 text-xs text-ink-3">"There is no such table now."</p> })}
            {(!verdict.note.is_empty()).then(|| view! { <p class="mb-2 text-xs text-warning">{verdict.note.clone()}</p> })}
            <ol class="grid gap-1">{rules}</ol>
        </section>
    }
    .into_any()
}

fn badge(accepted: bool, word: &'static str) -> AnyView {
    let (glyph, class) = match accepted {
        true => (Glyph::Check, "badge badge-normal"),
        false => (Glyph::Cross, "badge badge-stopped"),
    };
    view! {
        <span class=class>
            <Icon glyph/>
            {word}
        </span>
    }
    .into_any()
}

fn hit(verdict: &Verdict, rule: usize, text: &str) -> AnyView {
    let hits = verdict.matching.contains(&rule);
    let decides = verdict.matching.last() == Some(&rule);
    let word = match (hits, decides) {
        (_, true) => "matches and decides",
        (true, false) => "matches, a later rule decides",
        (false, _) => "does not match",
    };
    let class = if decides {
        "text-xs font-medium text-ink"
    } else {
        "text-xs text-ink-3"
    };
    view! {
        <li class="flex flex-wrap items-baseline gap-x-3">
            <span class="num w-5 text-xs text-ink-3">{rule + 1}</span>
            <span class="min-w-0 flex-1 basis-32 font-mono text-xs wrap-anywhere">{coloured(text)}</span>
            <span class=class>{word}</span>
        </li>
    }
    .into_any()
}

fn tables(asked: &Asked, trial: &Trial) -> AnyView {
    let chip = |value: &'static str, name: &'static str, count: usize| {
        let now = match asked.selected {
            Some(true) => "selected",
            Some(false) => "rest",
            None => "",
        };
        view! {
            <li>
                <a class="chip" href=asked.address("show", value) aria-current=(now == value).then_some("true")>
                    {name}
                    <span class="num text-ink-3">{count}</span>
                </a>
            </li>
        }
    };
    let rows: Vec<AnyView> = trial
        .shown
        .iter()
        .map(|verdict| table_row(asked, verdict))
        .collect();
    let of_rule = asked.rule.map(|rule| {
        view! {
            <p class="mb-2 text-sm">
                {format!("Only tables that rule {} matches. ", rule + 1)}
                <a class="link" href=asked.address("rule", "")>
                    "Show all"
                </a>
            </p>
        }
    });
    let rest = trial.matching - trial.shown.len();
    let is_empty = rows.is_empty();
    view! {
        <section aria-labelledby="tables-heading">
            <h2 id="tables-heading" class="mb-2 text-lg">
                {totals(trial)}
            </h2>
            <ul aria-label="Which tables are shown" class="mb-2 flex flex-wrap gap-1.5">
                {chip("", "all", trial.total)} {chip("selected", "selected", trial.accepted)}
                {chip("rest", "not selected", trial.total - trial.accepted)}
            </ul>
            {of_rule}
            {is_empty.then(|| view! { <p class="card p-4 text-sm text-ink-2">"No table is like this."</p> })}
            <ul class="card divide-y divide-line" aria-label="Tables" hidden=is_empty>
                {rows}
            </ul>
            {(rest > 0)
                .then(|| {
                    let text = format!("{} more: narrow them down by a part of the name.", format::count(rest, "table", "tables"));
                    view! { <p class="mt-2 text-xs text-ink-3">{text}</p> }
                })}
        </section>
    }
    .into_any()
}

fn table_row(asked: &Asked, verdict: &Verdict) -> AnyView {
    let name = names::join(&verdict.schema, &verdict.table);
    let decided = match verdict.matching.last() {
        Some(rule) => format!("rule {}", rule + 1),
        None => "no rule".to_owned(),
    };
    let (glyph, word, class) = match verdict.accepted {
        true => (Glyph::Check, "selected", "flex items-center gap-2 px-3 py-1.5"),
        false => (
            Glyph::Cross,
            "not selected",
            "flex items-center gap-2 px-3 py-1.5 text-ink-3",
        ),
    };
    view! {
        <li class=class>
            <Icon glyph/>
            <span class="sr-only">{word}</span>
            <span class="min-w-0 flex-1">
                <a class="font-mono text-xs wrap-anywhere hover:underline" href=asked.address("name", &name)>
                    {name.clone()}
                </a>
                {(!verdict.note.is_empty())
                    .then(|| view! { <span class="block text-xs text-warning">{verdict.note.clone()}</span> })}
            </span>
            <span class="flex-none text-xs text-ink-3">{decided}</span>
        </li>
    }
    .into_any()
}
