//! The log over HTTP: a stream of new lines as HTML, and all of it as text.

use std::convert::Infallible;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream;
use leptos::prelude::{Owner, provide_context};

use super::{LogFilter, Tail};
use crate::app::facts::Facts;
use crate::app::format;
use crate::app::log::lines;
use crate::app::zone::Zone;
use crate::fns::log::EVENT;
use crate::fns::query::Query;
use crate::server::access::Peer;
use crate::server::facts;
use crate::server::live::{KEEP_ALIVE, Seat};
use crate::server::state::App;

/// Most lines of one event, and the shortest time between two.
const LINES_AT_ONCE: usize = 500;
const PAUSE: Duration = Duration::from_millis(250);

/// What the query asks for.
pub(crate) fn filter(query: &Query) -> LogFilter {
    LogFilter::new(query.get("level"), query.get("target"), query.get("q"))
}

/// The lines behind `after` as they come, filtered by `level`, `target` and `q`. An event's first line is the number of
/// lines in it. A reader that is too slow misses lines and is told so: nothing is kept for it. Ends as the stream of
/// live values does.
pub(crate) async fn stream_lines(
    State(app): State<App>,
    Extension(peer): Extension<Peer>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let zone = facts::zone(&app, &headers);
    let Some(seat) = Seat::take(&app, peer, headers) else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many viewers").into_response();
    };
    let Ok(query) = Query::parse(&query.unwrap_or_default()) else {
        return (StatusCode::BAD_REQUEST, "the query is too long").into_response();
    };
    let filter = filter(&query);
    let last_seen = seat.last_event_id();
    let after = last_seen.or_else(|| query.get("after").parse().ok()).unwrap_or(0);
    let mut newest = app.log.ring().newest();
    newest.mark_changed();
    let events = stream::unfold(
        (app, seat, newest, after),
        move |(app, mut seat, mut newest, mut after)| {
            let (filter, zone) = (filter.clone(), zone.clone());
            async move {
                loop {
                    tokio::select! {
                        () = app.stop.cancelled() => return None,
                        changed = newest.changed() => changed.ok()?,
                    }
                    seat.still_taken(&app).await?;
                    newest.mark_unchanged();
                    let tail = app.log.ring().after(after, &filter, LINES_AT_ONCE);
                    after = tail.next;
                    if tail.lines.len() == LINES_AT_ONCE {
                        newest.mark_changed();
                    }
                    if !tail.lines.is_empty() {
                        // Many lines at once rather than many events.
                        tokio::time::sleep(PAUSE).await;
                        return Some((
                            Ok::<_, Infallible>(event(&tail, &filter, zone)),
                            (app, seat, newest, after),
                        ));
                    }
                }
            }
        },
    );
    Sse::new(events)
        .keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
        .into_response()
}

fn event(tail: &Tail, filter: &LogFilter, zone: Zone) -> Event {
    let facts = Facts {
        zone,
        ..Facts::default()
    };
    let owner = Owner::new();
    let html = owner.with(|| {
        provide_context(Arc::new(facts));
        lines::lines(tail, filter)
    });
    owner.cleanup();
    let data = format!("{}\n{html}", tail.lines.len());
    Event::default().event(EVENT).id(tail.next.to_string()).data(data)
}

/// Every line that the filter of the query accepts, as a text file.
pub(crate) async fn download(State(app): State<App>, RawQuery(query): RawQuery) -> Response {
    let Ok(query) = Query::parse(&query.unwrap_or_default()) else {
        return (StatusCode::BAD_REQUEST, "the query is too long").into_response();
    };
    let tail = app.log.ring().last(&filter(&query), usize::MAX);
    let mut text = String::new();
    for line in &tail.lines {
        let time = format::rfc3339(line.at_ms);
        let _cannot_fail = writeln!(text, "{time} {:5} {}: {}", line.level, line.target, line.text);
    }
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"tidegate.log\"",
        ),
    ];
    (headers, text).into_response()
}
