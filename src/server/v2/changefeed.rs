//! Changefeeds.

use axum::extract::State;
use tidegate_api::{CreateChangefeed, List, ResumeChangefeed, SyncedRequest, UpdateChangefeed, read_json};

use crate::server::extract::{Body, FeedId, Namespace, Query, own_upstream, query_value};
use crate::server::respond::{Answer, compact, empty};
use crate::server::state::App;

/// `GET /changefeeds`
pub(crate) async fn list(State(app): State<App>, namespace: Namespace, query: Query) -> Answer {
    let state = query_value(query.0.as_deref(), "state");
    let items = app.service.list_changefeeds(&namespace.0, Some(&state)).await?;
    compact(&List::new(items))
}

/// `POST /changefeeds`. The namespace stands in the body; newer clients give `keyspace` in the query.
pub(crate) async fn create(State(app): State<App>, query: Query, body: Body) -> Answer {
    let mut request: CreateChangefeed = read_json(&body.0)?;
    own_upstream(&request.pd)?;
    if request.namespace.is_empty() {
        request.namespace = query_value(query.0.as_deref(), "keyspace");
    }
    compact(&app.service.create_changefeed(request).await?)
}

/// `GET /changefeeds/{id}`
pub(crate) async fn detail(State(app): State<App>, id: FeedId) -> Answer {
    compact(&app.service.get_changefeed(&id.0).await?)
}

/// `PUT /changefeeds/{id}`. A changefeed that does not exist or runs is refused before the body is looked at.
pub(crate) async fn update(State(app): State<App>, id: FeedId, body: Body) -> Answer {
    app.service.check_updatable(&id.0)?;
    let request: UpdateChangefeed = read_json(&body.0)?;
    own_upstream(&request.pd)?;
    compact(&app.service.update_changefeed(&id.0, request).await?)
}

/// `DELETE /changefeeds/{id}`
pub(crate) async fn remove(State(app): State<App>, id: FeedId) -> Answer {
    app.service.remove_changefeed(&id.0).await?;
    empty()
}

/// `GET /changefeeds/{id}/status`
pub(crate) async fn status(State(app): State<App>, id: FeedId) -> Answer {
    compact(&app.service.changefeed_status(&id.0).await?)
}

/// `GET /changefeeds/{id}/meta_info`
pub(crate) async fn meta_info(State(app): State<App>, id: FeedId) -> Answer {
    compact(&app.service.meta_info(&id.0).await?)
}

/// `POST /changefeeds/{id}/pause`
pub(crate) async fn pause(State(app): State<App>, id: FeedId) -> Answer {
    app.service.pause_changefeed(&id.0).await?;
    empty()
}

/// `POST /changefeeds/{id}/resume`. An empty body means no options.
pub(crate) async fn resume(State(app): State<App>, id: FeedId, body: Body) -> Answer {
    // Existence comes before the body.
    app.service.changefeed_status(&id.0).await?;
    let is_empty = body.0.trim_ascii().is_empty();
    let request: ResumeChangefeed = if is_empty {
        ResumeChangefeed::default()
    } else {
        read_json(&body.0)?
    };
    own_upstream(&request.pd)?;
    app.service.resume_changefeed(&id.0, request).await?;
    empty()
}

/// `GET /changefeeds/{id}/synced`, with an optional body.
pub(crate) async fn synced(State(app): State<App>, id: FeedId, body: Body) -> Answer {
    // Existence comes before the body.
    app.service.changefeed_status(&id.0).await?;
    let request: Option<SyncedRequest> = if body.0.is_empty() {
        None
    } else {
        Some(read_json(&body.0)?)
    };
    if let Some(request) = &request {
        own_upstream(&request.pd)?;
    }
    compact(&app.service.synced(&id.0, request).await?)
}
