use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex};

use bytes::Bytes;
use jiff::tz::TimeZone;
use tidegate_filter::{EventFilter, EventRule};
use tidegate_model::{
    Ack, Datum, DdlEvent, Event, RowBlock, RowBlockBuilder, RowOp, TableInfo, TableName, TxnBatch, TxnEvent,
};
use tidegate_sink::BoxFut;
use tidegate_testkit::{
    Downstream, FaultPlan, Faults, History, ModelSink, Op, SimClock, SimUpstream, SinkBug, table_info,
};
use tidegate_upstream::{EventTx, PullJob, Quota, TableSummary, UpstreamInfo, UpstreamWatermark};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::*;

const START_MS: u64 = 1_700_000_000_000;

struct Everything;

impl TableSelector for Everything {
    fn wants_table(&self, _schema: &str, _table: &str) -> bool {
        true
    }
    fn wants_schema(&self, _schema: &str) -> bool {
        true
    }
}

/// A run under test, with an owner that stores everything at once.
struct Bench {
    run: JoinSet<RunEnd>,
    shared: Arc<Shared>,
    stop: CancellationToken,
    persisted: Arc<Mutex<Vec<Ts>>>,
}

impl Bench {
    fn start(upstream: Arc<dyn Upstream>, sink: OpenSink, from: Ts, target: Option<Ts>) -> Bench {
        Self::filtered(upstream, sink, from, target, &[])
    }

    fn filtered(
        upstream: Arc<dyn Upstream>,
        sink: OpenSink,
        from: Ts,
        target: Option<Ts>,
        rules: &[EventRule<'_>],
    ) -> Bench {
        let events = Arc::new(EventFilter::new(rules, TimeZone::UTC).unwrap());
        let shared = Shared::new(from, 64 << 20);
        let (reports, mut inbox) = mpsc::channel(4);
        let stop = CancellationToken::new();
        let persisted = Arc::new(Mutex::new(Vec::new()));
        let job = Job {
            changefeed: ChangefeedId::new("default", "test"),
            checkpoint: from,
            target,
            selector: Arc::new(Everything),
            events,
            force_replicate: false,
            decoders_max: 4,
            check_start: true,
            upstream,
            shared: Arc::clone(&shared),
            reports,
            stop: stop.clone(),
        };
        let mut tasks = JoinSet::new();
        let stored = Arc::clone(&persisted);
        tasks.spawn(async move {
            let owner = async {
                while let Some(report) = inbox.recv().await {
                    if let Report::Persist(ts, done) = report {
                        stored.lock().unwrap().push(ts);
                        done.send(()).ok();
                    }
                }
                std::future::pending::<()>().await;
            };
            tokio::select! {
                end = run(job, sink) => end,
                () = owner => unreachable!("the owner never ends"),
            }
        });
        Bench {
            run: tasks,
            shared,
            stop,
            persisted,
        }
    }

    async fn end(&mut self) -> RunEnd {
        self.run.join_next().await.expect("one run").expect("no panic")
    }
}

fn history(seed: u64, steps: usize) -> (Arc<History>, Arc<Downstream>) {
    let history = Arc::new(History::generate(seed, steps, START_MS));
    let downstream = Downstream::new(&history);
    (history, downstream)
}

fn sim(history: &Arc<History>, faults: &Arc<Faults>) -> Arc<dyn Upstream> {
    Arc::new(SimUpstream::new(
        Arc::clone(history),
        SimClock::starting_at(START_MS),
        Arc::clone(faults),
    ))
}

fn model_sink(downstream: &Arc<Downstream>, faults: &Arc<Faults>, bug: Option<SinkBug>) -> OpenSink {
    let (downstream, faults) = (Arc::clone(downstream), Arc::clone(faults));
    Box::pin(async move {
        let sink = ModelSink::open(downstream, faults, bug).await?;
        Ok(Arc::new(sink) as Arc<dyn EventSink>)
    })
}

fn from() -> Ts {
    Ts::from_physical_ms(START_MS)
}

#[tokio::test(start_paused = true)]
async fn everything_up_to_the_target_arrives_and_nothing_after_it() {
    let (history, downstream) = history(1, 60);
    let faults = Faults::new(1, FaultPlan::default(), None);
    let target = history.steps[29].commit_ts;
    let mut bench = Bench::start(
        sim(&history, &faults),
        model_sink(&downstream, &faults, None),
        from(),
        Some(target),
    );
    assert!(matches!(bench.end().await, RunEnd::ReachedTarget));
    assert_eq!(bench.shared.checkpoint(), target);
    downstream.check_durable(&history, target, |_| true);
    assert_eq!(downstream.complaints(), Vec::<String>::new());
    downstream.check_durable(&history, history.steps[30].commit_ts, |_| true);
    assert_eq!(
        downstream.complaints().len(),
        1,
        "the step after the target must be missing"
    );
}

#[tokio::test(start_paused = true)]
async fn a_ddl_is_framed_by_two_stored_checkpoints() {
    let (history, downstream) = history(2, 80);
    let faults = Faults::new(2, FaultPlan::default(), None);
    let target = history.last_ts();
    let mut bench = Bench::start(
        sim(&history, &faults),
        model_sink(&downstream, &faults, None),
        from(),
        Some(target),
    );
    assert!(matches!(bench.end().await, RunEnd::ReachedTarget));
    let ddls = history.steps.iter().filter(|step| matches!(step.op, Op::Ddl(_)));
    let expect: Vec<Ts> = ddls
        .flat_map(|step| [step.commit_ts.prev(), step.commit_ts])
        .collect();
    assert!(!expect.is_empty());
    assert_eq!(*bench.persisted.lock().unwrap(), expect);
    assert_eq!(downstream.complaints(), Vec::<String>::new());
    for (table, rows) in &history.finally {
        assert_eq!(&downstream.rows(table), rows, "{table}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_forgotten_acknowledgement_fails_the_run_by_name() {
    let (history, downstream) = history(3, 60);
    let faults = Faults::new(3, FaultPlan::default(), None);
    let sink = model_sink(&downstream, &faults, Some(SinkBug::ForgetAck));
    let mut bench = Bench::start(sim(&history, &faults), sink, from(), Some(history.last_ts()));
    match bench.end().await {
        RunEnd::Failed(error) => assert_eq!(error.code(), ErrorCode::LostAck),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_failing_sink_says_why_rather_than_that_a_batch_was_lost() {
    let (history, downstream) = history(4, 60);
    let plan = FaultPlan {
        sink_error: 1000,
        ..FaultPlan::default()
    };
    let faults = Faults::new(4, plan, None);
    let mut bench = Bench::start(
        sim(&history, &faults),
        model_sink(&downstream, &faults, None),
        from(),
        Some(history.last_ts()),
    );
    match bench.end().await {
        RunEnd::Failed(error) => assert_eq!(error.code(), ErrorCode::MySQLTxnError),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_hanging_sink_does_not_hold_up_the_stop() {
    let (history, downstream) = history(5, 60);
    let plan = FaultPlan {
        sink_hang: 1000,
        ..FaultPlan::default()
    };
    let faults = Faults::new(5, plan, None);
    let mut bench = Bench::start(
        sim(&history, &faults),
        model_sink(&downstream, &faults, None),
        from(),
        None,
    );
    while bench.shared.view().waiting_since.is_none() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let asked = Instant::now();
    bench.stop.cancel();
    assert!(matches!(bench.end().await, RunEnd::Stopped));
    assert!(asked.elapsed() <= CLOSE_DEADLINE + CLOSE_GRACE + Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_start_point_that_is_gone_has_a_code_of_its_own() {
    let (history, downstream) = history(6, 10);
    let faults = Faults::new(6, FaultPlan::default(), None);
    let upstream = SimUpstream::new(
        Arc::clone(&history),
        SimClock::starting_at(START_MS),
        Arc::clone(&faults),
    );
    upstream.purge_before(from().plus(1));
    let mut bench = Bench::start(
        Arc::new(upstream),
        model_sink(&downstream, &faults, None),
        from(),
        None,
    );
    match bench.end().await {
        RunEnd::Failed(error) => {
            assert_eq!(error.code(), ErrorCode::SnapshotLostByGC);
            assert!(error.wire_message().contains("oldest usable ts"), "{error:?}");
        }
        other => panic!("{other:?}"),
    }
}

/// Yields what a test hands it.
struct Scripted {
    pull: Box<dyn Fn(EventTx) -> BoxFuture<'static, Result<()>> + Send + Sync>,
    watermark: watch::Sender<UpstreamWatermark>,
}

impl Scripted {
    fn upstream<F>(pull: impl Fn(EventTx) -> F + Send + Sync + 'static) -> Arc<dyn Upstream>
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        Arc::new(Scripted {
            pull: Box::new(move |out| Box::pin(pull(out))),
            watermark: watch::channel(UpstreamWatermark::default()).0,
        })
    }
}

impl Upstream for Scripted {
    fn probe(&self) -> BoxFut<'_, UpstreamInfo> {
        Box::pin(async { Ok(UpstreamInfo::default()) })
    }
    fn now(&self) -> BoxFut<'_, Ts> {
        Box::pin(async { Ok(Ts::MAX) })
    }
    fn oldest(&self) -> BoxFut<'_, Ts> {
        Box::pin(async { Ok(Ts::ZERO) })
    }
    fn check_start(&self, _ts: Ts) -> BoxFut<'_, ()> {
        Box::pin(async { Ok(()) })
    }
    fn tables(&self) -> BoxFut<'_, Vec<TableSummary>> {
        Box::pin(async { Ok(Vec::new()) })
    }
    fn table_infos(&self, _names: Vec<TableName>) -> BoxFut<'_, Vec<TableInfo>> {
        Box::pin(async { Ok(Vec::new()) })
    }
    fn pull(&self, _job: PullJob, out: EventTx, _stop: CancellationToken) -> BoxFut<'_, ()> {
        (self.pull)(out)
    }
    fn watermark(&self) -> watch::Receiver<UpstreamWatermark> {
        self.watermark.subscribe()
    }
    fn hold_gc(&self, _owner: ChangefeedId, _ts: Ts) -> BoxFut<'_, ()> {
        Box::pin(async { Ok(()) })
    }
}

fn txn(ts: u64, part: u32, last: bool) -> Event {
    static BLOCK: LazyLock<RowBlock> = LazyLock::new(|| {
        let mut builder = RowBlockBuilder::new(table_info("small", 2, Ts::ZERO), RowOp::Insert, Bytes::new());
        builder.push(Datum::Int(1));
        builder.push(Datum::Int(2));
        builder.finish()
    });
    Event::Txn(TxnEvent {
        start_ts: Ts::from_u64(ts - 1),
        commit_ts: Ts::from_u64(ts),
        part,
        last,
        origin: "test".into(),
        blocks: vec![BLOCK.clone()],
    })
}

async fn failure_of(events: Vec<Event>) -> CdcError {
    let upstream = Scripted::upstream(move |out| {
        let events = events.clone();
        async move {
            for event in events {
                out.send(event).await;
            }
            std::future::pending().await
        }
    });
    let sink = async { Ok(Arc::new(Gate::default()) as Arc<dyn EventSink>) };
    let mut bench = Bench::start(upstream, Box::pin(sink), Ts::from_u64(10), None);
    match bench.end().await {
        RunEnd::Failed(error) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_out_of_order_is_refused() {
    let resolved = |ts| Event::Resolved(Ts::from_u64(ts));
    for events in [
        vec![txn(10, 0, true)],
        vec![txn(20, 0, true), txn(20, 0, true)],
        vec![txn(20, 0, true), txn(18, 0, true)],
        vec![txn(20, 1, true)],
        vec![txn(20, 0, false), txn(22, 0, true)],
        vec![txn(20, 0, false), txn(20, 2, true)],
        vec![txn(20, 0, false), resolved(20)],
        vec![resolved(30), txn(30, 0, true)],
    ] {
        let text = format!("{events:?}");
        assert_eq!(
            failure_of(events).await.code(),
            ErrorCode::CorruptedDataMutation,
            "{text}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_upstream_is_a_failure_of_the_run() {
    let upstream = Scripted::upstream(|_out| async { panic!("a bug") });
    let sink = async { Ok(Arc::new(Gate::default()) as Arc<dyn EventSink>) };
    let mut bench = Bench::start(upstream, Box::pin(sink), Ts::from_u64(10), None);
    match bench.end().await {
        RunEnd::Failed(error) => assert_eq!(error.code(), ErrorCode::ProcessorUnknown),
        other => panic!("{other:?}"),
    }
}

/// Takes batches while it is open and acknowledges at once; counts rows.
#[derive(Default)]
struct Gate {
    rows: AtomicU64,
    batches: AtomicUsize,
    closed: Option<watch::Receiver<bool>>,
    held: Mutex<Vec<Ack>>,
}

impl EventSink for Gate {
    fn write(&self, batch: TxnBatch) -> BoxFut<'_, ()> {
        Box::pin(async move {
            self.batches.fetch_add(1, Ordering::Relaxed);
            let rows: usize = batch.txns.iter().map(TxnEvent::row_count).sum();
            self.rows.fetch_add(rows as u64, Ordering::Relaxed);
            match &self.closed {
                Some(closed) if *closed.borrow() => self.held.lock().unwrap().push(batch.ack),
                _ => batch.ack.durable(),
            }
            Ok(())
        })
    }
    fn flush(&self) -> BoxFut<'_, ()> {
        for ack in self.held.lock().unwrap().drain(..) {
            ack.durable();
        }
        Box::pin(async { Ok(()) })
    }
    fn write_ddl(&self, _ddl: Arc<DdlEvent>) -> BoxFut<'_, ()> {
        Box::pin(async { Ok(()) })
    }
    fn write_checkpoint(&self, _ts: Ts) -> BoxFut<'_, ()> {
        Box::pin(async { Ok(()) })
    }
    fn close(&self, _deadline: Duration) -> BoxFut<'_, ()> {
        self.flush()
    }
}

/// The quota is taken before an event enters and given back by the acknowledgement, not earlier.
#[tokio::test(start_paused = true)]
async fn the_memory_quota_holds_the_upstream_until_rows_are_durable() {
    let sent = Arc::new(AtomicU64::new(0));
    let upstream = Scripted::upstream({
        let sent = Arc::clone(&sent);
        move |out| {
            let sent = Arc::clone(&sent);
            async move {
                for n in 1..200_000 {
                    if !out.send(txn(10 + 2 * n, 0, true)).await {
                        break;
                    }
                    sent.fetch_add(1, Ordering::Relaxed);
                }
                std::future::pending().await
            }
        }
    });
    let (close, closed) = watch::channel(true);
    let gate = Arc::new(Gate {
        closed: Some(closed),
        ..Gate::default()
    });
    let sink: Arc<dyn EventSink> = Arc::clone(&gate) as Arc<dyn EventSink>;
    let bench = Bench::start(
        upstream,
        Box::pin(async move { Ok(sink) }),
        Ts::from_u64(10),
        None,
    );
    let mut before = u64::MAX;
    while sent.load(Ordering::Relaxed) != before {
        before = sent.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    // Three quarters of the 64 MiB are for rows and what is made of them.
    let Event::Txn(one) = txn(12, 0, true) else {
        unreachable!()
    };
    assert_eq!(before, (48 << 20) / Quota::cost_of_rows(one.memory_bytes()));
    let used = bench.shared.view().quota_used_bytes;
    assert!(used <= bench.shared.quota().limit_bytes(), "{used}");
    close.send(false).unwrap();
    gate.flush().await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(sent.load(Ordering::Relaxed) > before);
    assert_eq!(bench.shared.view().waiting_rows, 0);
}

/// Every row once waited five milliseconds for company, although nobody was coming and the sink had nothing to do.
#[tokio::test(start_paused = true)]
async fn a_transaction_goes_at_once_to_a_sink_that_is_idle_and_gathers_others_for_one_that_is_not() {
    let (feeds, mut fed) = mpsc::channel(1);
    let upstream = Scripted::upstream(move |out| {
        let (feed, mut next) = mpsc::channel(4);
        feeds.try_send(feed).unwrap();
        async move {
            while let Some(ts) = next.recv().await {
                out.send(txn(ts, 0, true)).await;
            }
            std::future::pending().await
        }
    });
    let (_close, closed) = watch::channel(true);
    let gate = Arc::new(Gate {
        closed: Some(closed),
        ..Gate::default()
    });
    let sink: Arc<dyn EventSink> = Arc::clone(&gate) as Arc<dyn EventSink>;
    let _bench = Bench::start(
        upstream,
        Box::pin(async move { Ok(sink) }),
        Ts::from_u64(10),
        None,
    );
    let feed = fed.recv().await.unwrap();
    let batches = || gate.batches.load(Ordering::Relaxed);
    let pause = || tokio::time::sleep(Duration::from_millis(1));
    feed.send(20).await.unwrap();
    pause().await;
    assert_eq!(batches(), 1, "the sink is idle");
    for ts in [22, 24, 26] {
        feed.send(ts).await.unwrap();
        pause().await;
    }
    assert_eq!(batches(), 1, "the sink is busy");
    gate.flush().await.unwrap();
    pause().await;
    assert_eq!(
        (batches(), gate.rows.load(Ordering::Relaxed)),
        (2, 4),
        "it is free again"
    );
    feed.send(28).await.unwrap();
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(batches(), 3, "nothing waits for long");
}

/// Rows that event filters drop reach no sink, hold no quota, and hold up no checkpoint; those of a part of a
/// transaction are dropped without its other parts.
#[tokio::test(start_paused = true)]
async fn the_checkpoint_passes_rows_that_are_dropped() {
    let matcher = ["shop.small".to_owned()];
    for (condition, rows, batches) in [("id = 1", 0, 1), ("id = 2", 4, 1)] {
        let events = [
            txn(20, 0, true),
            txn(22, 0, false),
            txn(22, 1, true),
            txn(24, 0, true),
            Event::Resolved(Ts::from_u64(30)),
        ];
        let upstream = Scripted::upstream(move |out| {
            let events = events.clone();
            async move {
                for event in events {
                    out.send(event).await;
                }
                std::future::pending().await
            }
        });
        let rule = EventRule {
            matcher: &matcher,
            insert: condition,
            ..EventRule::default()
        };
        let gate = Arc::new(Gate::default());
        let sink: Arc<dyn EventSink> = Arc::clone(&gate) as Arc<dyn EventSink>;
        let sink = Box::pin(async move { Ok(sink) });
        let bench = Bench::filtered(upstream, sink, Ts::from_u64(10), None, &[rule]);
        while bench.shared.checkpoint() < Ts::from_u64(30) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(gate.rows.load(Ordering::Relaxed), rows, "{condition}");
        assert_eq!(gate.batches.load(Ordering::Relaxed), batches, "{condition}");
        assert_eq!(bench.shared.view().quota_used_bytes, 0, "{condition}");
    }
}

/// An expression that does not suit the table any more ends the run.
#[tokio::test(start_paused = true)]
async fn a_missing_column_of_an_expression_is_a_failure() {
    let matcher = ["*.*".to_owned()];
    let rule = EventRule {
        matcher: &matcher,
        insert: "gone = 1",
        ..EventRule::default()
    };
    let upstream = Scripted::upstream(|out| async move {
        out.send(txn(20, 0, true)).await;
        std::future::pending().await
    });
    let sink = async { Ok(Arc::new(Gate::default()) as Arc<dyn EventSink>) };
    let mut bench = Bench::filtered(upstream, Box::pin(sink), Ts::from_u64(10), None, &[rule]);
    match bench.end().await {
        RunEnd::Failed(error) => assert_eq!(error.code(), ErrorCode::ExpressionColumnNotFound),
        other => panic!("{other:?}"),
    }
}

/// Tells how fast the loop is: rows a second into nothing, in transactions of 100 rows and of one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_loop_does_no_work_per_row() {
    for (rows, txns) in [(100, 20_000u64), (1, 200_000)] {
        let table = table_info("wide", 2, Ts::ZERO);
        let mut builder = RowBlockBuilder::new(table, RowOp::Insert, Bytes::new());
        for value in 0..rows * 2 {
            builder.push(Datum::Int(value));
        }
        let block = builder.finish();
        let done = Arc::new(Mutex::new(None::<oneshot::Sender<()>>));
        let (finished, wait) = oneshot::channel();
        *done.lock().unwrap() = Some(finished);
        let upstream = Scripted::upstream(move |out| {
            let block = block.clone();
            let finished = done.lock().unwrap().take();
            async move {
                for n in 1..=txns {
                    let commit_ts = Ts::from_u64(10 + 2 * n);
                    let event = TxnEvent {
                        start_ts: commit_ts.prev(),
                        commit_ts,
                        part: 0,
                        last: true,
                        origin: "test".into(),
                        blocks: vec![block.clone()],
                    };
                    out.send(Event::Txn(event)).await;
                }
                out.send(Event::Resolved(Ts::from_u64(11 + 2 * txns))).await;
                if let Some(finished) = finished {
                    finished.send(()).ok();
                }
                std::future::pending().await
            }
        });
        let gate = Arc::new(Gate::default());
        let sink: Arc<dyn EventSink> = Arc::clone(&gate) as Arc<dyn EventSink>;
        let target = Some(Ts::from_u64(11 + 2 * txns));
        let started = Instant::now();
        let mut bench = Bench::start(
            upstream,
            Box::pin(async move { Ok(sink) }),
            Ts::from_u64(10),
            target,
        );
        assert!(matches!(bench.end().await, RunEnd::ReachedTarget));
        wait.await.unwrap();
        let total = txns * rows as u64;
        assert_eq!(gate.rows.load(Ordering::Relaxed), total);
        let batches = gate.batches.load(Ordering::Relaxed);
        println!(
            "{rows} rows per transaction: {:.0} rows/s in {batches} batches",
            total as f64 / started.elapsed().as_secs_f64()
        );
    }
}
