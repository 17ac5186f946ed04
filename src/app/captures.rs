//! Server processes.

use crate::app::layout::{PageError, PageHead, loading};
use crate::app::ui::copy::CopyButton;
use crate::app::ui::icon::{Glyph, Icon};
use crate::fns::captures::list_captures;
use crate::fns::data;
use leptos::prelude::*;

/// The page.
#[component]
pub(crate) fn Captures() -> impl IntoView {
    let captures = Resource::new_blocking(|| (), |()| list_captures());
    view! {
        <PageHead title="Captures"/>
        <p class="-mt-3 mb-4 text-sm text-ink-2">"A capture is one server process. The owner leads and writes the checkpoints."</p>
        <Suspense fallback=loading>
            {move || Suspend::new(async move {
                match captures.await {
                    Ok(captures) => view! { <CaptureTable captures/> }.into_any(),
                    Err(error) => view! { <PageError error/> }.into_any(),
                }
            })}
        </Suspense>
    }
    .into_any()
}

#[component]
fn CaptureTable(captures: data::Captures) -> impl IntoView {
    let rows = captures
        .captures
        .into_iter()
        .map(|capture| {
            view! {
                <tr role="row">
                    <th scope="row" role="rowheader" class="!text-sm !text-ink">
                        {capture.address}
                    </th>
                    <td role="cell" data-label="Role">
                        <Role owner=capture.is_owner/>
                    </td>
                    <td role="cell" data-label="State">{if capture.is_alive { "alive" } else { "stopping" }}</td>
                    <td role="cell" data-label="Up for" class="num">{capture.uptime}</td>
                    <td role="cell" data-label="Changefeeds" class="num text-right">{capture.changefeeds}</td>
                    <td role="cell" data-label="Tables" class="num text-right">{capture.tables}</td>
                    <td role="cell" data-label="Memory" class="num text-right">
                        {capture.memory}
                    </td>
                    <td role="cell" data-label="Capture id">
                        <span class="flex min-w-0 items-center gap-1">
                            <span class="font-mono text-xs wrap-anywhere">{capture.id.clone()}</span>
                            <CopyButton text=capture.id what="capture id"/>
                        </span>
                    </td>
                    <td role="cell" data-label="Cluster">{capture.cluster_id}</td>
                    <td role="cell" data-label="Version">{capture.version}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <div class="card overflow-x-auto">
            <table class="data-table data-cards" role="table">
                <caption class="sr-only">"Captures"</caption>
                <thead role="rowgroup">
                    <tr role="row">
                        <th scope="col" role="columnheader">"Address"</th>
                        <th scope="col" role="columnheader">"Role"</th>
                        <th scope="col" role="columnheader">"State"</th>
                        <th scope="col" role="columnheader">"Up for"</th>
                        <th scope="col" role="columnheader" class="text-right">"Changefeeds"</th>
                        <th scope="col" role="columnheader" class="text-right">"Tables"</th>
                        <th scope="col" role="columnheader" class="text-right">"Memory"</th>
                        <th scope="col" role="columnheader">"Capture id"</th>
                        <th scope="col" role="columnheader">"Cluster"</th>
                        <th scope="col" role="columnheader">"Version"</th>
                    </tr>
                </thead>
                <tbody role="rowgroup">{rows}</tbody>
            </table>
        </div>
        <p class="mt-2 text-xs text-ink-3">
            {format!("This page was made by process {}. Memory is that of rows on their way.", captures.pid)}
        </p>
    }
    .into_any()
}

/// Whether a capture leads.
#[component]
pub(crate) fn Role(owner: bool) -> impl IntoView {
    if owner {
        view! {
            <span class="badge badge-finished">
                <Icon glyph=Glyph::Flag/>
                "owner"
            </span>
        }
        .into_any()
    } else {
        view! { <span class="text-ink-2">"follower"</span> }.into_any()
    }
}
