//! Who changed what, newest first.

use crate::app::layout::{PageError, PageHead, loading};
use crate::fns::activity::get_activity;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

/// The page. `?cursor=` goes back in time.
#[component]
pub(crate) fn Activity() -> impl IntoView {
    let query = use_query_map();
    let cursor = move || query.with(|query| query.get("cursor").and_then(|text| text.parse().ok()));
    let page = Resource::new_blocking(cursor, get_activity);
    view! {
        <PageHead title="Activity"/>
        <p class="-mt-3 mb-4 text-sm text-ink-2">"Who changed what, and who was refused. Secrets are masked."</p>
        <Transition fallback=loading>
            {move || Suspend::new(async move {
                match page.await {
                    Ok(entries) => view! { <div inner_html=entries></div> }.into_any(),
                    Err(error) => view! { <PageError error/> }.into_any(),
                }
            })}
        </Transition>
    }
    .into_any()
}

#[cfg(feature = "ssr")]
pub(crate) use made::entries;

#[cfg(feature = "ssr")]
mod made {
    use crate::app::facts;
    use crate::app::format;
    use crate::app::ui::feed::{feed_address, feed_name};
    use crate::app::ui::html::html;
    use leptos::prelude::*;
    use tidegate_api::{ActivityChange, ActivityEntry};
    use tidegate_model::{Clock, SystemClock};

    /// Entries as a table, and the way to older ones.
    pub(crate) fn entries(entries: Vec<ActivityEntry>, older: Option<u64>) -> String {
        html(|| table(entries, older))
    }

    fn table(entries: Vec<ActivityEntry>, older: Option<u64>) -> AnyView {
        if entries.is_empty() {
            return view! { <p class="py-8 text-sm text-ink-3">"Nothing was changed yet."</p> }.into_any();
        }
        let rows: Vec<AnyView> = entries.into_iter().map(row).collect();
        let older = older.map(|cursor| {
            view! {
                <p class="mt-4">
                    <a class="btn" href=format!("/ui/activity?cursor={cursor}")>
                        "Older"
                    </a>
                </p>
            }
        });
        view! {
            <div class="card overflow-x-auto">
                <table class="data-table data-cards" role="table">
                    <caption class="sr-only">"Activity"</caption>
                    <thead role="rowgroup">
                        <tr role="row">
                            <th scope="col" role="columnheader">"Time"</th>
                            <th scope="col" role="columnheader">"Who"</th>
                            <th scope="col" role="columnheader">"Action"</th>
                            <th scope="col" role="columnheader">"Changefeed"</th>
                            <th scope="col" role="columnheader">"Result"</th>
                            <th scope="col" role="columnheader">"Changes"</th>
                        </tr>
                    </thead>
                    <tbody role="rowgroup">{rows}</tbody>
                </table>
            </div>
            {older}
        }
        .into_any()
    }

    fn row(entry: ActivityEntry) -> AnyView {
        let feed = entry.changefeed.as_ref().map(|feed| {
            view! {
                <a class="link" href=feed_address(&feed.namespace, &feed.id)>
                    {feed_name(&feed.namespace, &feed.id)}
                </a>
            }
        });
        let result_class = match entry.result.as_str() {
            "done" => "text-normal",
            "begun" => "text-ink-2",
            _ => "text-failed",
        };
        view! {
            <tr role="row">
                <td role="cell" data-label="Time">
                    {time(&entry.time)}
                </td>
                <th scope="row" role="rowheader" class="!text-sm !text-ink">
                    {who(&entry)}
                    <span class="block text-xs font-normal text-ink-3">{entry.address.clone()}</span>
                </th>
                <td role="cell" data-label="Action">{entry.action.clone()}</td>
                <td role="cell" data-label="Changefeed">{feed}</td>
                <td role="cell" data-label="Result">
                    <span class=result_class>{entry.result.clone()}</span>
                    <span class="block font-mono text-xs wrap-anywhere text-ink-3">{entry.code.clone()}</span>
                </td>
                <td role="cell" data-label="Changes">
                    {changed(entry.changes, entry.message)}
                </td>
            </tr>
        }
        .into_any()
    }

    fn changed(changes: Vec<ActivityChange>, message: String) -> AnyView {
        if changes.is_empty() {
            return view! { <span class="text-xs wrap-anywhere text-ink-2">{message}</span> }.into_any();
        }
        let count = changes.len();
        let lines = changes
            .into_iter()
            .map(|change| {
                view! {
                    <li class="font-mono text-xs wrap-anywhere">
                        {format!("{}: {} → {}", change.path, change.from, change.to)}
                    </li>
                }
            })
            .collect_view();
        view! {
        <details>
            <summary class="text-sm">{if count == 1 { "1 change".to_owned() } else { format!("{count} changes") }}</summary>
            <ul class="mt-1 grid gap-1">{lines}</ul>
        </details>
    }
    .into_any()
    }

    fn who(entry: &ActivityEntry) -> String {
        match (entry.actor.name.as_str(), entry.actor.role.as_str()) {
            ("", _) => "unknown".to_owned(),
            (name, "") => name.to_owned(),
            (name, role) => format!("{name} ({role})"),
        }
    }

    /// When it was, in full on hover.
    fn time(written: &str) -> AnyView {
        let Some(ms) = format::parse_rfc3339(written) else {
            return written.to_owned().into_any();
        };
        let now_ms = SystemClock.unix_ms();
        view! {
            <time datetime=written.to_owned() title=facts::moment(ms)>
                {facts::when(ms, now_ms)}
            </time>
        }
        .into_any()
    }
}
