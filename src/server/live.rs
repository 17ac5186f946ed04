//! `/ui/live`: server-sent events with everything that moves, once a second.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream;
use std::sync::Arc;

use super::state::App;
use crate::fns::live::{EVENT, Snapshot};

/// Viewers at the same time; each costs one small JSON document a second.
pub(crate) const VIEWERS_MAX: usize = 64;
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The stream of one viewer. Ends when the server stops; refused when there are too many viewers.
pub(crate) async fn stream_events(State(app): State<App>) -> Response {
    let Ok(seat) = Arc::clone(&app.viewers).try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many viewers").into_response();
    };
    let mut receiver = std::future::ready(app.service.live()).await;
    receiver.mark_changed();
    let events = stream::unfold(
        (receiver, app.stop.clone(), seat),
        |(mut receiver, stop, seat)| async move {
            tokio::select! {
                () = stop.cancelled() => return None,
                changed = receiver.changed() => changed.ok()?,
            }
            let snapshot = Snapshot::of(&receiver.borrow_and_update());
            let event = Event::default()
                .event(EVENT)
                .data(serde_json::to_string(&snapshot).ok()?);
            Some((Ok::<_, Infallible>(event), (receiver, stop, seat)))
        },
    );
    Sse::new(events)
        .keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
        .into_response()
}
