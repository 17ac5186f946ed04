//! `/ui/live`: server-sent events with everything that moves, once a second.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream;
use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::access::{Peer, VIEWER};
use super::state::App;
use crate::fns::live::{EVENT, Teller};

/// Viewers at the same time; each costs one small JSON document a second.
pub(crate) const VIEWERS_MAX: usize = 64;
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How often a viewer is asked who they are.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// A viewer's place at a stream.
pub(crate) struct Seat {
    headers: HeaderMap,
    peer: Peer,
    asked: Instant,
    _permit: OwnedSemaphorePermit,
}

impl Seat {
    /// A place, unless there are too many viewers.
    pub(crate) fn take(app: &App, peer: Peer, headers: HeaderMap) -> Option<Seat> {
        let permit = Arc::clone(&app.viewers).try_acquire_owned().ok()?;
        Some(Seat {
            headers,
            peer,
            asked: Instant::now(),
            _permit: permit,
        })
    }

    /// Nothing when the viewer may not look any more: after logout, with another password or role. Asks now and then.
    pub(crate) async fn still_taken(&mut self, app: &App) -> Option<()> {
        if self.asked.elapsed() >= ASK_AGAIN {
            let viewer = app.access.identify(&self.headers, &self.peer).await.ok()?;
            viewer.may(VIEWER).then_some(())?;
            self.asked = Instant::now();
        }
        Some(())
    }

    /// The number of the last event that a reader has who connects again.
    pub(crate) fn last_event_id(&self) -> Option<u64> {
        self.headers.get("last-event-id")?.to_str().ok()?.parse().ok()
    }
}

/// The stream of one viewer. Ends when the server stops, and when the viewer may not look any more. Refused when there
/// are too many viewers.
pub(crate) async fn stream_events(
    State(app): State<App>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Response {
    let Some(seat) = Seat::take(&app, peer, headers) else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many viewers").into_response();
    };
    let mut receiver = std::future::ready(app.service.live()).await;
    receiver.mark_changed();
    let events = stream::unfold(
        (receiver, app, seat, Teller::default()),
        |(mut receiver, app, mut seat, mut teller)| async move {
            tokio::select! {
                () = app.stop.cancelled() => return None,
                changed = receiver.changed() => changed.ok()?,
            }
            seat.still_taken(&app).await?;
            let snapshot = teller.tell(&receiver.borrow_and_update());
            let event = Event::default()
                .event(EVENT)
                .data(serde_json::to_string(&snapshot).ok()?);
            Some((Ok::<_, Infallible>(event), (receiver, app, seat, teller)))
        },
    );
    Sse::new(events)
        .keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
        .into_response()
}
