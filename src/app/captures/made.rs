//! Captures as HTML, made by the server alone.

use super::Role;
use crate::app::ui::copy::SHELL_BASE;
use crate::app::ui::html::{code, html};
use crate::fns::data::CaptureRow;
use leptos::prelude::*;

/// Where a capture has its page.
pub(crate) fn capture_address(id: &str) -> String {
    format!("/ui/captures/{id}")
}

/// All captures as a table.
pub(crate) fn table(captures: &[CaptureRow], pid: u32) -> String {
    html(|| {
        let rows: Vec<AnyView> = captures.iter().cloned().map(row).collect();
        let heads: Vec<AnyView> = [
            ("Address", false),
            ("Role", false),
            ("State", false),
            ("Up for", false),
            ("Changefeeds", true),
            ("Tables", true),
            ("Memory", true),
            ("Capture id", false),
            ("Cluster", false),
            ("Version", false),
        ]
        .into_iter()
        .map(|(name, is_number)| {
            let class = is_number.then_some("text-right");
            view! { <th scope="col" role="columnheader" class=class>{name}</th> }.into_any()
        })
        .collect();
        view! {
            <div class="card overflow-x-auto">
                <table class="data-table data-cards" role="table">
                    <caption class="sr-only">"Captures"</caption>
                    <thead role="rowgroup">
                        <tr role="row">{heads}</tr>
                    </thead>
                    <tbody role="rowgroup">{rows}</tbody>
                </table>
            </div>
            <p class="mt-2 text-xs text-ink-3">
                {format!("This page was made by process {pid}. Memory is that of rows on their way.")}
            </p>
        }
        .into_any()
    })
}

fn row(capture: CaptureRow) -> AnyView {
    view! {
        <tr role="row">
            <th scope="row" role="rowheader" class="!text-sm !text-ink">
                <a class="link" href=capture_address(&capture.id)>{capture.address}</a>
            </th>
            <td role="cell" data-label="Role">
                <Role owner=capture.is_owner/>
            </td>
            <td role="cell" data-label="State">{state(capture.is_alive)}</td>
            <td role="cell" data-label="Up for" class="num">{capture.uptime}</td>
            <td role="cell" data-label="Changefeeds" class="num text-right">{capture.changefeeds}</td>
            <td role="cell" data-label="Tables" class="num text-right">{capture.tables}</td>
            <td role="cell" data-label="Memory" class="num text-right">{capture.memory}</td>
            <td role="cell" data-label="Capture id" class="font-mono text-xs wrap-anywhere">{capture.id}</td>
            <td role="cell" data-label="Cluster">{capture.cluster_id}</td>
            <td role="cell" data-label="Version">{capture.version}</td>
        </tr>
    }
    .into_any()
}

fn state(is_alive: bool) -> &'static str {
    if is_alive { "alive" } else { "stopping" }
}

/// What stands above the buttons of one capture.
pub(crate) fn facts(capture: CaptureRow, confirm: &str, done: &str, processors: String) -> String {
    html(|| {
        let done = match done {
            "resign" => Some("It has resigned. As the only server it was elected again at once."),
            "drain" => Some("Its tables are being moved."),
            _ => None,
        };
        let done = done.map(|text| {
            view! { <p role="status" class="mb-4 rounded-card bg-normal-fill p-3 text-sm text-normal">{text}</p> }
        });
        let body = match confirm {
            "resign" => ask(
                "Resign owner?",
                "The owner gives up leading, and the captures elect one anew. Replication goes on; states are looked after again when the election is over.",
                format!("curl -X POST {SHELL_BASE}/api/v2/owner/resign\""),
            ),
            "drain" => ask(
                "Drain this capture?",
                "All its tables move to the other captures, so that it can be stopped without a pause of replication.",
                format!("curl -X POST {SHELL_BASE}/api/v2/captures/{}/drain\"", capture.id),
            ),
            _ => about(capture, processors),
        };
        view! {
            {done}
            {body}
        }
        .into_any()
    })
}

/// What is about to happen, and the same as a command.
fn ask(title: &'static str, text: &'static str, command: String) -> AnyView {
    view! {
        <h2 class="mb-1 text-lg">{title}</h2>
        <p class="mb-3 max-w-2xl text-sm">{text}</p>
        <div class="mb-4 max-w-2xl">{code("command", command)}</div>
    }
    .into_any()
}

fn about(capture: CaptureRow, processors: String) -> AnyView {
    let address = capture_address(&capture.id);
    let facts = [
        ("State", state(capture.is_alive).to_owned()),
        ("Up for", capture.uptime),
        ("Version", capture.version),
        ("Changefeeds", capture.changefeeds.to_string()),
        ("Tables", capture.tables.to_string()),
        ("Memory of rows on their way", capture.memory),
        ("Cluster", capture.cluster_id),
    ];
    let facts: Vec<AnyView> = facts
        .into_iter()
        .map(|(name, value)| {
            view! {
                <dt class="text-ink-2">{name}</dt>
                <dd class="num mb-1.5 min-w-0 wrap-anywhere sm:mb-0">{value}</dd>
            }
            .into_any()
        })
        .collect();
    let resign = capture.is_owner.then(|| {
        view! { <a class="btn" href=format!("{address}?confirm=resign")>"Resign owner"</a> }
    });
    view! {
        <section class="card mb-6 max-w-2xl p-4">
            <p class="mb-3"><Role owner=capture.is_owner/></p>
            <dl class="grid grid-cols-[minmax(0,1fr)] gap-x-3 gap-y-1 text-sm sm:grid-cols-[12rem_minmax(0,1fr)] sm:gap-y-2">
                {facts}
            </dl>
            <div class="mt-4 flex flex-wrap gap-2" role="group" aria-label="Actions">
                {resign}
                <a class="btn" href=format!("{address}?confirm=drain")>"Drain"</a>
            </div>
        </section>
        <h2 class="mb-2 text-sm font-medium">"What runs where"</h2>
        <div inner_html=processors></div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capture(is_owner: bool) -> CaptureRow {
        CaptureRow {
            id: "c1".to_owned(),
            address: "<b>".to_owned(),
            is_owner,
            cluster_id: "default".to_owned(),
            version: "1".to_owned(),
            is_alive: true,
            uptime: "1 s".to_owned(),
            changefeeds: 1,
            tables: 2,
            memory: "0 B of 1 GiB".to_owned(),
        }
    }

    #[test]
    fn only_the_owner_can_resign_and_both_are_asked_about() {
        let page = |is_owner, confirm| facts(capture(is_owner), confirm, "", String::new());
        assert!(page(true, "").contains("/ui/captures/c1?confirm=resign"));
        assert!(!page(false, "").contains("?confirm=resign"));
        assert!(page(true, "drain").contains("/api/v2/captures/c1/drain"));
        assert!(page(true, "resign").contains("/api/v2/owner/resign"));
    }

    #[test]
    fn an_address_is_no_markup() {
        let html = table(&[capture(true)], 1);
        assert!(
            html.contains("&lt;b&gt;") && html.contains("href=\"/ui/captures/c1\""),
            "{html}"
        );
    }
}
