//! Creating a changefeed.

use std::sync::Arc;

use tidegate_api::{ChangefeedDetail, CreateChangefeed, Finding, Findings};
use tidegate_model::{CdcError, ChangefeedId, ErrorCode, Result, Ts, is_valid_id};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{ReplicationService, owner_gone};
use crate::feed::{FeedState, State};
use crate::owner::{Creation, FeedInfo, Reservation, stuck_duration};

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
        let mut findings = Findings::first_error();
        let Some(plan) = self.plan(request, &mut findings).await? else {
            // A plan without an error is complete.
            return Err(owner_gone());
        };
        let info = Arc::new(plan.info);
        let stuck = stuck_duration(&info.config);
        let feed = FeedState::load(State::Normal, info.start_ts, stuck, info.epoch, self.env.now());
        let (handle, owner) = self.owner(Arc::clone(&info), feed, self.env.store.record(&info.id));
        let (reply, answer) = oneshot::channel();
        let reservation = plan.reservation;
        self.spawn_owner(&handle, owner.create(Creation { reservation, reply }));
        answer.await.map_err(|_dropped| owner_gone())??;
        Ok(self.created(&handle.view()))
    }

    /// Everything that would keep a changefeed from being created, in the order of [`Self::create_changefeed`], and
    /// what would probably not be as intended. Connects to the destination unless its description is wrong; creates
    /// nothing.
    ///
    /// # Errors
    /// None: faults of the upstream and the destination are findings too.
    pub async fn validate_changefeed(&self, request: CreateChangefeed) -> Result<Vec<Finding>> {
        let mut findings = Findings::all();
        // What was planned is dropped.
        self.plan(request, &mut findings).await?;
        Ok(findings.into_shown())
    }

    /// Checks a request, and takes its id unless all findings are wanted. `None`: nothing can be created by it.
    async fn plan(&self, request: CreateChangefeed, findings: &mut Findings) -> Result<Option<Plan>> {
        if request.sink_uri.is_empty() {
            let error = CdcError::new(ErrorCode::SinkURIInvalid, "sink_uri is empty");
            findings.error("/sink_uri", error)?;
        }
        let id = new_id(&request, findings)?;
        let reservation = if findings.wants_all() {
            // A check takes nothing: it would stand in the way of whoever creates the changefeed meanwhile.
            findings.take("/changefeed_id", self.registry.check_free(&id))?;
            None
        } else {
            findings.take("/changefeed_id", self.registry.reserve(&id))?
        };
        let start_ts = self.start_ts(Ts::from_u64(request.start_ts), "start-ts").await;
        let start_ts = findings.take("/start_ts", start_ts)?;
        let target_ts = Ts::from_u64(request.target_ts);
        if let Some(start_ts) = start_ts
            && !target_ts.is_zero()
            && target_ts <= start_ts
        {
            let text = format!("target-ts {target_ts} is earlier than start-ts {start_ts}");
            findings.error(
                "/target_ts",
                CdcError::new(ErrorCode::TargetTsBeforeStartTs, text),
            )?;
        }
        let start_ts = start_ts.unwrap_or_default();
        let mut info = FeedInfo {
            upstream_id: findings.take("", self.upstream_id().await)?.unwrap_or_default(),
            id,
            sink_uri: request.sink_uri,
            create_ms: self.env.clock.unix_ms(),
            start_ts,
            target_ts,
            config: request.replica_config,
            creator_version: self.env.capture.version.clone(),
            epoch: self.env.next_epoch(0),
        };
        if !info.sink_uri.is_empty() {
            self.check_settings(&mut info, start_ts, findings).await?;
        }
        Ok(reservation.map(|reservation| Plan { reservation, info }))
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

/// A changefeed that may be created.
struct Plan {
    reservation: Reservation,
    info: FeedInfo,
}

fn new_id(request: &CreateChangefeed, findings: &mut Findings) -> Result<ChangefeedId> {
    let id = if request.changefeed_id.is_empty() {
        Uuid::new_v4().to_string()
    } else {
        request.changefeed_id.clone()
    };
    let id = ChangefeedId::new(&request.namespace, &id);
    for (name, value) in [("changefeed_id", &id.id), ("namespace", &id.namespace)] {
        if !is_valid_id(value) {
            let text = format!(
                "invalid {name}: {value}: it must be 1 to 128 letters and digits, single hyphens inside allowed"
            );
            findings.error(
                format!("/{name}"),
                CdcError::new(ErrorCode::APIInvalidParam, text),
            )?;
        }
    }
    Ok(id)
}
