//! The table of settings in the order and the words of the form.

use serde_json::Value;
use tidegate_api::{Kind, Rule, Scheme, Setting, Support, default_config, settings};

use super::setting::{FieldKind, SettingField, SettingGroup, Step};
use super::text::is_secret;

/// Fields that the form has a place of their own for.
pub(super) const OWN: [&str; 4] = [
    "filter.rules",
    "case_sensitive",
    "force_replicate",
    "ignore_ineligible_table",
];

/// Heading of the settings at the top level of `sink`, and of those at the very top.
const FORMAT: &str = "Format and transactions";
const GENERAL: &str = "General";
const TITLES: [(&str, &str); 17] = [
    ("filter", "Transactions"),
    ("filter.event_filters", "Event filters"),
    ("sink", FORMAT),
    ("sink.csv", "CSV"),
    ("sink.mysql_config", "MySQL, MariaDB and TiDB"),
    ("sink.cloud_storage_config", "Files and object storage"),
    ("sink.dispatchers", "Dispatchers"),
    ("sink.column_selectors", "Column selectors"),
    ("sink.kafka_config", "Kafka"),
    ("sink.pulsar_config", "Pulsar"),
    ("sink.debezium", "Debezium"),
    ("sink.open", "Open protocol"),
    ("consistent", "Redo log"),
    ("scheduler", "Scheduler"),
    ("integrity", "Checksums of rows"),
    ("synced_status", "When a changefeed counts as synced"),
    ("mounter", "Decoding"),
];

/// All settings but those of [`OWN`], by group.
pub(crate) fn groups() -> Vec<SettingGroup> {
    let defaults = default_config();
    let mut groups: Vec<(&str, SettingGroup)> = Vec::new();
    for setting in settings() {
        let is_whole = matches!(setting.kind, Kind::Object | Kind::Objects) && has_members(setting.path);
        if is_whole || OWN.contains(&setting.path) {
            continue;
        }
        let place = place_of(setting.path);
        let at = groups
            .iter()
            .position(|(known, _)| *known == place)
            .unwrap_or_else(|| {
                groups.push((place, group(place, setting.path)));
                groups.len() - 1
            });
        let group = &mut groups[at].1;
        note_sinks(group, setting);
        group.fields.push(field(setting, &defaults));
    }
    let mut groups: Vec<SettingGroup> = groups.into_iter().map(|(_, group)| group).collect();
    for group in &mut groups {
        if group.sinks.len() == SINKS.len() {
            group.sinks.clear();
        }
    }
    // Stable: within a step the order of the table stays.
    groups.sort_by_key(|group| match group.step {
        Step::Events => 0,
        Step::Delivery => 1,
        Step::Advanced => 2,
    });
    groups
}

/// Whether the form has a field, or a list of fields, of this name.
pub(super) fn is_field(name: &str) -> bool {
    let pattern: Vec<&str> = name.split('.').collect();
    settings().any(|setting| {
        let whole = setting.path == name && (setting.kind == Kind::Objects || !has_members(name));
        whole || is_item(setting.path, &pattern)
    })
}

/// Whether `names`, with numbers for items of lists, is the setting at `path`.
fn is_item(path: &str, names: &[&str]) -> bool {
    let Some((list, member)) = path.split_once("[].") else {
        return false;
    };
    let list: Vec<&str> = list.split('.').collect();
    names.len() == list.len() + 2
        && names.starts_with(&list)
        && names[list.len()].bytes().all(|byte| byte.is_ascii_digit())
        && names[list.len() + 1] == member
}

fn has_members(path: &str) -> bool {
    settings().any(|setting| {
        let rest = setting.path.strip_prefix(path);
        rest.is_some_and(|rest| rest.starts_with('.') || rest.starts_with("[]."))
    })
}

/// The object or list that a setting stands in; below `sink`, two levels deep at most.
fn place_of(path: &'static str) -> &'static str {
    if let Some((list, _)) = path.split_once("[].") {
        return list;
    }
    // What is refused as a whole has no members in the table.
    if path == "sink.pulsar_config" {
        return path;
    }
    let levels = if path.starts_with("sink.") { 2 } else { 1 };
    let dots: Vec<usize> = path.match_indices('.').map(|(at, _)| at).take(levels).collect();
    dots.last().map_or("", |end| &path[..*end])
}

fn group(place: &str, path: &str) -> SettingGroup {
    let title = TITLES.iter().find(|(known, _)| *known == place);
    let title = title.map_or(if place.is_empty() { GENERAL } else { place }, |(_, title)| {
        *title
    });
    let step = match place.split('.').next().unwrap_or_default() {
        "filter" => Step::Events,
        "sink" if place == "sink.dispatchers" || place == "sink.column_selectors" => Step::Events,
        "sink" => Step::Delivery,
        _ => Step::Advanced,
    };
    SettingGroup {
        step,
        title: title.to_owned(),
        sinks: Vec::new(),
        list: path.contains("[].").then(|| place.to_owned()),
        fields: Vec::new(),
    }
}

/// The kinds of sinks as [`crate::app::changefeed_new::sink_kind`] calls them, each with a scheme that stands for it.
const SINKS: [(&str, Scheme); 4] = [
    ("database", Scheme::Mysql),
    ("storage", Scheme::File),
    ("kafka", Scheme::Kafka),
    ("pulsar", Scheme::Pulsar),
];

fn note_sinks(group: &mut SettingGroup, setting: &Setting) {
    for (kind, scheme) in SINKS {
        if setting.sinks.has(scheme) && !group.sinks.contains(&kind) {
            group.sinks.push(kind);
        }
    }
}

fn field(setting: &Setting, defaults: &Value) -> SettingField {
    let (options, rule) = words(setting.rule);
    let (off, note) = match setting.support {
        Support::Built => (None, None),
        Support::Refused(why) => (Some(why.to_owned()), None),
        Support::NoEffect(why) => (None, Some(why)),
    };
    let help = [
        Some(setting.about.to_owned()),
        rule.map(|rule| format!("Allowed: {rule}.")),
        setting
            .parameter
            .map(|parameter| format!("{parameter} in the sink URI wins.")),
        note.map(|why| format!("It changes nothing here: {why}.")),
    ];
    let name = setting
        .path
        .rsplit_once("[].")
        .map_or(setting.path, |(_, name)| name);
    SettingField {
        path: name.to_owned(),
        kind: kind(setting),
        options,
        default: default_text(setting, defaults),
        help: help.into_iter().flatten().collect::<Vec<_>>().join(" "),
        off,
    }
}

fn kind(setting: &Setting) -> FieldKind {
    let name = setting.path.rsplit('.').next().unwrap_or_default();
    match setting.kind {
        Kind::Flag => FieldKind::Flag,
        Kind::Texts | Kind::Numbers => FieldKind::Lines,
        Kind::Text if is_secret(name) => FieldKind::Secret,
        _ => FieldKind::Line,
    }
}

/// The words to choose from, or what else the rule says.
fn words(rule: Rule) -> (Vec<String>, Option<String>) {
    match rule {
        Rule::OneOf(words) | Rule::OneOfAnyCase(words) => {
            let words = words.iter().filter(|word| !word.is_empty());
            (words.map(|word| (*word).to_owned()).collect(), None)
        }
        Rule::Any => (Vec::new(), None),
        Rule::Min(min) => (Vec::new(), Some(format!("at least {min}"))),
        Rule::MinDuration(min) => (Vec::new(), Some(format!("at least {min}"))),
        Rule::Cut(min, max) => (Vec::new(), Some(format!("at least {min}, cut at {max}"))),
        Rule::Clamped(min, max) => (Vec::new(), Some(format!("brought into {min} to {max}"))),
        Rule::OrElse(min, max, other) => (Vec::new(), Some(format!("{min} to {max}, else {other}"))),
        Rule::Said(said) => (Vec::new(), Some(said.to_owned())),
    }
}

pub(super) fn default_text(setting: &Setting, defaults: &Value) -> String {
    if let Some(unset) = setting.unset {
        return unset.to_owned();
    }
    match setting.value_in(defaults) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) if items.is_empty() => String::new(),
        Some(value) if setting.kind == Kind::Duration => super::values::duration_text(value),
        Some(value) => value.to_string(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_a_place_in_the_form() {
        let groups = groups();
        for setting in settings() {
            let shown = groups.iter().any(|group| {
                group.fields.iter().any(|field| match &group.list {
                    Some(list) => format!("{list}[].{}", field.path) == setting.path,
                    None => field.path == setting.path,
                })
            });
            let whole = matches!(setting.kind, Kind::Object | Kind::Objects) && has_members(setting.path);
            assert!(
                shown != (whole || OWN.contains(&setting.path)),
                "{} is shown: {shown}",
                setting.path
            );
        }
    }

    #[test]
    fn groups_have_names_for_people() {
        for group in groups() {
            assert!(
                !group.title.contains('_') && !group.title.contains('.'),
                "{}",
                group.title
            );
        }
    }
}
