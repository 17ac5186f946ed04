//! The tables that the rules of a changefeed select: searched, sorted and paged by the query of the address.

use leptos::prelude::*;
use tidegate_api::FeedTable;
use tidegate_model::ChangefeedId;

use crate::app::format;
use crate::app::ui::feed::feed_address;
use crate::app::ui::html::html;
use crate::fns::query::Query;

/// Tables on a page.
const PAGE: usize = 200;

/// The columns that can be sorted by.
#[derive(Copy, Clone, PartialEq, Eq)]
enum By {
    Name,
    Id,
    Key,
    Status,
}

impl By {
    const ALL: [(By, &str, &str); 4] = [
        (By::Name, "name", "Table"),
        (By::Id, "id", "Table id"),
        (By::Key, "key", "Key"),
        (By::Status, "status", "Replicated"),
    ];
}

/// Column and whether it is the other way round.
fn order(query: &Query) -> (By, bool) {
    let sort = query.get("sort");
    let word = sort.trim_start_matches('-');
    let found = By::ALL.iter().find(|(_, name, _)| *name == word);
    (found.map_or(By::Name, |(by, ..)| *by), sort.starts_with('-'))
}

/// Those that are looked for, in their order.
fn chosen(mut tables: Vec<FeedTable>, query: &Query) -> Vec<FeedTable> {
    let text = query.get("q").trim().to_lowercase();
    tables.retain(|table| {
        let name = format!("{}.{}", table.schema, table.table).to_lowercase();
        name.contains(&text) || (!text.is_empty() && table.table_id.to_string() == text)
    });
    let (by, is_reversed) = order(query);
    // They come by name; a stable sort keeps that among equals.
    match by {
        By::Name => {}
        By::Id => tables.sort_by_key(|table| table.table_id),
        By::Key => tables.sort_by(|a, b| a.key.cmp(&b.key)),
        By::Status => tables.sort_by_key(|table| table.replicated),
    }
    if is_reversed {
        tables.reverse();
    }
    tables
}

/// The page of tables.
pub(crate) fn page(id: &ChangefeedId, all: Vec<FeedTable>, query: &Query) -> String {
    let address = format!("{}/tables", feed_address(&id.namespace, &id.id));
    let total = all.len();
    let left_out = all.iter().filter(|table| !table.replicated).count();
    let found = chosen(all, query);
    let pages = found.len().div_ceil(PAGE).max(1);
    let number: usize = query.get("page").parse().unwrap_or(1);
    let number = number.clamp(1, pages);
    let shown = found.iter().skip((number - 1) * PAGE).take(PAGE);
    html(|| {
        let rows = shown.map(row).collect_view();
        let what = match found.len() == total {
            true => format::count(total, "table", "tables"),
            false => format!("{} of {}", found.len(), format::count(total, "table", "tables")),
        };
        let left_out = (left_out > 0).then(|| format!(", {left_out} of them not replicated"));
        let body = match found.is_empty() {
            true => none(total, &address),
            false => view! {
                <div class="card overflow-x-auto">
                    <table class="data-table data-cards" role="table">
                        <caption class="sr-only">"Tables of this changefeed"</caption>
                        <thead role="rowgroup">
                            <tr role="row">{heads(query, &address)}</tr>
                        </thead>
                        <tbody role="rowgroup">{rows}</tbody>
                    </table>
                </div>
            }
            .into_any(),
        };
        view! {
            {search(query)}
            <p class="mb-3 text-sm text-ink-2">{what} {left_out} "."</p>
            {body}
            {(pages > 1).then(|| pager(query, &address, number, pages))}
        }
        .into_any()
    })
}

fn search(query: &Query) -> AnyView {
    let sort = query.get("sort").to_owned();
    view! {
        <form method="get" role="search" class="mb-3 flex max-w-md gap-2">
            {(!sort.is_empty()).then(|| view! { <input type="hidden" name="sort" value=sort/> })}
            <input
                class="input min-w-0"
                type="search"
                name="q"
                value=query.get("q").to_owned()
                maxlength="200"
                placeholder="Name or id"
                aria-label="Search tables"
            />
            <button class="btn" type="submit">
                "Search"
            </button>
        </form>
    }
    .into_any()
}

fn none(total: usize, address: &str) -> AnyView {
    match total {
        0 => view! {
            <div class="card p-8 text-center">
                <h2 class="mb-1 text-lg">"No table matches the rules"</h2>
                <p class="text-ink-2">"Tables that are created later and match are replicated from then on."</p>
            </div>
        }
        .into_any(),
        _ => view! {
            <div class="card p-8 text-center">
                <h2 class="mb-3 text-lg">"No such table"</h2>
                <a class="btn" href=address.to_owned()>
                    "Show all"
                </a>
            </div>
        }
        .into_any(),
    }
}

fn heads(query: &Query, address: &str) -> AnyView {
    let (by, is_reversed) = order(query);
    By::ALL
        .map(|(one, word, name)| {
            let is_this = one == by;
            let sorted = is_this.then_some(if is_reversed { "descending" } else { "ascending" });
            let next = match is_this && !is_reversed {
                true => format!("-{word}"),
                false => word.to_owned(),
            };
            let arrow = sorted.map(|sorted| if sorted == "descending" { " ↓" } else { " ↑" });
            let to = query.with("sort", &next).with("page", "").address(address);
            view! {
                <th scope="col" role="columnheader" aria-sort=sorted>
                    <a class="inline-flex min-h-6 items-center hover:text-ink hover:underline" href=to>
                        {name}
                        <span aria-hidden="true">{arrow}</span>
                    </a>
                </th>
            }
        })
        .collect_view()
        .into_any()
}

fn row(table: &FeedTable) -> AnyView {
    let id = match table.table_id {
        0 => "not seen yet".to_owned(),
        id => id.to_string(),
    };
    let (class, word) = match table.replicated {
        true => ("text-normal", "yes"),
        false => ("font-medium text-failed", "no"),
    };
    let why = match (table.replicated, &table.unsupported, &table.key) {
        (false, Some(why), _) => why.clone(),
        (false, None, None) => "no primary key, and no unique key without NULLs".to_owned(),
        (true, _, None) => "forced, although no key identifies its rows".to_owned(),
        _ => String::new(),
    };
    view! {
        <tr role="row">
            <th scope="row" role="rowheader" class="!text-sm !text-ink">
                <span class="wrap-anywhere whitespace-normal">{format!("{}.{}", table.schema, table.table)}</span>
            </th>
            <td role="cell" data-label="Table id">
                <span class="num">{id}</span>
            </td>
            <td role="cell" data-label="Key">
                <code class="text-xs wrap-anywhere">{table.key.clone().unwrap_or_else(|| "none".to_owned())}</code>
            </td>
            <td role="cell" data-label="Replicated">
                <span class=class>{word}</span>
                <span class="block text-xs text-ink-2">{why}</span>
            </td>
        </tr>
    }
    .into_any()
}

fn pager(query: &Query, address: &str, number: usize, pages: usize) -> AnyView {
    let to = |page: usize| query.with("page", &page.to_string()).address(address);
    let previous =
        (number > 1).then(|| view! { <a class="btn" rel="prev" href=to(number - 1)>"Previous"</a> });
    let next = (number < pages).then(|| view! { <a class="btn" rel="next" href=to(number + 1)>"Next"</a> });
    view! {
        <nav aria-label="Pages" class="mt-4 flex items-center gap-3 text-sm">
            {previous}
            <span class="text-ink-2">{format!("Page {number} of {pages}")}</span>
            {next}
        </nav>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, table_id: i64, key: Option<&str>) -> FeedTable {
        FeedTable {
            schema: "s".to_owned(),
            table: name.to_owned(),
            table_id,
            replicated: key.is_some(),
            key: key.map(str::to_owned),
            unsupported: None,
        }
    }

    fn names(query: &str) -> Vec<String> {
        let all = vec![
            table("a", 9, Some("PRIMARY (id)")),
            table("b", 7, None),
            table("cb", 8, Some("PRIMARY (id)")),
        ];
        let found = chosen(all, &Query::parse(query).unwrap());
        found.into_iter().map(|table| table.table).collect()
    }

    #[test]
    fn tables_are_searched_and_sorted() {
        assert_eq!(names(""), ["a", "b", "cb"]);
        assert_eq!(names("q=S.A"), ["a"]);
        assert_eq!(names("q=B&sort=-name"), ["cb", "b"]);
        assert_eq!(names("q=8"), ["cb"]);
        assert_eq!(names("sort=id"), ["b", "cb", "a"]);
        assert_eq!(names("sort=status"), ["b", "a", "cb"]);
        assert_eq!(names("sort=nonsense"), ["a", "b", "cb"]);
    }

    #[test]
    fn many_tables_come_in_pages_of_two_hundred() {
        let id = ChangefeedId::new("default", "f");
        let many = || (0..450).map(|n| table(&format!("t{n:03}"), n, None)).collect();
        let page_of = |query: &str| page(&id, many(), &Query::parse(query).unwrap());
        let last = page_of("page=99&q=t");
        assert_eq!(last.matches("<th scope=\"row\"").count(), 50);
        assert!(
            last.contains("Page 3 of 3") && last.contains("q=t&amp;page=2"),
            "{last}"
        );
        assert_eq!(page_of("").matches("<th scope=\"row\"").count(), 200);
        assert!(page_of("q=%3Cb%3E").contains("No such table"));
    }
}
