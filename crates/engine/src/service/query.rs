//! Reading changefeeds, captures, processors and clocks.

use tidegate_api::{
    Capture, ChangefeedDetail, ChangefeedStatus, ChangefeedSummary, MetaEntry, OwnerChangefeed, Processor,
    ProcessorDetail, ServerStatus, SyncedRequest, SyncedRequestStatus, SyncedStatus, SyncedStatusConfig, Tso,
};
use tidegate_model::{CdcError, ChangefeedId, ErrorCode, Result, Ts, is_valid_id};

use super::ReplicationService;
use super::answer::{EPOCH, running_error};
use crate::feed::State;
use crate::owner::FeedView;
use crate::synced;

/// `synced_check_interval` and `checkpoint_interval` in seconds where the config has none, as in the original.
const SYNCED_DEFAULTS: (i64, i64) = (300, 15);

impl ReplicationService {
    /// The changefeeds of a namespace by id. `state`: none or empty means all that are not finished, `all` every one,
    /// another word those in that state, shown or internal (`warning` has the pending ones too).
    ///
    /// # Errors
    /// None so far.
    #[allow(clippy::unused_async, reason = "a server of a cluster asks the owner")]
    pub async fn list_changefeeds(
        &self,
        namespace: &str,
        state: Option<&str>,
    ) -> Result<Vec<ChangefeedSummary>> {
        let namespace = ChangefeedId::new(namespace, "").namespace;
        let all = self.registry.all();
        let views = all
            .iter()
            .filter(|handle| handle.id.namespace == namespace)
            .map(|handle| handle.view());
        Ok(views
            .filter(|view| is_listed(view.state, state))
            .map(|view| self.summary(&view))
            .collect())
    }

    /// Names of all changefeeds of all namespaces, in order.
    pub fn changefeed_ids(&self) -> Vec<ChangefeedId> {
        self.registry
            .all()
            .iter()
            .map(|handle| handle.id.clone())
            .collect()
    }

    /// All changefeeds of all namespaces, in order, without `config` and `task_status`: those cost a look at every table
    /// of the upstream.
    pub fn changefeed_briefs(&self) -> Vec<ChangefeedDetail> {
        let all = self.registry.all();
        all.iter().map(|handle| self.brief(&handle.view())).collect()
    }

    /// Whether the upstream's log is being read right now.
    pub fn is_upstream_connected(&self) -> bool {
        self.env.upstream.watermark().borrow().connected
    }

    /// The point from which on the upstream's log was complete when it was asked last, within a minute or so; `None`
    /// before the first answer.
    pub fn oldest_kept(&self) -> Option<Ts> {
        let oldest = self.env.oldest.load(std::sync::atomic::Ordering::Relaxed);
        (oldest > 0).then(|| Ts::from_u64(oldest))
    }

    /// Where the upstream's log is being read, for people: GTID and file:offset.
    pub fn read_position(&self) -> String {
        self.env.upstream.watermark().borrow().position.clone()
    }

    /// One changefeed.
    ///
    /// # Errors
    /// `ChangeFeedNotExists`.
    #[allow(clippy::unused_async, reason = "a server of a cluster asks the owner")]
    pub async fn get_changefeed(&self, id: &ChangefeedId) -> Result<ChangefeedDetail> {
        Ok(self.detail(&self.registry.get(id)?.view()))
    }

    /// As [`ReplicationService::get_changefeed`], for the endpoint of that name. Secrets are masked here too.
    ///
    /// # Errors
    /// `ChangeFeedNotExists`.
    pub async fn meta_info(&self, id: &ChangefeedId) -> Result<ChangefeedDetail> {
        self.get_changefeed(id).await
    }

    /// State and progress of one changefeed.
    ///
    /// # Errors
    /// `ChangeFeedNotExists`.
    #[allow(clippy::unused_async, reason = "a server of a cluster asks the owner")]
    pub async fn changefeed_status(&self, id: &ChangefeedId) -> Result<ChangefeedStatus> {
        Ok(self.status(&self.registry.get(id)?.view()))
    }

    /// Whether the changefeed has nothing left to do. Asks the upstream for its clock; an upstream that does not
    /// answer is part of the verdict, not an error.
    ///
    /// # Errors
    /// `ChangeFeedNotExists`.
    pub async fn synced(&self, id: &ChangefeedId, request: Option<SyncedRequest>) -> Result<SyncedStatus> {
        let view = self.registry.get(id)?.view();
        let asked = request
            .and_then(|request| request.replica_config)
            .and_then(|config| config.synced_status);
        let (synced_check, checkpoint_interval) =
            synced_intervals(asked, view.info.config.synced_status.as_ref());
        let now = self.env.upstream.now().await;
        let now_ts = now.as_ref().map_or(EPOCH, |now| *now);
        let last_synced = self.last_synced(&view);
        let milliseconds = |seconds: i64| u64::try_from(seconds).unwrap_or(0).saturating_mul(1000);
        let (synced, info) = synced::decide(&synced::Inputs {
            now_ms: now.map(Ts::physical_ms).map_err(|error| error.wire_message()),
            checkpoint_ms: view.checkpoint.physical_ms(),
            pulled_ms: view.pulled.physical_ms(),
            last_synced_ms: last_synced.physical_ms(),
            synced_check_ms: milliseconds(synced_check),
            checkpoint_interval_ms: milliseconds(checkpoint_interval),
        });
        Ok(SyncedStatus {
            synced,
            sink_checkpoint_ts: self.time(view.checkpoint),
            puller_resolved_ts: self.time(view.pulled),
            last_synced_ts: self.time(last_synced),
            now_ts: self.time(now_ts),
            info,
        })
    }

    /// The servers of the cluster: this one.
    ///
    /// # Errors
    /// None so far.
    #[allow(clippy::unused_async, reason = "a server of a cluster asks the owner")]
    pub async fn captures(&self) -> Result<Vec<Capture>> {
        Ok(vec![Capture {
            id: self.env.capture.id.clone(),
            is_owner: true,
            address: self.env.capture.address.clone(),
            cluster_id: self.env.capture.cluster_id.clone(),
        }])
    }

    /// The running pipelines of all namespaces.
    ///
    /// # Errors
    /// None so far.
    #[allow(clippy::unused_async, reason = "a server of a cluster asks the owner")]
    pub async fn processors(&self) -> Result<Vec<Processor>> {
        let running = self
            .registry
            .all()
            .into_iter()
            .filter(|handle| handle.view().state.is_running());
        let processor = running.map(|handle| Processor {
            namespace: handle.id.namespace.to_string(),
            changefeed_id: handle.id.id.to_string(),
            capture_id: self.env.capture.id.clone(),
        });
        Ok(processor.collect())
    }

    /// The tables a pipeline replicates.
    ///
    /// # Errors
    /// `APIInvalidParam` for a capture id that is none or a changefeed that does not run, `ChangeFeedNotExists`,
    /// `CaptureNotExist`.
    #[allow(clippy::unused_async, reason = "a server of a cluster asks the owner")]
    pub async fn processor(&self, id: &ChangefeedId, capture_id: &str) -> Result<ProcessorDetail> {
        if !is_valid_id(capture_id) {
            let text = format!("invalid capture_id: {capture_id}");
            return Err(CdcError::new(ErrorCode::APIInvalidParam, text));
        }
        let view = self.registry.get(id)?.view();
        if !view.state.is_running() {
            return Err(CdcError::new(
                ErrorCode::APIInvalidParam,
                format_args!(
                    "changefeed in abnormal state: {}, can't get processors of it",
                    view.state.as_str()
                ),
            ));
        }
        if capture_id != self.env.capture.id {
            return Err(CdcError::new(
                ErrorCode::CaptureNotExist,
                format_args!("capture not exists, {capture_id}"),
            ));
        }
        Ok(ProcessorDetail {
            table_ids: Some(self.table_ids(&view)),
        })
    }

    /// Whether `id` is the server's upstream; 0 always is.
    ///
    /// # Errors
    /// `UpstreamNotFound`, and those of the upstream.
    pub async fn check_upstream(&self, id: u64) -> Result<()> {
        if id == 0 || id == self.upstream_id().await? {
            return Ok(());
        }
        Err(CdcError::new(
            ErrorCode::UpstreamNotFound,
            format_args!("upstream not found, cluster-id: {id}"),
        ))
    }

    /// The upstream's clock, as a place to start from: everything committed after the question was asked gets a
    /// greater ts, also where the upstream logs whole seconds.
    ///
    /// # Errors
    /// Those of the upstream; `UpstreamManagerNotReady` while its log is read too far behind.
    pub async fn tso(&self) -> Result<Tso> {
        let now = self.start_ts(Ts::ZERO, "tso").await?;
        Ok(Tso {
            timestamp: now.physical_ms(),
            logic_time: now.logical(),
        })
    }

    /// Gives up ownership; the only server of a cluster wins it back at once.
    ///
    /// # Errors
    /// None so far.
    #[allow(clippy::unused_async, reason = "a server of a cluster gives up a lease")]
    pub async fn resign_owner(&self) -> Result<()> {
        Ok(())
    }

    /// Moves all tables off a server; impossible with a single one.
    ///
    /// # Errors
    /// `SchedulerRequestFailed`.
    #[allow(clippy::unused_async, reason = "a server of a cluster asks the owner")]
    pub async fn drain_capture(&self, _capture_id: &str) -> Result<u64> {
        Err(CdcError::new(
            ErrorCode::SchedulerRequestFailed,
            "scheduler request failed, only one capture alive",
        ))
    }

    /// Moves one table to another server; impossible with a single one.
    ///
    /// # Errors
    /// `SchedulerRequestFailed`.
    #[allow(clippy::unused_async, reason = "a server of a cluster asks the owner")]
    pub async fn move_table(&self, _capture_id: &str) -> Result<()> {
        Err(CdcError::new(
            ErrorCode::SchedulerRequestFailed,
            "scheduler request failed, only one capture alive",
        ))
    }

    /// Whether the service does its work: loaded, and not shutting down. States of changefeeds do not matter.
    ///
    /// # Errors
    /// `ClusterIsUnhealthy`.
    #[allow(clippy::unused_async, reason = "a server of a cluster asks the owner")]
    pub async fn health(&self) -> Result<()> {
        if self.is_ready() {
            Ok(())
        } else {
            Err(CdcError::new(
                ErrorCode::ClusterIsUnhealthy,
                "TiCDC cluster is unhealthy",
            ))
        }
    }

    /// Every key of the metadata in order, with what may be shown of its value.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn metadata(&self) -> Result<Vec<MetaEntry>> {
        let entries = self.env.store.entries().await?.into_iter();
        Ok(entries.map(|(key, value)| MetaEntry { key, value }).collect())
    }

    /// A changefeed as the oldest clients ask for it; empty when it does not exist.
    pub fn owner_changefeed(&self, id: &ChangefeedId) -> OwnerChangefeed {
        let Ok(handle) = self.registry.get(id) else {
            return OwnerChangefeed::default();
        };
        let view = handle.view();
        let error = view.error.as_ref().filter(|_| view.state != State::Normal);
        OwnerChangefeed {
            state: view.state.as_str().to_owned(),
            tso: view.checkpoint.as_u64(),
            checkpoint: self.time(view.checkpoint),
            error: error.map(|error| running_error(&self.env, error)),
        }
    }

    /// Facts about this process.
    ///
    /// # Errors
    /// None so far.
    #[allow(clippy::unused_async, reason = "answered locally by every server")]
    pub async fn server_status(&self) -> Result<ServerStatus> {
        Ok(ServerStatus {
            version: self.env.capture.version.clone(),
            git_hash: self.env.capture.git_hash.clone(),
            id: self.env.capture.id.clone(),
            cluster_id: self.env.capture.cluster_id.clone(),
            pid: std::process::id(),
            is_owner: true,
            liveness: i32::from(!self.is_ready()),
        })
    }

    /// Commit-ts of the latest row; the epoch for a changefeed without any table.
    fn last_synced(&self, view: &FeedView) -> Ts {
        let last = view
            .run_view()
            .map_or(view.last_synced, |run| run.last_synced.max(view.last_synced));
        let wrote_rows = last > view.info.start_ts;
        if !wrote_rows && self.replicated(&view.info.config).is_empty() {
            EPOCH
        } else {
            last
        }
    }
}

fn is_listed(state: State, wanted: Option<&str>) -> bool {
    match wanted {
        None | Some("") => !matches!(state, State::Finished | State::Removed),
        Some("all") => true,
        Some("warning") => matches!(state, State::Warning | State::Pending),
        Some(word) => state.as_str() == word,
    }
}

/// Of the question, else of the changefeed unless one of the two is zero there, else the defaults.
fn synced_intervals(asked: Option<SyncedRequestStatus>, stored: Option<&SyncedStatusConfig>) -> (i64, i64) {
    if let Some(asked) = asked {
        return (
            asked.synced_check_interval.unwrap_or(SYNCED_DEFAULTS.0),
            asked.checkpoint_interval.unwrap_or(SYNCED_DEFAULTS.1),
        );
    }
    stored
        .map(|status| (status.synced_check_interval, status.checkpoint_interval))
        .filter(|(synced_check, checkpoint)| *synced_check != 0 && *checkpoint != 0)
        .unwrap_or(SYNCED_DEFAULTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A zero in the question once meant the defaults.
    #[test]
    fn a_question_for_synced_brings_its_own_intervals() {
        let asked = |synced_check_interval, checkpoint_interval| {
            Some(SyncedRequestStatus {
                synced_check_interval,
                checkpoint_interval,
            })
        };
        let stored = |synced_check_interval, checkpoint_interval| SyncedStatusConfig {
            synced_check_interval,
            checkpoint_interval,
        };
        assert_eq!(synced_intervals(None, None), (300, 15));
        assert_eq!(synced_intervals(None, Some(&stored(100, 5))), (100, 5));
        assert_eq!(synced_intervals(None, Some(&stored(100, 0))), (300, 15));
        assert_eq!(
            synced_intervals(asked(None, Some(1)), Some(&stored(100, 5))),
            (300, 1)
        );
        assert_eq!(synced_intervals(asked(Some(0), Some(0)), None), (0, 0));
    }
}
