//! From a changefeed's description to its sink.

use std::fmt;
use std::sync::Arc;

use jiff::tz::TimeZone;
use tidegate_api::{ReplicaConfig, Scheme, SinkUri};
use tidegate_model::{CdcError, ChangefeedId, Clock, ErrorCode, Result, SystemClock, Trouble, Ts};

use crate::blackhole::Blackhole;
use crate::mysql;
use crate::sink::{BoxFut, EventSink};
use crate::storage;

/// Everything a sink needs to know about its changefeed.
#[derive(Clone, Debug)]
pub struct SinkSpec {
    /// Whose sink it is.
    pub changefeed: ChangefeedId,
    /// Name of the cluster: with the changefeed's it identifies the bookkeeping in a database.
    pub cluster_id: String,
    /// Names the history that the changefeed replays, in at most 64 characters: another one after it was removed and
    /// made again, or was told to start from another point. What a destination remembers of an earlier one is void.
    pub incarnation: String,
    /// Where to deliver.
    pub uri: SinkUri,
    /// How to deliver.
    pub config: ReplicaConfig,
    /// Rows with a commit-ts up to here may have been written by an earlier run, so they are written in a form that
    /// overwrites. Best the upstream's newest ts; the sink itself takes the time of day when that is later.
    pub replicate_ts: Ts,
    /// The server's time zone.
    pub time_zone: TimeZone,
    /// Told of every trouble that the sink retries inside, so that it can be shown.
    pub on_trouble: OnTrouble,
}

/// Hears of failures that are being retried. May be called from any task; must not block.
#[derive(Clone)]
pub struct OnTrouble(Arc<dyn Fn(&Trouble) + Send + Sync>);

impl OnTrouble {
    /// Calls `hear` with each of them.
    pub fn new(hear: impl Fn(&Trouble) + Send + Sync + 'static) -> Self {
        OnTrouble(Arc::new(hear))
    }

    /// Reports a failure that is being retried.
    pub fn tell(&self, trouble: &Trouble) {
        (self.0)(trouble);
    }
}

/// Hears nothing.
impl Default for OnTrouble {
    fn default() -> Self {
        OnTrouble::new(|_| ())
    }
}

impl fmt::Debug for OnTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnTrouble")
    }
}

/// What a check found at the destination.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Destination {
    /// Names the database server, whatever address it was reached at; `None`: it is no database.
    pub server_name: Option<String>,
}

/// Opens sinks. The engine holds it as an object, so that simulations can bring their own.
pub trait SinkOpener: Send + Sync + 'static {
    /// Connects to the destination and starts the sink's tasks. May be dropped while it runs.
    ///
    /// # Errors
    /// As [`open`].
    fn open(&self, spec: SinkSpec) -> BoxFut<'_, Arc<dyn EventSink>>;

    /// Checks settings and destination without leaving anything behind. Answers as [`check`].
    ///
    /// # Errors
    /// As [`check`].
    fn check(&self, spec: SinkSpec) -> BoxFut<'_, Destination>;
}

/// The sinks of this crate.
#[derive(Copy, Clone, Debug, Default)]
pub struct Sinks;

impl SinkOpener for Sinks {
    fn open(&self, spec: SinkSpec) -> BoxFut<'_, Arc<dyn EventSink>> {
        Box::pin(open(spec))
    }

    fn check(&self, spec: SinkSpec) -> BoxFut<'_, Destination> {
        Box::pin(check(spec))
    }
}

/// Opens the sink that the URI's scheme names.
///
/// # Errors
/// `SinkURIInvalid` for an unsupported scheme; `MySQLInvalidConfig`, `StorageSinkInvalidConfig`,
/// `SinkUnknownProtocol`, `NotSupported` for a setting; `MySQLConnectionError`, `ExternalStorageAPI` when the
/// destination cannot be used.
pub async fn open(spec: SinkSpec) -> Result<Arc<dyn EventSink>> {
    let clock = SystemClock;
    Ok(match spec.uri.kind() {
        Scheme::Blackhole => Arc::new(Blackhole::new(&spec.changefeed)),
        Scheme::Mysql => {
            let now = Ts::from_physical_ms(clock.unix_ms());
            Arc::new(mysql::open(&spec, spec.replicate_ts.max(now)).await?)
        }
        Scheme::File | Scheme::S3 | Scheme::Gcs | Scheme::Azure => {
            Arc::new(storage::open(&spec, Arc::new(clock)).await?)
        }
        _ => return Err(unsupported(&spec.uri)),
    })
}

/// Checks what [`open`] would open: settings, login and privileges, or that files can be written. Answers what it
/// found there.
///
/// # Errors
/// As [`open`].
pub async fn check(spec: SinkSpec) -> Result<Destination> {
    match spec.uri.kind() {
        Scheme::Blackhole => {}
        Scheme::Mysql => {
            let server_name = Some(mysql::check(&spec).await?);
            return Ok(Destination { server_name });
        }
        Scheme::File | Scheme::S3 | Scheme::Gcs | Scheme::Azure => storage::check(&spec).await?,
        _ => return Err(unsupported(&spec.uri)),
    }
    Ok(Destination::default())
}

/// Drops the figures of a removed changefeed.
pub fn forget(changefeed: &ChangefeedId) {
    crate::blackhole::forget(changefeed);
    mysql::forget(changefeed);
    storage::forget(changefeed);
}

fn unsupported(uri: &SinkUri) -> CdcError {
    CdcError::new(
        ErrorCode::SinkURIInvalid,
        format_args!(
            "the sink scheme ({}) is not supported; supported are {}",
            uri.scheme(),
            Scheme::SUPPORTED_NAMES
        ),
    )
}
