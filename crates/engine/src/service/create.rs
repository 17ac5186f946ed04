//! Creating a changefeed.

use std::sync::Arc;

use tidegate_api::{ChangefeedDetail, CreateChangefeed};
use tidegate_model::{CdcError, ChangefeedId, ErrorCode, Result, Ts, is_valid_id};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{ReplicationService, owner_gone};
use crate::feed::{FeedState, State};
use crate::owner::{Creation, FeedInfo, stuck_duration};

impl ReplicationService {
    /// Checks everything, stores the changefeed and runs it. Visible to every later call once it returns.
    ///
    /// Checked in the order of the original: URI given, id, id free, upstream reachable, start-ts, target-ts,
    /// settings, tables, destination.
    ///
    /// # Errors
    /// `SinkURIInvalid`, `APIInvalidParam`, `ChangeFeedAlreadyExists`, `StartTsBeforeGC`, `TargetTsBeforeStartTs`,
    /// `TableIneligible`, `NotSupported` and those of settings, filter, upstream and sink.
    pub async fn create_changefeed(&self, request: CreateChangefeed) -> Result<ChangefeedDetail> {
        if request.sink_uri.is_empty() {
            return Err(CdcError::new(ErrorCode::SinkURIInvalid, "sink_uri is empty"));
        }
        let id = new_id(&request)?;
        let reservation = self.registry.reserve(&id)?;
        let start_ts = self.start_ts(Ts::from_u64(request.start_ts), "start-ts").await?;
        let target_ts = Ts::from_u64(request.target_ts);
        if !target_ts.is_zero() && target_ts <= start_ts {
            return Err(CdcError::new(
                ErrorCode::TargetTsBeforeStartTs,
                format_args!("target-ts {target_ts} is earlier than start-ts {start_ts}"),
            ));
        }
        let (uri, config) = self.check_settings(&request.sink_uri, request.replica_config)?;
        let info = FeedInfo {
            upstream_id: self.upstream_id().await?,
            id,
            sink_uri: request.sink_uri,
            create_ms: self.env.clock.unix_ms(),
            start_ts,
            target_ts,
            config,
            creator_version: self.env.capture.version.clone(),
            epoch: self.env.next_epoch(0),
        };
        self.check_targets(&info, &uri, start_ts).await?;

        let info = Arc::new(info);
        let stuck = stuck_duration(&info.config);
        let feed = FeedState::load(State::Normal, start_ts, stuck, info.epoch, self.env.now());
        let (handle, owner) = self.owner(Arc::clone(&info), feed, self.env.store.record(&info.id));
        let (reply, answer) = oneshot::channel();
        self.spawn_owner(&handle, owner.create(Creation { reservation, reply }));
        answer.await.map_err(|_dropped| owner_gone())??;
        Ok(self.created(&handle.view()))
    }

    /// A timestamp to start from: `wanted`, or now if it is zero. Checked to be neither in the future nor gone.
    pub(super) async fn start_ts(&self, wanted: Ts, name: &str) -> Result<Ts> {
        let now = self.env.upstream.now().await?;
        if wanted > now {
            return Err(CdcError::new(
                ErrorCode::APIInvalidParam,
                format_args!("invalid {name} {wanted}, larger than current tso {now}"),
            ));
        }
        let ts = if wanted.is_zero() { now } else { wanted };
        self.env.upstream.check_start(ts).await?;
        Ok(ts)
    }

    /// The upstream's id, asked for if it is not known yet.
    pub(super) async fn upstream_id(&self) -> Result<u64> {
        use std::sync::atomic::Ordering;
        let known = self.env.known_upstream_id();
        if known != 0 {
            return Ok(known);
        }
        let id = self.env.upstream.probe().await?.id;
        self.env.upstream_id.store(id, Ordering::Release);
        Ok(id)
    }
}

fn new_id(request: &CreateChangefeed) -> Result<ChangefeedId> {
    let id = if request.changefeed_id.is_empty() {
        Uuid::new_v4().to_string()
    } else {
        request.changefeed_id.clone()
    };
    let id = ChangefeedId::new(&request.namespace, &id);
    for (name, value) in [("changefeed_id", &id.id), ("namespace", &id.namespace)] {
        if !is_valid_id(value) {
            return Err(CdcError::new(
                ErrorCode::APIInvalidParam,
                format_args!(
                    "invalid {name}: {value}: it must be 1 to 128 letters and digits, single hyphens inside allowed"
                ),
            ));
        }
    }
    Ok(id)
}
