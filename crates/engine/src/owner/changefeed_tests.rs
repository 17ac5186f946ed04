use jiff::tz::TimeZone;
use tidegate_api::ReplicaConfig;
use tidegate_model::ChangefeedId;
use tidegate_sink::Sinks;
use tidegate_testkit::{FaultPlan, Faults, History, MemStore, SimClock, SimUpstream};

use tidegate_model::Trouble;

use super::*;
use crate::owner::{Capture, FeedStore, FeedView};

const START_MS: u64 = 1_700_000_000_000;

fn ts(seconds: u64) -> Ts {
    Ts::from_physical_ms(START_MS + seconds * 1000)
}

/// A paused changefeed with checkpoint `ts(10)` that nobody runs: the tests call it step by step.
fn owner(store: &FeedStore) -> Owner {
    let clock = SimClock::starting_at(START_MS);
    let faults = Faults::new(1, FaultPlan::default(), None);
    let history = Arc::new(History::generate(1, 1, START_MS));
    let env = Arc::new(Env::new(
        Arc::new(SimUpstream::new(history, clock.clone(), faults)),
        store.clone(),
        Arc::new(Sinks),
        Arc::new(clock),
        Capture {
            id: "c1".to_owned(),
            address: "127.0.0.1:8300".to_owned(),
            version: "v8.5.0-tidegate".to_owned(),
            git_hash: "none".to_owned(),
            cluster_id: "default".to_owned(),
        },
        TimeZone::UTC,
    ));
    let info = Arc::new(FeedInfo {
        upstream_id: 1,
        id: ChangefeedId::new("default", "a"),
        sink_uri: "blackhole://".to_owned(),
        create_ms: 0,
        start_ts: ts(0),
        target_ts: Ts::ZERO,
        config: ReplicaConfig::default(),
        creator_version: String::new(),
        epoch: 1,
    });
    let feed = FeedState::load(State::Stopped, ts(10), Duration::from_secs(1800), 1, env.now());
    let (orders, commands) = mpsc::channel(1);
    Owner::new(Start {
        handle: Handle::new(info.id.clone(), orders, FeedView::first(&info, &feed)),
        commands,
        record: store.record(&info.id),
        env,
        info,
        feed,
        registry: Arc::default(),
    })
}

async fn stored_checkpoint(store: &FeedStore) -> Ts {
    store.load().await.expect("readable")[0].1
}

/// A run that is told to stop may have asked to store its progress just before. When a user then rewinds the
/// checkpoint, that late progress used to be stored over it, and everything in between was never written again.
#[tokio::test(start_paused = true)]
async fn what_a_discarded_run_reached_does_not_undo_a_rewind() {
    let store = FeedStore::new(Arc::new(MemStore::new()), "default");
    let mut owner = owner(&store);
    owner.store_new().await.unwrap();
    owner.run = Some(Run::start(&owner.env, &owner.info, ts(10)));

    let rewind = FeedEvent::Resume {
        overwrite: Some(ts(5)),
    };
    owner.apply(rewind).await.unwrap();
    let (done, answer) = oneshot::channel();
    owner
        .run_event(RunEvent::Report(Report::Persist(ts(20), done)))
        .await;
    assert_eq!(owner.stored, ts(5));
    assert_eq!(stored_checkpoint(&store).await, ts(5));
    assert!(answer.await.is_err(), "a missing answer ends the run");

    let trouble = Trouble {
        error: CdcError::new(ErrorCode::UpstreamConnection, "of the run before"),
        attempt: 1,
        retry_in: None,
    };
    owner.run_event(RunEvent::Report(Report::Warning(trouble))).await;
    assert_eq!(owner.feed.state, State::Normal);
    owner.run_event(RunEvent::Ended(RunEnd::Stopped)).await;
    assert_eq!(stored_checkpoint(&store).await, ts(5));
}
