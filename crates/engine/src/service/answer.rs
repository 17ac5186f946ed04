//! From an owner's view to the API's answers.

use tidegate_api::{
    ChangefeedDetail, ChangefeedStatus, ChangefeedSummary, DetailError, ReplicaConfig, RunningError, SinkUri,
    TaskStatus,
};
use tidegate_model::Ts;

use super::ReplicationService;
use crate::feed::{self, State};
use crate::owner::{Env, FeedView, display_time, rfc3339_local};

/// How the original shows the time of a checkpoint it does not know.
pub(super) const EPOCH: Ts = Ts::ZERO;

impl ReplicationService {
    pub(super) fn time(&self, ts: Ts) -> String {
        display_time(ts.physical_ms(), &self.env.zone)
    }

    /// An item of the list.
    pub(super) fn summary(&self, view: &FeedView) -> ChangefeedSummary {
        let shown = match view.state {
            State::Pending => State::Warning,
            state => state,
        };
        let error = shown_error(view);
        ChangefeedSummary {
            upstream_id: view.info.upstream_id,
            namespace: view.info.id.namespace.to_string(),
            id: view.info.id.id.to_string(),
            state: shown.as_str().to_owned(),
            checkpoint_tso: view.checkpoint.as_u64(),
            checkpoint_time: self.time(view.checkpoint),
            error: error.map(|error| running_error(&self.env, error)),
        }
    }

    /// Everything about a changefeed, its config without the members its sink cannot use.
    pub(super) fn detail(&self, view: &FeedView) -> ChangefeedDetail {
        let config = match SinkUri::parse(&view.info.sink_uri) {
            Ok(uri) => view.info.config.pruned(uri.kind()),
            Err(_) => view.info.config.clone(),
        };
        self.detail_with(view, config)
    }

    /// The answer to a creation: the config is shown in full.
    pub(super) fn created(&self, view: &FeedView) -> ChangefeedDetail {
        ChangefeedDetail {
            state: State::Normal.as_str().to_owned(),
            admin_job_type: 0,
            resolved_ts: view.info.start_ts.as_u64(),
            checkpoint_ts: view.info.start_ts.as_u64(),
            checkpoint_time: self.time(view.info.start_ts),
            error: None,
            task_status: Vec::new(),
            ..self.detail_with(view, view.info.config.clone())
        }
    }

    fn detail_with(&self, view: &FeedView, config: ReplicaConfig) -> ChangefeedDetail {
        ChangefeedDetail {
            config: Some(config.masked()),
            task_status: self.task_status(view),
            ..self.brief(view)
        }
    }

    /// Everything but the config and the tables.
    pub(super) fn brief(&self, view: &FeedView) -> ChangefeedDetail {
        let error = shown_error(view);
        ChangefeedDetail {
            upstream_id: view.info.upstream_id,
            namespace: view.info.id.namespace.to_string(),
            id: view.info.id.id.to_string(),
            sink_uri: tidegate_model::mask_uri(&view.info.sink_uri),
            create_time: rfc3339_local(view.info.create_ms, &self.env.zone),
            start_ts: view.info.start_ts.as_u64(),
            target_ts: view.info.target_ts.as_u64(),
            admin_job_type: view.state.admin_job_type(),
            config: None,
            state: view.state.as_str().to_owned(),
            error: error.map(|error| DetailError {
                addr: self.env.address.clone(),
                code: error.code.clone(),
                message: error.message.clone(),
            }),
            creator_version: view.info.creator_version.clone(),
            resolved_ts: view.resolved.as_u64(),
            checkpoint_ts: view.checkpoint.as_u64(),
            checkpoint_time: self.time(view.checkpoint),
            task_status: Vec::new(),
        }
    }

    /// The short form. Trouble older than the checkpoint is over and left out.
    pub(super) fn status(&self, view: &FeedView) -> ChangefeedStatus {
        let fresh = |error: &&feed::RunningError| error.time_ms > view.checkpoint.physical_ms();
        ChangefeedStatus {
            state: view.state.as_str().to_owned(),
            resolved_ts: view.resolved.as_u64(),
            checkpoint_ts: view.checkpoint.as_u64(),
            last_error: view
                .error
                .as_ref()
                .filter(fresh)
                .map(|error| running_error(&self.env, error)),
            last_warning: view
                .warning
                .as_ref()
                .filter(fresh)
                .map(|warning| running_error(&self.env, warning)),
        }
    }

    fn task_status(&self, view: &FeedView) -> Vec<TaskStatus> {
        if !view.state.is_running() {
            return Vec::new();
        }
        vec![TaskStatus {
            capture_id: self.env.capture.id.clone(),
            table_ids: self.table_ids(view),
        }]
    }

    /// Ids of the tables it replicates, as the upstream's catalogue was read last; tables without an id are left out.
    pub(super) fn table_ids(&self, view: &FeedView) -> Vec<i64> {
        let mut ids: Vec<i64> = self
            .replicated(&view.info.config)
            .iter()
            .map(|table| table.id)
            .collect();
        ids.retain(|id| *id != 0);
        ids.sort_unstable();
        ids
    }
}

/// What is wrong, where something is: the error that stopped it, else the latest trouble that is being retried. The
/// original leaves the latter out of a single changefeed, so that it can be in `warning` without a word.
fn shown_error(view: &FeedView) -> Option<&feed::RunningError> {
    match view.state {
        State::Normal | State::Finished | State::Removed => None,
        // All that can be wrong with it: the log it needs will be gone.
        State::Stopped => view.warning.as_ref(),
        State::Warning | State::Pending | State::Failed => view.error.as_ref().or(view.warning.as_ref()),
    }
}

/// An error as lists show it.
pub(super) fn running_error(env: &Env, error: &feed::RunningError) -> RunningError {
    RunningError {
        time: rfc3339_local(error.time_ms, &env.zone),
        addr: env.address.clone(),
        code: error.code.clone(),
        message: error.message.clone(),
    }
}
