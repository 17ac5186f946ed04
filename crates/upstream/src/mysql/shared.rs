//! What the shared reader, the pullers and the API side of one upstream have in common.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use mysql_async::Conn;
use tidegate_model::{CdcError, ErrorCode, Result, Ts};
use tidegate_mysql::binlog::CollationTable;
use tidegate_mysql::{DumpRequest, DumpStart, DumpStream, Flavour, Position, ServerFacts};
use tokio::sync::{Semaphore, watch};

use super::anchor_store::AnchorStore;
use super::hints::Hints;
use super::options::MysqlOptions;
use super::questions::Questions;
use super::ring::Ring;
use super::schema_log::SchemaLog;
use super::spill::SpillDir;
use super::timeline::Timeline;
use crate::UpstreamWatermark;

/// Replica ids are taken from here on: far from what people number their servers with.
const SERVER_ID_MIN: u32 = 0x4000_0000;
const SERVER_ID_RANGE: u32 = 0xBFFF_FFF0;

/// See the module's page.
pub(crate) struct Shared {
    pub(crate) id: u64,
    pub(crate) options: MysqlOptions,
    facts: RwLock<Arc<ServerFacts>>,
    warnings: Mutex<Vec<String>>,
    pub(crate) flavour: Flavour,
    pub(crate) collations: Arc<CollationTable>,
    pub(crate) anchors: AnchorStore,
    timeline: RwLock<Timeline>,
    pub(crate) schema: SchemaLog,
    pub(crate) hints: Hints,
    pub(crate) ring: Ring,
    pub(crate) spill: Arc<SpillDir>,
    /// After the last group that is in the ring.
    position: watch::Sender<Position>,
    pub(crate) watermark: watch::Sender<UpstreamWatermark>,
    pub(crate) private_readers: Semaphore,
    server_id: AtomicU32,
    pub(crate) questions: Questions,
}

/// Parts of [`Shared`] that are made before it.
pub(crate) struct Parts {
    pub(crate) id: u64,
    pub(crate) options: MysqlOptions,
    pub(crate) facts: ServerFacts,
    pub(crate) warnings: Vec<String>,
    pub(crate) collations: CollationTable,
    pub(crate) anchors: AnchorStore,
    pub(crate) timeline: Timeline,
    pub(crate) schema: SchemaLog,
    pub(crate) spill: Arc<SpillDir>,
    pub(crate) position: Position,
    pub(crate) control: Conn,
}

impl Shared {
    pub(crate) fn new(parts: Parts) -> Self {
        let server_id = parts
            .options
            .server_id
            .unwrap_or_else(|| SERVER_ID_MIN + (rand::random::<u32>() % SERVER_ID_RANGE));
        Shared {
            id: parts.id,
            flavour: parts.facts.flavour(),
            ring: Ring::new(parts.options.ring_bytes),
            private_readers: Semaphore::new(parts.options.private_readers_max),
            questions: Questions::new(parts.options.connect.clone(), parts.control),
            options: parts.options,
            facts: RwLock::new(Arc::new(parts.facts)),
            warnings: Mutex::new(parts.warnings),
            collations: Arc::new(parts.collations),
            anchors: parts.anchors,
            timeline: RwLock::new(parts.timeline),
            schema: parts.schema,
            hints: Hints::default(),
            spill: parts.spill,
            position: watch::Sender::new(parts.position),
            watermark: watch::Sender::default(),
            server_id: AtomicU32::new(server_id),
        }
    }

    pub(crate) fn facts(&self) -> Arc<ServerFacts> {
        Arc::clone(&self.facts.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set_facts(&self, facts: ServerFacts) {
        *self.facts.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(facts);
    }

    pub(crate) fn timeline(&self) -> RwLockReadGuard<'_, Timeline> {
        self.timeline.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn timeline_mut(&self) -> RwLockWriteGuard<'_, Timeline> {
        self.timeline.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn warnings(&self) -> MutexGuard<'_, Vec<String>> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn publish_position(&self, position: &Position) {
        self.position.send_replace(position.clone());
    }

    pub(crate) fn position(&self) -> watch::Receiver<Position> {
        self.position.subscribe()
    }

    /// A replica id that this process has not used yet.
    pub(crate) fn next_server_id(&self) -> u32 {
        self.server_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Opens a dump that begins after `position`.
    pub(crate) async fn open_dump(&self, position: &Position, server_id: u32) -> Result<DumpStream> {
        let start = match &position.gtid {
            Some(gtid) => DumpStart::Gtid(gtid.clone()),
            None => DumpStart::File {
                file: position.file.to_string(),
                offset: u32::try_from(position.offset).map_err(|_| {
                    CdcError::new(
                        ErrorCode::UpstreamMisconfigured,
                        format!(
                            "{} is larger than 4 GiB, which needs GTIDs: set gtid_mode=ON on the upstream",
                            position.file
                        ),
                    )
                })?,
            },
        };
        let request = DumpRequest {
            start,
            server_id,
            heartbeat: self.options.heartbeat,
            non_blocking: false,
        };
        DumpStream::open(&self.options.connect, self.flavour, &request).await
    }

    /// How long a dump may be silent before it counts as dead.
    pub(crate) fn silence_max(&self) -> Duration {
        self.options.heartbeat * 3 + Duration::from_secs(10)
    }

    /// The oldest ts from which everything can still be read.
    pub(crate) fn oldest(&self) -> Ts {
        self.timeline().first().map_or(Ts::MAX, |anchor| anchor.end_ts)
    }
}
