//! What the shared reader, the pullers and the API side of one upstream have in common.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use mysql_async::Conn;
use tidegate_model::{CdcError, ErrorCode, Result, Ts};
use tidegate_mysql::binlog::CollationTable;
use tidegate_mysql::{DumpRequest, DumpStart, DumpStream, Flavour, NameCase, Position, ServerFacts};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use super::anchor_store::AnchorStore;
use super::assemble::Assembler;
use super::hints::Hints;
use super::options::MysqlOptions;
use super::questions::Questions;
use super::ring::Ring;
use super::schema_log::SchemaLog;
use super::spill::SpillDir;
use super::successor::Servers;
use super::timeline::Timeline;
use super::turns::Turns;
use crate::UpstreamWatermark;

/// Longest wait for a dump to begin. A server with many files looks for the place first.
const OPEN_TIMEOUT: Duration = Duration::from_secs(120);
/// Longest wait for the shared reader to reach the present.
const PASS_TIMEOUT: Duration = Duration::from_secs(10);

/// See the module's page.
pub(crate) struct Shared {
    pub(crate) id: u64,
    pub(crate) options: MysqlOptions,
    facts: RwLock<Arc<ServerFacts>>,
    warnings: Mutex<Vec<String>>,
    pub(crate) flavour: Flavour,
    pub(crate) collations: Arc<CollationTable>,
    /// Under which names tables are known. A server that changes it has to be set up anew.
    pub(crate) names: NameCase,
    pub(crate) anchors: AnchorStore,
    /// Which server answers, over failovers.
    pub(crate) servers: Servers,
    timeline: RwLock<Timeline>,
    /// What an earlier process had read up to for good. The shared reader may begin a little before it.
    loaded_floor: Ts,
    pub(crate) schema: SchemaLog,
    pub(crate) hints: Hints,
    pub(crate) ring: Ring,
    pub(crate) spill: Arc<SpillDir>,
    /// After the last group that is in the ring.
    position: watch::Sender<Position>,
    pub(crate) watermark: watch::Sender<UpstreamWatermark>,
    pub(crate) turns: Turns,
    /// For pullers and the API.
    pub(crate) questions: Questions,
    /// For the shared reader, which must not wait behind a long question of somebody else.
    pub(crate) own_questions: Questions,
    /// Somebody starts at this ts: no later commit may get a smaller one.
    start_wanted: Mutex<Ts>,
    /// Wakes the shared reader to look at `start_wanted`.
    pub(crate) probe_now: Notify,
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
    pub(crate) hints: Hints,
    pub(crate) spill: Arc<SpillDir>,
    pub(crate) servers: Servers,
    pub(crate) position: Position,
    pub(crate) control: Conn,
}

impl Shared {
    pub(crate) fn new(parts: Parts) -> Self {
        Shared {
            id: parts.id,
            flavour: parts.facts.flavour(),
            names: parts.facts.name_case(),
            ring: Ring::new(parts.options.ring_bytes, parts.options.ring_file_bytes),
            turns: Turns::new(parts.options.private_readers_max, parts.options.private_turn),
            questions: Questions::new(parts.options.connect.clone(), None),
            own_questions: Questions::new(parts.options.connect.clone(), Some(parts.control)),
            options: parts.options,
            facts: RwLock::new(Arc::new(parts.facts)),
            warnings: Mutex::new(parts.warnings),
            collations: Arc::new(parts.collations),
            anchors: parts.anchors,
            servers: parts.servers,
            loaded_floor: parts.timeline.last().map_or(Ts::ZERO, |last| last.floor),
            timeline: RwLock::new(parts.timeline),
            schema: parts.schema,
            hints: parts.hints,
            spill: parts.spill,
            position: watch::Sender::new(parts.position),
            watermark: watch::Sender::default(),
            start_wanted: Mutex::default(),
            probe_now: Notify::new(),
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

    /// Cuts a dump that begins after `position` into groups.
    pub(crate) fn assembler(&self, position: Position) -> Assembler {
        Assembler::new(self.flavour, position, Arc::clone(&self.collations)).with_names(self.names)
    }

    /// Opens the dump of the shared reader, by new connections: the address may lead to another server than before.
    ///
    /// # Errors
    /// `UpstreamDiverged`, `UpstreamMisconfigured` when the server cannot go on after `position`; those of connecting.
    pub(crate) async fn open_shared_dump(&self, position: &Position, server_id: u32) -> Result<DumpStream> {
        self.questions.renew();
        self.own_questions.renew();
        let (facts, end) = self.own_questions.server().await?;
        self.servers.found(facts.identity(), end.clone());
        self.check_server(&facts, &end, position)?;
        let server = facts.identity();
        self.set_facts(facts);
        self.open_dump(position, server_id, server).await
    }

    /// Opens the dump of a private reader.
    ///
    /// # Errors
    /// As [`Shared::open_shared_dump`].
    pub(crate) async fn open_private_dump(&self, position: &Position, server_id: u32) -> Result<DumpStream> {
        let (facts, end) = self.questions.server().await?;
        self.check_server(&facts, &end, position)?;
        self.open_dump(position, server_id, facts.identity()).await
    }

    fn check_server(&self, facts: &ServerFacts, end: &Position, read: &Position) -> Result<()> {
        let address = self.options.connect.address();
        if (facts.flavour(), facts.name_case()) != (self.flavour, self.names) {
            return Err(CdcError::new(
                ErrorCode::UpstreamMisconfigured,
                format!(
                    "another kind of server answers at {address}: {} with lower_case_table_names = {}. Let the address lead to a \
                     server like the first, or begin with an empty data directory",
                    facts.version,
                    facts.variable("lower_case_table_names")
                ),
            ));
        }
        self.servers.check(facts, end, read, &address)
    }

    async fn open_dump(&self, position: &Position, server_id: u32, server: String) -> Result<DumpStream> {
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
            server: Some(server),
        };
        timeout(
            OPEN_TIMEOUT,
            DumpStream::open(&self.options.connect, self.flavour, &request),
        )
        .await
        .unwrap_or_else(|_elapsed| {
            Err(CdcError::new(
                ErrorCode::UpstreamConnection,
                "the upstream does not answer the request for its binlog",
            ))
        })
    }

    /// How long a dump may be silent before it counts as dead.
    pub(crate) fn silence_max(&self) -> Duration {
        self.options.heartbeat * 3 + Duration::from_secs(10)
    }

    /// Returns once every commit that is not read yet is certain to get a timestamp above `ts`, which is not in the
    /// future of the server's clock. A commit time may lie far before the commit (MariaDB logs when the statement
    /// began), so a clock alone is no place to start from.
    ///
    /// # Errors
    /// `UpstreamManagerNotReady` while the shared reader is too far behind.
    pub(crate) async fn pass(&self, ts: Ts) -> Result<()> {
        let mut changes = self.ring.subscribe();
        if self.has_passed(ts) {
            return Ok(());
        }
        {
            let mut wanted = self.start_wanted.lock().unwrap_or_else(PoisonError::into_inner);
            *wanted = (*wanted).max(ts);
        }
        self.probe_now.notify_one();
        let passed = timeout(PASS_TIMEOUT, changes.wait_for(|_| self.ring.resolved() >= ts)).await;
        match passed {
            Ok(Ok(_)) => Ok(()),
            _ => Err(CdcError::new(
                ErrorCode::UpstreamManagerNotReady,
                format!("the binlog has been read up to {} only", self.ring.resolved()),
            )),
        }
    }

    /// Whether every commit that is not read yet is certain to get a timestamp above `ts`.
    pub(crate) fn has_passed(&self, ts: Ts) -> bool {
        ts <= self.loaded_floor || ts <= self.ring.resolved()
    }

    /// The ts that somebody wants to start at.
    pub(crate) fn start_wanted(&self) -> Ts {
        *self.start_wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The oldest ts from which everything can still be read.
    pub(crate) fn oldest(&self) -> Ts {
        self.timeline().first().map_or(Ts::MAX, |anchor| anchor.end_ts)
    }
}
