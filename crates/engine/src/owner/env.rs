//! What all owners share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::tz::TimeZone;
use tidegate_api::SinkUri;
use tidegate_model::{Clock, Result, Ts};
use tidegate_sink::{OnTrouble, SinkOpener, SinkSpec};
use tidegate_upstream::Upstream;
use tokio::time::Instant;

use super::openings::Openings;
use super::record::FeedInfo;
use super::store::FeedStore;
use crate::feed::Now;
use crate::reason::Facts;

/// Facts about this server that the API shows.
#[derive(Clone, Debug)]
pub struct Capture {
    /// Random, new at each start.
    pub id: String,
    /// `host:port` under which others reach it.
    pub address: String,
    /// Version reported by the API.
    pub version: String,
    /// Commit the server was built from.
    pub git_hash: String,
    /// Name of the cluster, `default` unless chosen.
    pub cluster_id: String,
}

pub(crate) struct Env {
    pub(crate) upstream: Arc<dyn Upstream>,
    pub(crate) sinks: Arc<dyn SinkOpener>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) zone: TimeZone,
    pub(crate) capture: Capture,
    pub(crate) address: String,
    pub(crate) store: FeedStore,
    /// Zero until the upstream could be asked.
    pub(crate) upstream_id: AtomicU64,
    /// Where the upstream's log began when it was asked last; zero before.
    pub(crate) oldest: AtomicU64,
    pub(crate) openings: Openings,
    started: Instant,
}

impl Env {
    pub(crate) fn new(
        upstream: Arc<dyn Upstream>,
        store: FeedStore,
        sinks: Arc<dyn SinkOpener>,
        clock: Arc<dyn Clock>,
        capture: Capture,
        zone: TimeZone,
    ) -> Self {
        Env {
            upstream,
            sinks,
            clock,
            zone,
            address: capture.address.clone(),
            capture,
            store,
            upstream_id: AtomicU64::new(0),
            oldest: AtomicU64::new(0),
            openings: Openings::default(),
            started: Instant::now(),
        }
    }

    pub(crate) fn now(&self) -> Now {
        Now {
            mono: self.started.elapsed(),
            unix_ms: self.clock.unix_ms(),
        }
    }

    pub(crate) fn facts(&self) -> Facts {
        Facts {
            unix_ms: self.clock.unix_ms(),
            now: Instant::now(),
            upstream: self.upstream.watermark().borrow().clone(),
        }
    }

    /// An epoch later than `previous`.
    pub(crate) fn next_epoch(&self, previous: u64) -> u64 {
        Ts::from_physical_ms(self.clock.unix_ms())
            .as_u64()
            .max(previous.saturating_add(1))
    }

    /// The next instant of a beat that is the same for everybody.
    pub(crate) fn next_tick(&self, period: Duration) -> Instant {
        let beats = self.started.elapsed().as_nanos() / period.as_nanos() + 1;
        self.started + period.saturating_mul(u32::try_from(beats).unwrap_or(u32::MAX))
    }

    pub(crate) fn known_upstream_id(&self) -> u64 {
        self.upstream_id.load(Ordering::Acquire)
    }

    /// How the sink of a changefeed is opened.
    pub(crate) fn sink_spec(&self, info: &FeedInfo, replicate_ts: Ts) -> Result<SinkSpec> {
        Ok(SinkSpec {
            changefeed: info.id.clone(),
            cluster_id: self.capture.cluster_id.clone(),
            incarnation: format!("{}-{}", info.create_ms, info.start_ts),
            uri: SinkUri::parse(&info.sink_uri)?,
            config: info.config.clone(),
            replicate_ts,
            time_zone: self.zone.clone(),
            on_trouble: OnTrouble::default(),
        })
    }
}
