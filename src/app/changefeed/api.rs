//! The same actions as HTTP requests.

use crate::app::ui::copy::{CodeBlock, SHELL_BASE};
use crate::fns::data::FeedDetail;
use leptos::prelude::*;

/// Title and command of each request.
fn commands(namespace: &str, id: &str) -> Vec<(&'static str, String)> {
    let feed = format!("{SHELL_BASE}/api/v2/changefeeds/{id}");
    let query = format!("?namespace={namespace}\"");
    vec![
        ("Show", format!("curl {feed}{query}")),
        ("Status", format!("curl {feed}/status{query}")),
        ("Is the downstream in sync", format!("curl {feed}/synced{query}")),
        ("Pause", format!("curl -X POST {feed}/pause{query}")),
        (
            "Resume",
            format!("curl -X POST {feed}/resume{query} -H 'Content-Type: application/json' -d '{{}}'"),
        ),
        (
            "Change the configuration while paused",
            format!(
                "curl -X PUT {feed}{query} \\\n  -H 'Content-Type: application/json' \\\n  -d '{{\"replica_config\":{{\"filter\":{{\"rules\":[\"shop.*\"]}}}}}}'"
            ),
        ),
        ("Remove", format!("curl -X DELETE {feed}{query}")),
    ]
}

/// Body of the API tab.
#[component]
pub(super) fn Body(detail: StoredValue<FeedDetail>) -> impl IntoView {
    let commands = detail.with_value(|detail| commands(&detail.row.namespace, &detail.row.id));
    let blocks = commands
        .into_iter()
        .map(|(title, code)| {
            view! {
                <section class="min-w-0">
                    <h2 class="mb-1.5 text-sm font-medium">{title}</h2>
                    <CodeBlock code what=format!("command: {title}")/>
                </section>
            }
        })
        .collect_view();
    view! {
        <p class="mb-4 text-sm text-ink-2">
            "Everything on this page is also an HTTP request. Set " <code>"TIDEGATE"</code>
            " to the address of this server if it is another one."
        </p>
        <div class="grid gap-4">{blocks}</div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::commands;

    #[test]
    fn commands_are_whole() {
        for (title, command) in commands("ns", "a-1") {
            assert!(command.contains("/api/v2/changefeeds/a-1"), "{title}");
            assert!(command.contains("?namespace=ns\""), "{title}");
            assert_eq!(command.matches('"').count() % 2, 0, "{command}");
        }
    }
}
