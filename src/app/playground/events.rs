//! The playground for event filters.

use crate::app::ui::html::{code, html, trouble};
use crate::app::ui::icon::{Glyph, Icon};
use crate::fns::playground::TriedOut;
use crate::fns::playground::events::{
    Asked, EXPRESSION_FIELDS, EXPRESSIONS, Entry, Fate, Picked, Said, Sample, Statement, Trial, Verdict,
    cell_field, cell_id, entry_field, stands_for,
};
use leptos::prelude::*;
use serde_json::{Map, Value, json};
use tidegate_filter::event_names;
use tidegate_model::{ColumnInfo, RowOp, TableInfo};

/// Tables in the list to pick from; with more, the name is typed.
const LISTED_MAX: usize = 300;

/// What the expressions look at.
const EXPRESSION_LABELS: [&str; 4] = [
    "Drop inserts where the new row",
    "Drop updates where the old row",
    "Drop updates where the new row",
    "Drop deletes where the old row",
];

/// The page.
pub(crate) fn page(asked: &Asked, picked: &Picked, tables: &[String], trial: &Trial) -> TriedOut {
    TriedOut {
        fields: html(|| fields(asked, picked, tables, trial)),
        notes: html(|| take_along(asked)),
        answer: html(|| answer(picked, trial)),
        summary: summary(trial),
    }
}

fn summary(trial: &Trial) -> String {
    let faults = trial
        .faults
        .iter()
        .map(|fault| format!("{}: {}", fault.place, fault.problem));
    let statement = match &trial.statement {
        Some(Statement::Ddl { verdicts, .. }) => &verdicts[..],
        _ => &[],
    };
    let verdicts = trial.rows.iter().chain(statement);
    let verdicts = verdicts.map(|verdict| format!("{} {}", verdict.title, word(verdict.fate)));
    faults.chain(verdicts).collect::<Vec<_>>().join("; ")
}

fn fields(asked: &Asked, picked: &Picked, tables: &[String], trial: &Trial) -> AnyView {
    let entries: Vec<AnyView> = asked
        .entries
        .iter()
        .enumerate()
        .map(|(number, entry)| entry_fields(number, entry, trial))
        .collect();
    let samples = match picked {
        Picked::Table(table) => samples(asked, table),
        _ => view! { <p class="text-sm text-ink-3">"Pick a table: sample rows have its columns."</p> }
            .into_any(),
    };
    view! {
        <div class="grid grid-cols-[minmax(0,1fr)] gap-4">
            {table_field(asked, tables)} {entries}
            <input type="hidden" name="filters" value=asked.entries.len().to_string()/>
            <p>
                <button class="btn" type="submit" name="do" value="add filter">
                    <Icon glyph=Glyph::Plus/>
                    "Add filter"
                </button>
            </p>
            {samples}
            <div class="min-w-0">
                <label for="ddl" class="mb-1 block text-sm font-medium">
                    "A statement"
                </label>
                <textarea class="input font-mono" id="ddl" name="ddl" rows="2" spellcheck="false" autocapitalize="none" aria-describedby="ddl-help">
                    {format!("\n{}", asked.ddl)}
                </textarea>
                <p id="ddl-help" class="mt-1 text-xs text-ink-3">
                    "Such as " <code>"ALTER TABLE shop.orders ADD COLUMN note TEXT"</code>
                    ". Names without a schema belong to that of the table."
                </p>
            </div>
            <datalist id="event-names">
                {event_names().map(|name| view! { <option value=name></option> }).collect_view()}
            </datalist>
            <p class="unscripted">
                <button class="btn btn-primary" type="submit">
                    "Try"
                </button>
            </p>
        </div>
    }
    .into_any()
}

fn table_field(asked: &Asked, tables: &[String]) -> AnyView {
    let field = if tables.len() > LISTED_MAX {
        view! {
            <div class="flex gap-2">
                <input
                    class="input"
                    type="text"
                    id="table"
                    name="table"
                    value=asked.table.clone()
                    placeholder="shop.orders"
                    autocomplete="off"
                    autocapitalize="none"
                    spellcheck="false"
                    aria-describedby="table-help"
                />
                <button class="btn" type="submit">
                    "Load columns"
                </button>
            </div>
        }
        .into_any()
    } else {
        let known = tables.contains(&asked.table);
        let other = (!known && !asked.table.is_empty()).then(|| asked.table.clone());
        let options = tables.iter().cloned().chain(other).map(|name| {
            view! { <option value=name.clone() selected=name == asked.table>{name.clone()}</option> }
        });
        view! {
            <select class="input" id="table" name="table" data-leads="" aria-describedby="table-help">
                <option value="">"No table"</option>
                {options.collect_view()}
            </select>
        }
        .into_any()
    };
    view! {
        <div class="min-w-0">
            <label for="table" class="mb-1 block text-sm font-medium">
                "Table"
            </label>
            {field}
            <p id="table-help" class="mt-1 text-xs text-ink-3">
                "Its columns and types are those of the upstream now."
            </p>
        </div>
    }
    .into_any()
}

fn entry_fields(number: usize, entry: &Entry, trial: &Trial) -> AnyView {
    let field =
        |name: &str, label: &'static str, key: &'static str, placeholder: &'static str, value: String| {
            one_line(entry_field(number, name), label, key, placeholder, value, "")
        };
    let expressions: Vec<AnyView> = EXPRESSION_FIELDS
        .iter()
        .enumerate()
        .map(|(place, name)| {
            let value = entry.expressions[place].clone();
            field(
                name,
                EXPRESSION_LABELS[place],
                EXPRESSIONS[place],
                "price > 100",
                value,
            )
        })
        .collect();
    let matching = match trial.matching.contains(&number) {
        true => "It applies to the table.",
        false => "",
    };
    let id = entry_field(number, "event");
    let sql = entry_field(number, "sql");
    view! {
        <fieldset class="card min-w-0 p-4">
            <legend class="float-left w-full text-base font-semibold">{format!("Filter {}", number + 1)}</legend>
            <p class="clear-both mb-3 text-xs text-ink-3">{matching}</p>
            <div class="grid grid-cols-[minmax(0,1fr)] gap-3">
                {many_lines(entry_field(number, "matcher"), "Tables", "matcher", "shop.*", entry.matcher.join("\n"))}
                {one_line(id, "Drop events", "ignore_event", "delete, truncate table", entry.ignore_event.join(", "), "event-names")}
                {many_lines(sql, "Drop statements with", "ignore_sql", "^drop table", entry.ignore_sql.join("\n"))}
                {expressions}
                <p>
                    <button class="btn" type="submit" name="do" value=format!("drop {number}")>
                        {format!("Remove filter {}", number + 1)}
                    </button>
                </p>
            </div>
        </fieldset>
    }
    .into_any()
}

fn label(id: &str, label: &'static str, key: &'static str) -> AnyView {
    view! {
        <label for=id.to_owned() class="mb-1 flex flex-wrap items-baseline gap-x-2 text-sm font-medium">
            {label} " " <code class="text-xs font-normal text-ink-3">{key}</code>
        </label>
    }
    .into_any()
}

fn one_line(
    id: String,
    text: &'static str,
    key: &'static str,
    placeholder: &'static str,
    value: String,
    list: &'static str,
) -> AnyView {
    view! {
        <div class="min-w-0">
            {label(&id, text, key)}
            <input
                class="input font-mono"
                type="text"
                id=id.clone()
                name=id.clone()
                value=value
                placeholder=placeholder
                list=(!list.is_empty()).then_some(list)
                autocomplete="off"
                autocapitalize="none"
                spellcheck="false"
                aria-describedby=format!("{id}-fault")
            />
        </div>
    }
    .into_any()
}

fn many_lines(
    id: String,
    text: &'static str,
    key: &'static str,
    placeholder: &'static str,
    value: String,
) -> AnyView {
    view! {
        <div class="min-w-0">
            {label(&id, text, key)}
            <textarea
                class="input font-mono"
                id=id.clone()
                name=id.clone()
                rows="2"
                placeholder=placeholder
                spellcheck="false"
                autocapitalize="none"
                aria-describedby=format!("{id}-fault")
            >
                {format!("\n{value}")}
            </textarea>
        </div>
    }
    .into_any()
}

fn samples(asked: &Asked, table: &TableInfo) -> AnyView {
    let rows: Vec<AnyView> = asked
        .samples
        .iter()
        .enumerate()
        .map(|(number, sample)| sample_fields(number, sample, table))
        .collect();
    view! {
        <section class="grid grid-cols-[minmax(0,1fr)] gap-3" aria-labelledby="samples-heading">
            <h2 id="samples-heading" class="text-lg">
                "Sample rows"
            </h2>
            <p class="text-xs text-ink-3">
                "An empty cell is what stands grey in it; " <code>"NULL"</code> " is NULL, " <code>"'NULL'"</code>
                " and " <code>"''"</code> " are texts. TIMESTAMP values are times of the server's zone."
            </p>
            {rows}
            <input type="hidden" name="rows" value=asked.samples.len().to_string()/>
            <p>
                <button class="btn" type="submit" name="do" value="add row">
                    <Icon glyph=Glyph::Plus/>
                    "Add row"
                </button>
            </p>
        </section>
    }
    .into_any()
}

fn sample_fields(number: usize, sample: &Sample, table: &TableInfo) -> AnyView {
    let op = format!("r{number}.op");
    let ops = [
        (RowOp::Insert, "insert"),
        (RowOp::Update, "update"),
        (RowOp::Delete, "delete"),
    ];
    let options = ops.map(|(op, word)| view! { <option value=word selected=op == sample.op>{word}</option> });
    let old = (sample.op != RowOp::Insert).then(|| cells(number, "o", "Old row", &sample.old, table));
    let new = (sample.op != RowOp::Delete).then(|| cells(number, "n", "New row", &sample.new, table));
    view! {
        <fieldset class="card min-w-0 p-4">
            <legend class="sr-only">{format!("Row {}", number + 1)}</legend>
            <div class="mb-3 flex flex-wrap items-center gap-3">
                <label for=op.clone() class="text-sm font-semibold">
                    {format!("Row {}", number + 1)}
                </label>
                <select class="input !w-28" id=op.clone() name=op.clone() data-leads="">
                    {options}
                </select>
                <button class="btn ml-auto" type="submit" name="do" value=format!("cut {number}")>
                    {format!("Remove row {}", number + 1)}
                </button>
            </div>
            {old} {new}
        </fieldset>
    }
    .into_any()
}

fn cells(
    number: usize,
    image: &'static str,
    title: &'static str,
    values: &[String],
    table: &TableInfo,
) -> AnyView {
    let cells: Vec<AnyView> = table
        .columns
        .iter()
        .zip(values)
        .enumerate()
        .map(|(index, (column, value))| {
            let name = cell_field(number, image, &column.name);
            cell(cell_id(number, image, index), name, column, value.clone())
        })
        .collect();
    view! {
        <div role="group" aria-label=title class="mb-2">
            <p class="label mb-1">{title}</p>
            <div class="grid grid-cols-[repeat(auto-fill,minmax(9.5rem,1fr))] gap-2">{cells}</div>
        </div>
    }
    .into_any()
}

fn cell(id: String, name: String, column: &ColumnInfo, value: String) -> AnyView {
    let unsigned = if column.unsigned { " unsigned" } else { "" };
    view! {
        <div class="min-w-0">
            <label for=id.clone() class="block truncate text-xs">
                <span class="font-mono">{column.name.to_string()}</span>
                <span class="ml-1 text-ink-3">{format!("{}{unsigned}", column.ty.sql_name())}</span>
            </label>
            <input
                class="input font-mono"
                type="text"
                id=id.clone()
                name=name
                value=value
                placeholder=stands_for(column)
                autocomplete="off"
                autocapitalize="none"
                spellcheck="false"
                aria-describedby=format!("{id}-fault")
            />
        </div>
    }
    .into_any()
}

/// The filters as a configuration.
fn take_along(asked: &Asked) -> AnyView {
    let filters: Vec<Value> = asked.entries.iter().map(entry_json).collect();
    let config = json!({"filter": {"event_filters": filters}});
    let toml = toml::to_string(&tidegate_api::kebab_from_snake(config.clone())).unwrap_or_default();
    let json = serde_json::to_string_pretty(&json!({"replica_config": config})).unwrap_or_default();
    let folded = |title: &'static str, what: &'static str, text: String| {
        view! {
            <details class="mb-2 text-sm">
                <summary class="link w-fit cursor-pointer">{title}</summary>
                <div class="mt-2">{code(what, text)}</div>
            </details>
        }
    };
    view! {
        <section class="mt-6" aria-labelledby="use-heading">
            <h2 id="use-heading" class="mb-2 text-lg">
                "Use them"
            </h2>
            {folded("As TOML", "filters as TOML", toml)} {folded("As JSON", "filters as JSON", json)}
        </section>
    }
    .into_any()
}

/// Only what was typed.
fn entry_json(entry: &Entry) -> Value {
    let mut members = Map::new();
    for (name, list) in [
        ("matcher", &entry.matcher),
        ("ignore_event", &entry.ignore_event),
        ("ignore_sql", &entry.ignore_sql),
    ] {
        if !list.is_empty() {
            members.insert(name.to_owned(), json!(list));
        }
    }
    for (name, text) in EXPRESSIONS.iter().zip(&entry.expressions) {
        if !text.is_empty() {
            members.insert((*name).to_owned(), json!(text));
        }
    }
    Value::Object(members)
}

fn answer(picked: &Picked, trial: &Trial) -> AnyView {
    let unusable = match picked {
        Picked::Unusable(text) => Some(trouble("table-fault", text.clone())),
        _ => None,
    };
    let faults = (!trial.faults.is_empty()).then(|| fault_list(trial));
    let rows: Vec<AnyView> = trial.rows.iter().map(verdict).collect();
    let applies = match picked {
        Picked::Table(_) if trial.matching.is_empty() => Some(
            view! { <p class="mb-4 text-sm text-ink-2">"No filter applies to this table: every row is kept."</p> },
        ),
        _ => None,
    };
    view! {
        <section aria-labelledby="answer-heading">
            <h2 id="answer-heading" class="mb-2 text-lg">
                "What happens"
            </h2>
            {unusable} {faults} {applies} {rows} {trial.statement.as_ref().map(statement)}
        </section>
    }
    .into_any()
}

fn fault_list(trial: &Trial) -> AnyView {
    let faults: Vec<AnyView> = trial
        .faults
        .iter()
        .map(|fault| {
            view! {
                <li id=format!("{}-fault", fault.field) class="wrap-anywhere">
                    <a class="font-medium text-failed underline underline-offset-3" href=format!("#{}", fault.field) rel="external">
                        {fault.place.clone()}
                    </a>
                    ": "
                    {fault.problem.clone()}
                </li>
            }
            .into_any()
        })
        .collect();
    view! {
        <div class="mb-4 rounded-card border border-failed bg-failed-fill p-3 text-sm">
            <ul class="grid gap-1">{faults}</ul>
        </div>
    }
    .into_any()
}

/// What becomes of an event, in a word.
const fn word(fate: Fate) -> &'static str {
    match fate {
        Fate::Kept => "kept",
        Fate::Dropped => "dropped",
        Fate::OnlyDelete => "only the delete is kept",
        Fate::OnlyInsert => "only the insert is kept",
        Fate::Failed => "the changefeed fails",
        Fate::Unknown => "not tried",
    }
}

fn verdict(verdict: &Verdict) -> AnyView {
    let (glyph, class) = match verdict.fate {
        Fate::Kept => (Glyph::Check, "badge badge-normal"),
        Fate::Dropped => (Glyph::Bin, "badge badge-stopped"),
        Fate::OnlyDelete | Fate::OnlyInsert => (Glyph::Retry, "badge badge-warning"),
        Fate::Failed => (Glyph::Cross, "badge badge-failed"),
        Fate::Unknown => (Glyph::Cross, "badge badge-removed"),
    };
    let said: Vec<AnyView> = verdict.said.iter().map(said).collect();
    view! {
        <div class="card mb-3 p-3" role="group" aria-label=verdict.title.clone()>
            <div class="flex flex-wrap items-center gap-2">
                <h3 class="min-w-0 text-sm wrap-anywhere">{verdict.title.clone()}</h3>
                <span class=class>
                    <Icon glyph/>
                    {word(verdict.fate)}
                </span>
            </div>
            <ul class="mt-2 grid gap-1 text-xs">{said}</ul>
        </div>
    }
    .into_any()
}

fn said(said: &Said) -> AnyView {
    let (word, class) = match (said.problem.is_empty(), said.drops) {
        (false, _) => (format!("no result: {}", said.problem), "text-failed"),
        (true, true) => ("drops it".to_owned(), "font-medium text-ink"),
        (true, false) => ("does not".to_owned(), "text-ink-3"),
    };
    view! {
        <li class="flex flex-wrap items-baseline gap-x-2">
            <span>{format!("Filter {}, {}", said.entry + 1, said.member)}</span>
            <code class="min-w-0 wrap-anywhere text-ink-2">{said.text.clone()}</code>
            <span class=class>{word}</span>
        </li>
    }
    .into_any()
}

fn statement(statement: &Statement) -> AnyView {
    match statement {
        Statement::NoDdl(text) => view! {
            <div class="card mb-3 p-3">
                <h3 class="text-sm">"The statement is no schema change"</h3>
                <p class="mt-1 text-xs text-ink-2">{text.clone()}</p>
            </div>
        }
        .into_any(),
        Statement::Ddl { event, verdicts } => {
            let verdicts: Vec<AnyView> = verdicts.iter().map(verdict).collect();
            view! {
                <p class="mb-2 text-sm">
                    "The statement is the event " <code>{*event}</code> "."
                </p>
                {verdicts}
            }
            .into_any()
        }
    }
}
