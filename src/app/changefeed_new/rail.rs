//! The parts of the form beside it, with the number of faults in each.

use crate::app::ui::field::Faults;
use leptos::prelude::*;

/// Place and title of each part.
const PARTS: [(&str, &str); 7] = [
    ("changefeed", "Changefeed"),
    ("sink", "Destination"),
    ("tables", "Tables"),
    ("events", "Events and columns"),
    ("delivery", "Delivery"),
    ("advanced", "Advanced"),
    ("review", "Review"),
];

/// Fields that have a label of their own, and the part that they stand in.
const OWN: [(&str, &str, &str); 17] = [
    ("id", "Changefeed id", "changefeed"),
    ("namespace", "Namespace", "changefeed"),
    ("start", "Start", "changefeed"),
    ("start_time", "Start time", "changefeed"),
    ("start_tso", "Start TSO", "changefeed"),
    ("target", "Target", "changefeed"),
    ("target_time", "Target time", "changefeed"),
    ("target_tso", "Target TSO", "changefeed"),
    ("resume_time", "Resume time", "review"),
    ("resume_tso", "Resume TSO", "review"),
    ("sink_uri", "Sink URI", "sink"),
    ("sink_password", "Password", "sink"),
    ("rules", "Table rules", "tables"),
    ("case_sensitive", "Upper and lower case differ", "tables"),
    (
        "ignore_ineligible_table",
        "Leave out tables without a key",
        "tables",
    ),
    (
        "force_replicate",
        "Copy tables without a key all the same",
        "tables",
    ),
    ("text", "Text", "review"),
];

/// Links to the parts.
#[component]
pub(super) fn Rail(faults: Faults) -> impl IntoView {
    let links = PARTS
        .iter()
        .map(|(part, title)| {
            let count = move || {
                faults.with(|error| {
                    let faults = error.iter().flat_map(|error| &error.fields);
                    faults.filter(|fault| part_of(&fault.field) == *part).count()
                })
            };
            let note = move || match count() {
                0 => String::new(),
                1 => "1 fault".to_owned(),
                count => format!("{count} faults"),
            };
            view! {
                <li>
                    <a
                        class="flex min-h-8 items-center justify-between gap-2 rounded-[6px] px-2 py-1 text-sm hover:bg-surface"
                        href=format!("#{part}")
                        rel="external"
                    >
                        {*title} <span class="text-xs font-medium text-failed">{note}</span>
                    </a>
                </li>
            }
        })
        .collect_view();
    view! {
        <nav aria-label="Parts of the form" class="mb-4 min-w-0 lg:sticky lg:top-20 lg:self-start">
            <ol class="flex flex-wrap gap-x-1 lg:grid">{links}</ol>
        </nav>
    }
    .into_any()
}

/// What a field is called in a list of faults.
pub(super) fn title_of(field: &str) -> String {
    let own = OWN.iter().find(|(name, ..)| *name == field);
    own.map_or_else(|| field.to_owned(), |(_, title, _)| (*title).to_owned())
}

/// Whether a field is one of those that the server makes from the table of settings.
pub(crate) fn is_setting(field: &str) -> bool {
    !field.is_empty() && OWN.iter().all(|(name, ..)| *name != field)
}

/// The part that a field stands in.
fn part_of(field: &str) -> &'static str {
    if let Some((.., part)) = OWN.iter().find(|(name, ..)| *name == field) {
        return part;
    }
    let below = |places: &[&str]| places.iter().any(|place| field.starts_with(place));
    if below(&["filter.", "sink.dispatchers", "sink.column_selectors"]) {
        "events"
    } else if below(&["sink."]) {
        "delivery"
    } else if field.is_empty() {
        "review"
    } else {
        "advanced"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_stands_in_a_part() {
        for (field, part) in [
            ("rules", "tables"),
            ("filter.event_filters.0.matcher", "events"),
            ("sink.column_selectors", "events"),
            ("sink.csv.quote", "delivery"),
            ("memory_quota", "advanced"),
            ("", "review"),
        ] {
            assert_eq!(part_of(field), part, "{field}");
        }
        assert!(
            OWN.iter()
                .all(|(.., part)| PARTS.iter().any(|(known, _)| known == part))
        );
    }
}
