//! A service over a fake upstream, store and sink.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::tz::TimeZone;
use tidegate_api::{ChangefeedDetail, CreateChangefeed, ReplicaConfig};
use tidegate_engine::{Capture, ReplicationService, ServiceParts};
use tidegate_model::{CdcError, ChangefeedId, ErrorCode, Result, Ts};
use tidegate_sink::{BoxFut, Destination, EventSink, SinkOpener, SinkSpec};
use tidegate_testkit::{Downstream, FaultPlan, Faults, History, MemStore, ModelSink, SimClock, SimUpstream};
use tokio::time::{Instant, sleep};

pub(crate) const START_MS: u64 = 1_700_000_000_000;

pub(crate) struct TestSinks {
    pub(crate) downstream: Arc<Downstream>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) refusal: Mutex<Option<CdcError>>,
    pub(crate) server_name: Mutex<Option<String>>,
    opening: AtomicUsize,
    /// The most sinks that were being opened at the same time.
    pub(crate) most_opening: AtomicUsize,
}

/// As long as a login to a database takes.
const LOGIN: Duration = Duration::from_millis(10);

impl SinkOpener for TestSinks {
    fn open(&self, _spec: SinkSpec) -> BoxFut<'_, Arc<dyn EventSink>> {
        Box::pin(async {
            let opening = self.opening.fetch_add(1, Ordering::AcqRel) + 1;
            self.most_opening.fetch_max(opening, Ordering::AcqRel);
            sleep(LOGIN).await;
            self.opening.fetch_sub(1, Ordering::AcqRel);
            let sink = ModelSink::open(Arc::clone(&self.downstream), Arc::clone(&self.faults), None).await?;
            Ok(Arc::new(sink) as Arc<dyn EventSink>)
        })
    }

    fn check(&self, _spec: SinkSpec) -> BoxFut<'_, Destination> {
        let refusal = self.refusal.lock().unwrap().clone();
        let server_name = self.server_name.lock().unwrap().clone();
        Box::pin(async move { refusal.map_or(Ok(Destination { server_name }), Err) })
    }
}

pub(crate) struct Bench {
    pub(crate) service: Arc<ReplicationService>,
    pub(crate) upstream: Arc<SimUpstream>,
    pub(crate) sinks: Arc<TestSinks>,
    pub(crate) history: Arc<History>,
    pub(crate) store: MemStore,
    pub(crate) clock: SimClock,
}

impl Bench {
    pub(crate) async fn start(plan: FaultPlan) -> Bench {
        let history = Arc::new(History::generate(1, 40, START_MS));
        let downstream = Downstream::new(&history);
        Bench::restart(
            plan,
            history,
            downstream,
            MemStore::new(),
            SimClock::starting_at(START_MS + 1000),
        )
        .await
    }

    pub(crate) async fn restart(
        plan: FaultPlan,
        history: Arc<History>,
        downstream: Arc<Downstream>,
        store: MemStore,
        clock: SimClock,
    ) -> Bench {
        let faults = Faults::new(1, plan, None);
        let upstream = SimUpstream::new(Arc::clone(&history), clock.clone(), Arc::clone(&faults));
        let upstream = Arc::new(upstream.with_ineligible_table("keyless"));
        let sinks = Arc::new(TestSinks {
            downstream,
            faults: Arc::clone(&faults),
            refusal: Mutex::new(None),
            server_name: Mutex::new(None),
            opening: AtomicUsize::new(0),
            most_opening: AtomicUsize::new(0),
        });
        let service = ReplicationService::new(ServiceParts {
            upstream: Arc::clone(&upstream) as _,
            store: Arc::new(store.reopen(faults)),
            sinks: Arc::clone(&sinks) as _,
            clock: Arc::new(clock.clone()),
            capture: Capture {
                id: "c1".to_owned(),
                address: "127.0.0.1:8300".to_owned(),
                version: "v8.5.0-tidegate".to_owned(),
                git_hash: "none".to_owned(),
                cluster_id: "default".to_owned(),
            },
            zone: TimeZone::UTC,
        });
        service.start().await.unwrap();
        Bench {
            service,
            upstream,
            sinks,
            history,
            store,
            clock,
        }
    }

    pub(crate) async fn create(&self, id: &str) -> Result<ChangefeedDetail> {
        self.service.create_changefeed(request(id)).await
    }

    pub(crate) async fn state(&self, id: &str) -> String {
        self.service.get_changefeed(&feed(id)).await.unwrap().state
    }

    pub(crate) async fn until(&self, id: &str, state: &str) {
        let deadline = Instant::now() + Duration::from_secs(3600);
        while self.state(id).await != state {
            assert!(
                Instant::now() < deadline,
                "{id} is {}, not {state}",
                self.state(id).await
            );
            sleep(Duration::from_millis(100)).await;
        }
    }

    pub(crate) async fn reason(&self, id: &str) -> String {
        let mut live = self.service.live();
        live.changed().await.unwrap();
        let snapshot = Arc::clone(&live.borrow());
        let figures = snapshot
            .changefeeds
            .iter()
            .find(|figures| figures.id == id)
            .unwrap();
        figures.reason.clone().unwrap_or_default()
    }
}

pub(crate) fn feed(id: &str) -> ChangefeedId {
    ChangefeedId::new("default", id)
}

pub(crate) fn request(id: &str) -> CreateChangefeed {
    let mut config = ReplicaConfig::default();
    config.filter.rules = vec!["shop.*".to_owned(), "!shop.keyless".to_owned()];
    CreateChangefeed {
        changefeed_id: id.to_owned(),
        sink_uri: "blackhole://".to_owned(),
        start_ts: Ts::from_physical_ms(START_MS).as_u64(),
        replica_config: config,
        ..CreateChangefeed::default()
    }
}

pub(crate) fn code<T>(result: Result<T>) -> Option<ErrorCode> {
    result.err().map(|error| error.code())
}
