//! `/ui/live`: server-sent events with everything that moves, once a second.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream;
use std::sync::Arc;

use tokio::time::Instant;

use super::access::{Peer, VIEWER};
use super::state::App;
use crate::fns::live::{EVENT, Snapshot};

/// Viewers at the same time; each costs one small JSON document a second.
pub(crate) const VIEWERS_MAX: usize = 64;
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How often a viewer is asked who they are.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// The stream of one viewer. Ends when the server stops, and when the viewer may not look any more: after logout, with
/// another password or role. Refused when there are too many viewers.
pub(crate) async fn stream_events(
    State(app): State<App>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Response {
    let Ok(seat) = Arc::clone(&app.viewers).try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many viewers").into_response();
    };
    let mut receiver = std::future::ready(app.service.live()).await;
    receiver.mark_changed();
    let events = stream::unfold(
        (receiver, app, seat, Instant::now()),
        move |(mut receiver, app, seat, mut asked)| {
            let (headers, peer) = (headers.clone(), peer.clone());
            async move {
                tokio::select! {
                    () = app.stop.cancelled() => return None,
                    changed = receiver.changed() => changed.ok()?,
                }
                if asked.elapsed() >= ASK_AGAIN {
                    let viewer = app.access.identify(&headers, &peer).await.ok()?;
                    viewer.may(VIEWER).then_some(())?;
                    asked = Instant::now();
                }
                let snapshot = Snapshot::of(&receiver.borrow_and_update());
                let event = Event::default()
                    .event(EVENT)
                    .data(serde_json::to_string(&snapshot).ok()?);
                Some((Ok::<_, Infallible>(event), (receiver, app, seat, asked)))
            }
        },
    );
    Sse::new(events)
        .keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
        .into_response()
}
