//! Which changefeed runs where.

use crate::app::layout::{PageError, PageHead, loading};
use crate::fns::captures::list_captures;
use leptos::prelude::*;

/// The page.
#[component]
pub(crate) fn Processors() -> impl IntoView {
    let captures = Resource::new_blocking(|| (), |()| list_captures());
    view! {
        <PageHead title="Processors"/>
        <p class="-mt-3 mb-4 text-sm text-ink-2">
            "A processor is the part of a changefeed that runs on one capture. The numbers are those of its tables."
        </p>
        <Suspense fallback=loading>
            {move || Suspend::new(async move {
                match captures.await {
                    Ok(captures) => view! { <div inner_html=captures.processors></div> }.into_any(),
                    Err(error) => view! { <PageError error/> }.into_any(),
                }
            })}
        </Suspense>
    }
    .into_any()
}

#[cfg(feature = "ssr")]
pub(crate) use made::table;

#[cfg(feature = "ssr")]
mod made {
    use crate::app::ui::feed::{feed_address, feed_name};
    use crate::app::ui::html::html;
    use leptos::prelude::*;
    use std::collections::BTreeMap;
    use tidegate_api::{Capture, LiveSnapshot, Processor};

    /// A row for each running changefeed, a column for each capture.
    pub(crate) fn table(captures: &[Capture], running: &[Processor], live: &LiveSnapshot) -> String {
        // Namespace and id to the captures it runs on.
        let mut feeds: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
        for processor in running {
            let name = (processor.namespace.as_str(), processor.changefeed_id.as_str());
            feeds.entry(name).or_default().push(&processor.capture_id);
        }
        html(|| match feeds.is_empty() {
            true => none(),
            false => matrix(captures, &feeds, live),
        })
    }

    fn none() -> AnyView {
        view! {
            <div class="card p-8 text-center">
                <h2 class="mb-1 text-lg">"No changefeed is running"</h2>
                <p class="mb-4 text-ink-2">"Paused, failed and finished changefeeds have no processor."</p>
                <a class="btn" href="/ui/changefeeds">
                    "Changefeeds"
                </a>
            </div>
        }
        .into_any()
    }

    fn matrix(
        captures: &[Capture],
        feeds: &BTreeMap<(&str, &str), Vec<&str>>,
        live: &LiveSnapshot,
    ) -> AnyView {
        let heads = captures.iter().map(|capture| {
            let note = if capture.is_owner { " (owner)" } else { "" };
            view! {
                <th scope="col" role="columnheader" class="text-right">
                    {format!("{}{note}", capture.address)}
                </th>
            }
        });
        let rows = feeds.iter().map(|((namespace, id), places)| {
            let figures = live
                .changefeeds
                .iter()
                .find(|feed| feed.namespace == *namespace && feed.id == *id);
            let cells = captures.iter().map(|capture| {
                let runs_here = places.contains(&capture.id.as_str());
                let text = match (runs_here, figures) {
                    (true, Some(figures)) => figures.tables.to_string(),
                    // It has just been started.
                    (true, None) => "starting".to_owned(),
                    (false, _) => "-".to_owned(),
                };
                view! {
                    <td role="cell" data-label=capture.address.clone() class="text-right">
                        <span class="num">{text}</span>
                    </td>
                }
            });
            view! {
                <tr role="row">
                    <th scope="row" role="rowheader" class="!text-sm !text-ink">
                        <a class="link wrap-anywhere whitespace-normal" href=feed_address(namespace, id)>
                            {feed_name(namespace, id)}
                        </a>
                    </th>
                    {cells.collect_view()}
                </tr>
            }
        });
        view! {
            <div class="card overflow-x-auto">
                <table class="data-table data-cards" role="table">
                    <caption class="sr-only">"Tables of each changefeed on each capture"</caption>
                    <thead role="rowgroup">
                        <tr role="row">
                            <th scope="col" role="columnheader">"Changefeed"</th>
                            {heads.collect_view()}
                        </tr>
                    </thead>
                    <tbody role="rowgroup">{rows.collect_view()}</tbody>
                </table>
            </div>
        }
        .into_any()
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use tidegate_api::ChangefeedLive;

        #[test]
        fn each_changefeed_has_its_tables_in_the_column_of_its_capture() {
            let capture = |id: &str, is_owner| Capture {
                id: id.to_owned(),
                is_owner,
                address: format!("{id}:8300"),
                cluster_id: "default".to_owned(),
            };
            let processor = Processor {
                namespace: "default".to_owned(),
                changefeed_id: "orders".to_owned(),
                capture_id: "b".to_owned(),
            };
            let live = LiveSnapshot {
                unix_ms: 0,
                changefeeds: vec![ChangefeedLive {
                    namespace: "default".to_owned(),
                    id: "orders".to_owned(),
                    tables: 7,
                    ..ChangefeedLive::default()
                }],
            };
            let captures = [capture("a", true), capture("b", false)];
            let html = table(&captures, &[processor], &live);
            assert!(html.contains("a:8300 (owner)"), "{html}");
            let cells: Vec<_> = html.split("data-label=").skip(1).collect();
            assert!(cells[0].contains('-') && cells[1].contains('7'), "{html}");
            assert!(table(&captures, &[], &live).contains("No changefeed is running"));
        }
    }
}
