//! What callers may rely on the moment they have an answer.

use std::sync::Arc;

use jiff::tz::TimeZone;
use tidegate_api::ReplicaConfig;
use tidegate_model::{ChangefeedId, ErrorCode, Result, Ts};
use tidegate_sink::{BoxFut, Destination, EventSink, SinkOpener, SinkSpec};
use tidegate_testkit::{Downstream, FaultPlan, Faults, History, MemStore, ModelSink, SimClock, SimUpstream};
use tokio::sync::{mpsc, oneshot};

use super::changefeed::{Owner, Start};
use super::env::{Capture, Env};
use super::record::FeedInfo;
use super::registry::Registry;
use super::store::FeedStore;
use super::view::{Command, FeedView, Handle};
use crate::feed::{FeedState, State};

const START_MS: u64 = 1_700_000_000_000;

struct Sinks(Arc<Downstream>, Arc<Faults>);

impl SinkOpener for Sinks {
    fn open(&self, _spec: SinkSpec) -> BoxFut<'_, Arc<dyn EventSink>> {
        Box::pin(async {
            let sink = ModelSink::open(Arc::clone(&self.0), Arc::clone(&self.1), None).await?;
            Ok(Arc::new(sink) as Arc<dyn EventSink>)
        })
    }

    fn check(&self, _spec: SinkSpec) -> BoxFut<'_, Destination> {
        Box::pin(async { Ok(Destination::default()) })
    }
}

fn env() -> Arc<Env> {
    let history = Arc::new(History::generate(1, 5, START_MS));
    let downstream = Downstream::new(&history);
    let clock = SimClock::starting_at(START_MS);
    let faults = Faults::new(1, FaultPlan::default(), None);
    let store = FeedStore::new(Arc::new(MemStore::new().reopen(Arc::clone(&faults))), "default");
    let capture = Capture {
        id: "c1".to_owned(),
        address: "127.0.0.1:8300".to_owned(),
        version: "1".to_owned(),
        git_hash: "none".to_owned(),
        cluster_id: "default".to_owned(),
    };
    let upstream = Arc::new(SimUpstream::new(history, clock.clone(), Arc::clone(&faults)));
    let sinks = Arc::new(Sinks(downstream, faults));
    Arc::new(Env::new(
        upstream,
        store,
        sinks,
        Arc::new(clock),
        capture,
        TimeZone::UTC,
    ))
}

fn owner(id: &str) -> (Arc<Handle>, Owner) {
    let env = env();
    let info = Arc::new(FeedInfo {
        upstream_id: 1,
        id: ChangefeedId::new("default", id),
        sink_uri: "blackhole://".to_owned(),
        create_ms: START_MS,
        start_ts: Ts::from_physical_ms(START_MS),
        target_ts: Ts::ZERO,
        config: ReplicaConfig::default(),
        creator_version: "1".to_owned(),
        epoch: 1,
    });
    let feed = FeedState::load(
        State::Normal,
        info.start_ts,
        super::STUCK_DEFAULT,
        info.epoch,
        env.now(),
    );
    let (commands, inbox) = mpsc::channel(1);
    let handle = Handle::new(info.id.clone(), commands, FeedView::first(&info, &feed));
    let record = env.store.record(&info.id);
    let owner = Owner::new(Start {
        env,
        handle: Arc::clone(&handle),
        commands: inbox,
        info,
        record,
        feed,
        registry: Arc::new(Registry::default()),
    });
    (handle, owner)
}

/// The answer once came before the view: a caller on another thread read the state from before its own order.
#[tokio::test(start_paused = true)]
async fn the_view_is_as_new_as_the_answer() {
    let (handle, mut owner) = owner("answers");
    let mut ask = async |command: &dyn Fn(oneshot::Sender<Result<()>>) -> Command| {
        let (reply, answer) = oneshot::channel();
        owner.obey(command(reply)).await;
        answer.await.expect("an answer").expect("it is done");
        handle.view()
    };
    assert_eq!(ask(&Command::Pause).await.state, State::Stopped);
    let mut info = FeedInfo::clone(&handle.view().info);
    info.target_ts = Ts::MAX;
    let updated = ask(&|reply| Command::Update(Box::new(info.clone()), reply)).await;
    assert_eq!(updated.info.target_ts, Ts::MAX);
    assert_eq!(
        ask(&|reply| Command::Resume(None, reply)).await.state,
        State::Normal
    );
}

/// A reservation that was dropped late once took the changefeed with it that had come to be under its id.
#[test]
fn a_reservation_gives_back_only_itself() {
    let (registry, (handle, _owner)) = (Arc::new(Registry::default()), owner("late"));
    let late = registry.reserve(&handle.id).expect("it is free");
    registry.insert(Arc::clone(&handle));
    drop(late);
    assert!(registry.get(&handle.id).is_ok());

    let other = ChangefeedId::new("default", "other");
    drop(registry.reserve(&other).expect("it is free"));
    assert_eq!(
        registry.get(&other).err().map(|error| error.code()),
        Some(ErrorCode::ChangeFeedNotExists)
    );
    assert!(registry.reserve(&other).is_ok());
}
