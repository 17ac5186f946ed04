//! Everything between "here is a URI" and "the shared reader may run".

use std::sync::Arc;

use mysql_async::Conn;
use tidegate_meta::{MetaStore, Write};
use tidegate_model::{CdcError, Clock, ErrorCode, Result, Ts};
use tidegate_mysql::{DumpRequest, DumpStart, DumpStream, Position, ServerFacts};

use super::anchor_store::AnchorStore;
use super::assemble::Assembler;
use super::control::{self, Probe};
use super::hint_store;
use super::hints::Hints;
use super::kept::Kept;
use super::maintenance;
use super::options::MysqlOptions;
use super::recovery::random_server_id;
use super::schema_log::SchemaLog;
use super::shared::{Parts, Shared};
use super::spill::SpillDir;
use super::successor::{self, Known, Servers};
use super::tail::Tail;
use super::timeline::{Anchor, Timeline};

/// A difference between the server's clock and ours that deserves a word.
const CLOCK_SKEW_MAX_MS: u64 = 5_000;

/// What the shared reader needs.
pub(crate) struct Ready {
    pub(crate) shared: Arc<Shared>,
    pub(crate) tail: Tail,
    pub(crate) assembler: Assembler,
}

/// Connects, checks, and loads the timeline or begins one.
pub(crate) async fn prepare(
    options: MysqlOptions,
    store: Arc<dyn MetaStore>,
    clock: &dyn Clock,
) -> Result<Ready> {
    let mut conn = control::open(&options.connect).await?;
    let facts = control::load_facts(&mut conn).await?;
    let mut warnings = facts.check(options.server_id).into_result()?;
    check_grants(&options, &facts, &mut conn).await?;
    let collations = control::load_collations(&mut conn).await?;
    let probe = control::origin(&mut conn, &facts).await?;
    if probe.clock_ms.abs_diff(clock.unix_ms()) > CLOCK_SKEW_MAX_MS {
        warnings.push(
            "the clocks of the upstream and of this server differ: lags are measured by the upstream's."
                .to_owned(),
        );
    }
    let noted = successor::load(&*store).await?;
    let known = noted.clone().unwrap_or_else(|| Known {
        id: upstream_id(&facts),
        server: facts.identity(),
    });
    let id = known.id;
    let anchors = AnchorStore::new(Arc::clone(&store), id);
    let timeline = anchors.load().await?;
    if let Some(last) = timeline.last()
        && known.server != facts.identity()
    {
        let address = options.connect.address();
        successor::judge(&known.server, &facts, &probe.end, &last.position, &address)?;
    }
    let kept = control::kept(&mut conn, &facts).await?;
    let timeline = resume_timeline(timeline, &anchors, id, &probe, &kept).await?;
    let schema = load_schema(&*store, id, &timeline).await?;
    let hints = load_hints(&*store, id, probe.clock_ms).await?;
    let (Some(from), Some(newest)) = (timeline.resume().cloned(), timeline.last().cloned()) else {
        return Err(CdcError::new(
            ErrorCode::InternalServerError,
            "the timeline has no anchor",
        ));
    };
    let spill = SpillDir::open(&options.spill_dir)?;
    let shared = Arc::new(Shared::new(Parts {
        id,
        options,
        facts,
        warnings,
        collations,
        anchors,
        timeline,
        schema,
        hints,
        spill,
        servers: Servers::new(store, known, noted.is_some()),
        position: from.position.clone(),
        control: conn,
    }));
    shared.ring.open(from.end_ts, from.floor);
    Ok(Ready {
        tail: Tail::new(&from, &newest, probe.clock_ms),
        assembler: shared.assembler(from.position),
        shared,
    })
}

/// Opens a dump for a moment: the only proof that the user may read the binlog.
async fn check_grants(options: &MysqlOptions, facts: &ServerFacts, conn: &mut Conn) -> Result<()> {
    let end = control::end_position(conn, facts).await?;
    let start = match end.gtid {
        Some(gtid) => DumpStart::Gtid(gtid),
        None => DumpStart::File {
            file: end.file.to_string(),
            offset: 4,
        },
    };
    let request = DumpRequest {
        start,
        server_id: options.server_id.unwrap_or_else(random_server_id),
        heartbeat: options.heartbeat,
        non_blocking: true,
        server: None,
    };
    DumpStream::open(&options.connect, facts.flavour(), &request)
        .await
        .map(drop)
}

/// Not zero, the same over restarts, and exact in every JSON reader.
fn upstream_id(facts: &ServerFacts) -> u64 {
    super::schema_log::stable_hash(facts.identity().bytes())
}

async fn resume_timeline(
    mut timeline: Timeline,
    anchors: &AnchorStore,
    id: u64,
    probe: &Probe,
    kept: &Kept,
) -> Result<Timeline> {
    if let Some(last) = timeline.last() {
        // With GTIDs the dump has the last word.
        if last.position.gtid.is_some() || kept.reaches(&last.position) {
            let dropped = timeline.prune(|anchor| kept.reaches(&anchor.position));
            anchors.remove(&dropped).await?;
            return Ok(timeline);
        }
        tracing::warn!(
            position = %last.position,
            "the upstream has purged its binlog beyond the place read so far: a new timeline begins at its end"
        );
    }
    begin(anchors, id, &timeline, probe)
        .await
        .map(|first| Timeline::from_anchors([first]))
}

/// Replaces a timeline by a new one at the end of the log.
async fn begin(anchors: &AnchorStore, id: u64, old: &Timeline, probe: &Probe) -> Result<Anchor> {
    // What the catalogue said is of no use any more: what changed in between is not known.
    anchors.remove_below(&hint_store::prefix(id)).await?;
    let first = first_anchor(old, probe);
    // The new one first: a crash in between leaves a timeline that goes on where the log does.
    anchors.commit(vec![anchors.put(&first)]).await?;
    let old: Vec<u64> = old.seqs().collect();
    anchors.remove(&old).await?;
    Ok(first)
}

/// Goes on after the server has said that it purged the log from `tried` on: at the next anchor beyond that place,
/// without the XA transactions that were prepared before it, or on a new timeline.
///
/// # Errors
/// Those of asking the upstream, and the store's.
pub(crate) async fn skip_purged(shared: &Shared, tried: &Position) -> Result<(Tail, Assembler)> {
    maintenance::prune(shared, &shared.questions).await?;
    let (next, newest) = {
        let timeline = shared.timeline();
        let beyond = |anchor: &&Anchor| !tried.reached(&anchor.position);
        let next = timeline.resume().filter(beyond);
        let next = next.or_else(|| timeline.last().filter(beyond));
        (next.cloned(), timeline.last().cloned())
    };
    let (Some(next), Some(newest)) = (next, newest) else {
        return renew(shared).await;
    };
    tracing::warn!(
        position = %next.position,
        "the log before this place is gone: XA transactions that were prepared there are not known any more"
    );
    shared.hints.clear();
    shared
        .anchors
        .remove_below(&hint_store::prefix(shared.id))
        .await?;
    let clock_ms = shared.questions.clock().await?;
    shared.ring.open(next.end_ts, next.floor);
    let tail = Tail::new(&next, &newest, clock_ms);
    Ok((tail, shared.assembler(next.position)))
}

/// Begins a new timeline at the end of the log, because the server no longer knows or keeps the place read so far.
/// Changefeeds that are not beyond it have lost their start.
pub(crate) async fn renew(shared: &Shared) -> Result<(Tail, Assembler)> {
    let probe = shared.questions.origin(&shared.facts()).await?;
    let old = shared.timeline().clone();
    shared.hints.clear();
    let first = begin(&shared.anchors, shared.id, &old, &probe).await?;
    tracing::warn!(position = %first.position, "a new timeline begins at the end of the upstream's binlog");
    *shared.timeline_mut() = Timeline::from_anchors([first.clone()]);
    shared.ring.open(first.end_ts, first.floor);
    let tail = Tail::new(&first, &first, probe.clock_ms);
    let assembler = shared.assembler(first.position);
    Ok((tail, assembler))
}

/// Begins at the end of the log, above everything an earlier timeline has given.
fn first_anchor(old: &Timeline, probe: &Probe) -> Anchor {
    let (seq, above) = old
        .last()
        .map_or((1, Ts::ZERO), |last| (last.seq + 1, last.floor.plus(2)));
    let floor = Ts::from_physical_ms(probe.clock_ms).max(above);
    Anchor {
        seq,
        id: None,
        position: probe.end.clone(),
        commit_ts: floor,
        end_ts: floor,
        floor,
        hold: seq,
        clock_ms: probe.clock_ms,
        pinned: false,
    }
}

/// Loads the schema changes seen so far.
async fn load_schema(store: &dyn MetaStore, id: u64, timeline: &Timeline) -> Result<SchemaLog> {
    let birth_key = format!("/tidegate/upstream/{id:016x}/birth");
    let birth = match store.get(&birth_key).await? {
        Some(stored) => stored
            .value
            .first_chunk::<8>()
            .map(|bytes| Ts::from_u64(u64::from_be_bytes(*bytes)))
            .ok_or_else(|| damaged(&birth_key))?,
        None => {
            let birth = timeline.first().map_or(Ts::ZERO, |anchor| anchor.end_ts);
            let txn = tidegate_meta::MetaTxn {
                compares: Vec::new(),
                writes: vec![Write::Put(birth_key, birth.as_u64().to_be_bytes().to_vec())],
            };
            store.commit(txn).await?;
            birth
        }
    };
    let log = SchemaLog::new(id, birth);
    for (key, stored) in store.list(&SchemaLog::prefix(id)).await? {
        log.restore(&stored.value).ok_or_else(|| damaged(&key))?;
    }
    for (key, stored) in store.list(&SchemaLog::keyless_prefix(id)).await? {
        log.restore_keyless(&stored.value).ok_or_else(|| damaged(&key))?;
    }
    Ok(log)
}

/// Loads what the catalogue said before, for rows that were logged before now.
async fn load_hints(store: &dyn MetaStore, id: u64, clock_ms: u64) -> Result<Hints> {
    let hints = Hints::new(id);
    let started = Ts::from_physical_ms(clock_ms);
    for (key, stored) in store.list(&hint_store::prefix(id)).await? {
        let hint = hint_store::decode(&stored.value).ok_or_else(|| damaged(&key))?;
        hints.restore(hint, started);
    }
    Ok(hints)
}

fn damaged(key: &str) -> CdcError {
    CdcError::new(
        ErrorCode::DataDirCorrupt,
        format!("the value of {key} cannot be read"),
    )
}
