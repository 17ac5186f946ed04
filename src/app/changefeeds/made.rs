//! Parts of the list that only the server makes.

use crate::app::changefeeds::columns_of;
use crate::app::format;
use crate::app::ui::html::html;
use crate::app::ui::icon::{Glyph, Icon};
use crate::fns::choice::{Column, Sort};
use crate::fns::data::{FeedPage, ListParts};
use crate::fns::list::{FILTERS, LIST, Wanted};
use crate::fns::query::Query;
use leptos::prelude::*;

/// Lags that can be chosen, in seconds.
const LAGS_S: [u64; 5] = [10, 60, 600, 3_600, 86_400];

/// Everything around the rows.
pub(crate) fn parts(page: &FeedPage, wanted: &Wanted, schemes: &[String]) -> ListParts {
    ListParts {
        fields: html(|| fields(wanted, schemes)),
        columns: html(|| columns(wanted)),
        head: html(|| head(wanted)),
        bulk: html(|| bulk(page, wanted)),
        foot: html(|| foot(page, wanted)),
    }
}

fn hidden(query: &Query, names: &[&'static str]) -> Vec<AnyView> {
    let set = names.iter().filter(|name| !query.get(name).is_empty());
    set.map(|name| {
        let value = query.get(name).to_owned();
        view! { <input type="hidden" name=*name value=value/> }.into_any()
    })
    .collect()
}

fn fields(wanted: &Wanted, schemes: &[String]) -> AnyView {
    let option = |value: String, text: String, chosen: bool| {
        view! {
            <option value=value selected=chosen>
                {text}
            </option>
        }
    };
    let mut lags = LAGS_S.to_vec();
    lags.extend(wanted.lag_over_s.filter(|lag| !LAGS_S.contains(lag)));
    let lags: Vec<_> = lags
        .into_iter()
        .map(|lag| {
            let text = format!("Lag over {}", in_words(lag));
            option(lag.to_string(), text, wanted.lag_over_s == Some(lag))
        })
        .collect();
    let mut schemes = schemes.to_vec();
    if !wanted.scheme.is_empty() && !schemes.contains(&wanted.scheme) {
        schemes.push(wanted.scheme.clone());
    }
    let schemes: Vec<_> = schemes
        .into_iter()
        .map(|scheme| option(scheme.clone(), scheme.clone(), wanted.scheme == scheme))
        .collect();
    view! {
        {hidden(&wanted.query, &["state", "sort", "cols"])}
        <label class="sr-only" for="q">
            "Search id, sink or error code"
        </label>
        <input
            class="input md:max-w-80"
            id="q"
            name="q"
            type="search"
            placeholder="Search id, sink or error code"
            value=wanted.text.clone()
        />
        <select class="input !w-auto" name="scheme" aria-label="Kind of sink" data-leads="">
            <option value="">"Any sink"</option>
            {schemes}
        </select>
        <select class="input !w-auto" name="lag_gt" aria-label="Lag" data-leads="">
            <option value="">"Any lag"</option>
            {lags}
        </select>
        <button class="btn" type="submit">
            <Icon glyph=Glyph::Search/>
            "Search"
        </button>
        {wanted.is_filtered().then(|| {
            let bare = FILTERS.iter().fold(wanted.query.clone(), |query, name| query.with(name, ""));
            view! {
                <a class="btn" href=bare.address(LIST)>
                    "Clear filters"
                </a>
            }
        })}
    }
    .into_any()
}

/// A round time without its zeros.
fn in_words(seconds: u64) -> String {
    match seconds {
        s if s % 86_400 == 0 => format!("{} d", s / 86_400),
        s if s % 3_600 == 0 => format!("{} h", s / 3_600),
        s if s % 60 == 0 => format!("{} min", s / 60),
        s => format!("{s} s"),
    }
}

fn columns(wanted: &Wanted) -> AnyView {
    let boxes: Vec<_> = Column::ALL
        .into_iter()
        .map(|column| {
            view! {
                <label class="flex min-h-6 items-center gap-2 text-sm">
                    <input class="check !mt-0" type="checkbox" name="cols" value=column.word() checked=wanted.columns.contains(&column)/>
                    {column.name()}
                </label>
            }
        })
        .collect();
    view! {
        <input type="hidden" name="back" value=wanted.query.with("cols", "").address(LIST)/>
        <fieldset class="flex flex-wrap items-center gap-x-4 gap-y-1">
            <legend class="sr-only">"Columns to show"</legend>
            {boxes}
            <button class="btn" type="submit">
                "Show these columns"
            </button>
        </fieldset>
        <p class="mt-1 text-xs text-ink-3">"This browser remembers them. The address then holds them too, for others."</p>
    }
    .into_any()
}

/// A heading that sorts when it is followed.
fn heading(wanted: &Wanted, name: &'static str, first: Sort, second: Sort, right: bool) -> AnyView {
    let now = wanted.sort;
    let (next, order) = match () {
        () if now == first => (second, Some(first.direction())),
        () if now == second => (first, Some(second.direction())),
        () => (first, None),
    };
    let arrow = order.map(|order| {
        if order == "ascending" {
            Glyph::Up
        } else {
            Glyph::Down
        }
    });
    view! {
        <th scope="col" role="columnheader" aria-sort=order class=if right { "text-right" } else { "" }>
            <a class="inline-flex min-h-6 items-center gap-1 hover:text-ink hover:underline" href=wanted.address("sort", next.word())>
                {name}
                {arrow.map(|glyph| view! { <Icon glyph/> })}
            </a>
        </th>
    }
    .into_any()
}

impl Sort {
    const fn direction(self) -> &'static str {
        match self {
            Sort::Trouble | Sort::Id(false) | Sort::Lag(false) | Sort::Rate(false) | Sort::Tables(false) => {
                "descending"
            }
            Sort::Id(true) | Sort::Lag(true) | Sort::Rate(true) | Sort::Tables(true) => "ascending",
        }
    }
}

fn head(wanted: &Wanted) -> AnyView {
    let plain = |name: &'static str| view! { <th scope="col" role="columnheader">{name}</th> }.into_any();
    let column = |column: Column| match column {
        Column::Rate => heading(wanted, column.name(), Sort::Rate(false), Sort::Rate(true), true),
        Column::Tables => heading(
            wanted,
            column.name(),
            Sort::Tables(false),
            Sort::Tables(true),
            true,
        ),
        Column::Checkpoint | Column::Sink | Column::Error => plain(column.name()),
    };
    let shown: Vec<AnyView> = wanted.columns.iter().map(|shown| column(*shown)).collect();
    view! {
        <tr role="row">
            <th scope="col" role="columnheader">
                <span class="sr-only">"Select"</span>
            </th>
            {heading(wanted, "Changefeed", Sort::Id(true), Sort::Id(false), false)}
            {heading(wanted, "State", Sort::Trouble, Sort::Trouble, false)}
            {heading(wanted, "Lag", Sort::Lag(false), Sort::Lag(true), true)}
            {shown}
            <th scope="col" role="columnheader">
                <span class="sr-only">"Actions"</span>
            </th>
        </tr>
    }
    .into_any()
}

/// Part of a form that belongs to the boxes of the rows.
fn bulk(page: &FeedPage, wanted: &Wanted) -> AnyView {
    let matching = format!("all {} matching", page.matching);
    let cols = columns_of(&wanted.columns);
    view! {
        {hidden(&wanted.query, &["state", "q", "scheme", "lag_gt", "sort"])}
        <input type="hidden" name="cols" value=cols/>
        <input type="hidden" name="page" value=page.page.to_string()/>
        <select class="input !w-auto" name="scope" aria-label="Which changefeeds">
            <option value="ticked">"selected rows"</option>
            <option value="page">"this page"</option>
            <option value="matching">{matching}</option>
        </select>
        <button class="btn" type="submit" name="action" value="pause">
            <Icon glyph=Glyph::Pause/>
            "Pause"
        </button>
        <button class="btn" type="submit" name="action" value="resume">
            <Icon glyph=Glyph::Play/>
            "Resume"
        </button>
        <button class="btn btn-danger" type="submit" name="action" value="remove">
            <Icon glyph=Glyph::Bin/>
            "Remove"
        </button>
        <span class="flex items-center gap-1.5">
            <span class="text-xs text-ink-2">"Export"</span>
            {["csv", "json", "toml"].map(|format| {
                view! {
                    <button class="btn" type="submit" formaction="/ui/changefeeds/export" name="format" value=format aria-label=format!("Export {format}")>
                        {format.to_uppercase()}
                    </button>
                }
            })}
        </span>
    }
    .into_any()
}

fn foot(page: &FeedPage, wanted: &Wanted) -> AnyView {
    let (number, pages) = (page.page, page.pages());
    let link = |name: &'static str, to: usize| {
        (1..=pages).contains(&to).then(|| {
            let value = if to == 1 { String::new() } else { to.to_string() };
            view! {
                <a class="btn" href=wanted.address("page", &value)>
                    {name}
                </a>
            }
        })
    };
    let total = format::count(page.counts.total(), "changefeed", "changefeeds");
    view! {
        <p>{format!("{} of {total}", page.matching)}</p>
        {(pages > 1).then(|| view! {
            <nav aria-label="Pages" class="flex items-center gap-3">
                {link("Previous", number - 1)}
                <span aria-current="page">{format!("Page {number} of {pages}")}</span>
                {link("Next", number + 1)}
            </nav>
        })}
    }
    .into_any()
}
