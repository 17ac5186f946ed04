//! Lines of the log as HTML, made on the server: for the page, and for the stream that adds to it.

use crate::app::facts;
use crate::app::format;
use crate::app::ui::feed::{feed_address, feed_name};
use crate::app::ui::html::html;
use crate::server::log::{LogFilter, LogLine, Tail};
use leptos::prelude::*;

/// The lines of a tail, one below the other.
pub(crate) fn lines(tail: &Tail, filter: &LogFilter) -> String {
    let mut text = html(|| {
        let lost = (tail.lost > 0).then(|| {
            let lines = format!(
                "{} were overwritten before they could be shown",
                format::count(tail.lost as usize, "line", "lines")
            );
            view! { <p class="log-line text-warning">{lines}</p> }
        });
        let lines: Vec<AnyView> = tail.lines.iter().map(|line| one(line, filter)).collect();
        view! { {lost} {lines} }.into_any()
    });
    // A line of an event stream must not end in the middle of a text.
    text.retain(|c| c != '\r');
    text
}

fn one(line: &LogLine, filter: &LogFilter) -> AnyView {
    let id = format!("l{}", line.seq);
    let level = line.level.as_str().to_lowercase();
    let class = match level.as_str() {
        "error" => "log-level text-failed",
        "warn" => "log-level text-warning",
        "info" => "log-level text-normal",
        _ => "log-level text-ink-3",
    };
    let feed = line.changefeed.as_ref().map(|(namespace, id)| {
        view! {
            " "
            <a class="link" href=feed_address(namespace, id)>
                {feed_name(namespace, id)}
            </a>
        }
    });
    view! {
        <p class="log-line" id=id.clone()>
            <a class="text-ink-3" href=format!("#{id}") rel="external">
                <time datetime=format::rfc3339(line.at_ms)>{clock(line.at_ms)}</time>
            </a>
            " "
            <span class=class>{level}</span>
            " "
            <span class="text-ink-2">{line.target}</span>
            " "
            {marked(&line.text, &filter.text)}
            {feed}
        </p>
    }
    .into_any()
}

/// `07:28:09.123`, in the zone of the reader.
fn clock(ms: u64) -> String {
    format!("{}.{:03}", facts::time_of_day(ms), ms % 1_000)
}

/// The text with what was searched for marked. `wanted` is in lower case.
fn marked(text: &str, wanted: &str) -> Vec<AnyView> {
    let mut parts = Vec::new();
    let mut rest = text;
    // Lower case may have other lengths: then nothing is marked.
    let lower = text.to_lowercase();
    if wanted.is_empty() || lower.len() != text.len() {
        return vec![text.to_owned().into_any()];
    }
    let mut lower = lower.as_str();
    while let Some(at) = lower.find(wanted) {
        let end = at + wanted.len();
        let (Some(before), Some(found), Some(after)) = (rest.get(..at), rest.get(at..end), rest.get(end..))
        else {
            break;
        };
        parts.push(before.to_owned().into_any());
        parts.push(view! { <mark>{found.to_owned()}</mark> }.into_any());
        (rest, lower) = (after, &lower[end..]);
    }
    parts.push(rest.to_owned().into_any());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(text: &str) -> Tail {
        Tail {
            lines: vec![LogLine {
                seq: 7,
                at_ms: 1_677_512_812_888,
                level: "WARN".parse().unwrap(),
                target: "tidegate::x",
                text: text.to_owned(),
                changefeed: Some(("default".to_owned(), "a".to_owned())),
            }],
            lost: 2,
            next: 7,
        }
    }

    fn shown(text: &str, wanted: &str) -> String {
        lines(&tail(text), &LogFilter::new("", "", wanted))
    }

    #[test]
    fn a_line_is_text_whatever_is_in_it() {
        let html = shown("<script>alert(1)</script>\r\n& more", "");
        assert!(!html.contains("<script>") && !html.contains('\r'), "{html}");
        assert!(
            html.contains("15:46:52.888") && html.contains("id=\"l7\""),
            "{html}"
        );
        assert!(html.contains("href=\"/ui/changefeeds/default/a\""), "{html}");
        assert!(html.contains("2 lines were overwritten"), "{html}");
    }

    #[test]
    fn what_was_searched_for_is_marked_in_any_case() {
        let html = shown("Gone <b> gone", "gone");
        assert_eq!(html.matches("<mark>").count(), 2, "{html}");
        assert!(html.contains("<mark>Gone</mark>"), "{html}");
        assert_eq!(shown("x", "gone").matches("<mark>").count(), 0);
    }
}
