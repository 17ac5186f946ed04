//! The reference of settings, made from the table.

use std::fmt::Write;

use serde_json::Value;
use tidegate_model::ErrorCode;

use super::{Kind, Rule, Setting, Sinks, Support, default_config, settings};

const HEAD: &str = "\
# Settings of a changefeed

Every member of `replica_config`. This page is made from the table that requests are checked with; do not edit it, run
`cargo xtask openapi`.

A *parameter* of the sink URI wins over the member. *Sinks* are those that look at the member; with another one it has
no effect. A member that is **refused** is accepted with its default only: anything else answers `CDC:ErrNotSupported`.
The *code* is that of a value that is not allowed.
";
const TABLE: &str = "\
| Member | Type | Default | Allowed | Parameter | Sinks | State | Meaning |
|---|---|---|---|---|---|---|---|
";

/// The page `docs/settings.md`.
pub fn settings_reference() -> String {
    let defaults = default_config();
    let mut sections: Vec<(&str, String)> = Vec::new();
    for setting in settings() {
        let section = section_of(setting.path);
        let row = row(setting, &defaults);
        match sections.iter_mut().find(|(name, _)| *name == section) {
            Some((_, rows)) => rows.push_str(&row),
            None => sections.push((section, row)),
        }
    }
    let mut page = HEAD.to_owned();
    for (name, rows) in sections {
        let title = if name.is_empty() { "Top level" } else { name };
        write!(page, "\n## {title}\n\n{TABLE}{rows}").expect("a String takes any text");
    }
    page
}

/// The object a member belongs to; lists and single members stay with what holds them.
fn section_of(path: &str) -> &str {
    let own = path.split("[]").next().unwrap_or(path);
    own.rsplit_once('.').map_or("", |(object, _)| object)
}

fn row(setting: &Setting, defaults: &Value) -> String {
    let default = match (setting.default_value(defaults), setting.unset) {
        (Some(value), _) => format!("`{value}`"),
        (None, Some(unset)) => format!("unset: {unset}"),
        (None, None) => "unset".to_owned(),
    };
    let state = match setting.support {
        Support::Built => "built".to_owned(),
        Support::NoEffect(why) => format!("no effect: {why}"),
        Support::Refused(why) => format!("**refused**: {why}"),
    };
    let section = section_of(setting.path);
    let name = setting.path[section.len()..].trim_start_matches('.');
    format!(
        "| `{name}` | {} | {default} | {} | {} | {} | {state} | {} |\n",
        kind(setting.kind),
        allowed(setting),
        setting
            .parameter
            .map_or_else(String::new, |name| format!("`{name}`")),
        sinks(setting.sinks),
        setting.about,
    )
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Flag => "boolean",
        Kind::Number => "integer",
        Kind::Text => "text",
        Kind::Duration => "duration: nanoseconds or `10m`",
        Kind::DurationText => "duration text",
        Kind::Texts => "list of texts",
        Kind::Numbers => "list of integers",
        Kind::Objects => "list of objects",
        Kind::Object => "object",
    }
}

fn allowed(setting: &Setting) -> String {
    let code = setting.code;
    let words = |words: &[&str]| {
        let shown: Vec<String> = words
            .iter()
            .filter(|word| !word.is_empty())
            .map(|word| format!("`{word}`"))
            .collect();
        shown.join(", ")
    };
    match setting.rule {
        Rule::Any => String::new(),
        Rule::OneOf(all) => format!("{}; `{code}`", words(all)),
        Rule::OneOfAnyCase(all) => format!("{} in any case; `{code}`", words(all)),
        Rule::Min(min) => format!("at least {min}; `{code}`"),
        Rule::MinDuration(min) => format!("at least {min}; `{code}`"),
        Rule::Cut(min, max) => format!("at least {min} (`{code}`), cut at {max}"),
        Rule::Clamped(min, max) => format!("brought into {min} to {max}"),
        Rule::OrElse(min, max, other) => format!("{min} to {max}, else {other}"),
        // What is adjusted has no code of its own.
        Rule::Said(said) if code == ErrorCode::InvalidReplicaConfig => said.to_owned(),
        Rule::Said(said) => format!("{said}; `{code}`"),
    }
}

fn sinks(sinks: Sinks) -> &'static str {
    match sinks {
        Sinks::DATABASE => "database",
        Sinks::STORAGE => "storage",
        Sinks::KAFKA => "kafka",
        Sinks::PULSAR => "pulsar",
        Sinks::QUEUE => "queue",
        Sinks::FORMATTED => "storage, queue",
        Sinks::NOT_QUEUE => "database, storage",
        _ => "all",
    }
}
