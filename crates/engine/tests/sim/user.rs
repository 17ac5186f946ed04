//! What people do: create changefeeds, look at them, pause, change, resume and remove them, set clocks, fill disks.

use std::time::Duration;

use serde_json::json;
use tidegate_api::{ResumeChangefeed, UpdateChangefeed};
use tidegate_model::{Clock, ErrorCode, Ts};
use tokio::time::{Instant, sleep};

use crate::checks::Shown;
use crate::scenario::Feed;
use crate::world::{Life, PATIENCE};

const POLL_MS: u64 = 500;
/// Pause between two looks while nothing moves.
const IDLE_MS: u64 = 5_000;
/// So long after a start, things go wrong and people do things. Then everything has to be delivered.
const BUSY: Duration = Duration::from_secs(20 * 60);
/// How long a disk stays full.
const FULL: Duration = Duration::from_secs(15);

/// Works with the service until every changefeed has delivered the whole history.
pub(crate) async fn use_service(life: &Life<'_>) {
    // Whoever starts a server on a full disk is told so; here somebody has made room first.
    life.world.store.set_full(false);
    if let Err(error) = life.service.start().await {
        complain(life, &format!("cannot start: {error}"));
        return;
    }
    let deadline = Instant::now() + PATIENCE;
    let waiting_from = Instant::now() + BUSY;
    let mut full_until = None;
    let mut seen = Vec::new();
    while Instant::now() < deadline {
        if Instant::now() >= waiting_from {
            life.faults.calm_down();
        }
        let mut done = true;
        for feed in &life.world.scenario.feeds {
            done &= Box::pin(visit(life, feed, Instant::now() < waiting_from)).await;
        }
        let checkpoints = life.world.checks.checkpoints();
        let pause_ms = if checkpoints == seen { IDLE_MS } else { POLL_MS };
        seen = checkpoints;
        if done {
            life.service.shutdown(Duration::from_secs(20)).await;
            return;
        }
        disturb(life, &mut full_until);
        sleep(Duration::from_millis(life.faults.below(pause_ms))).await;
    }
    complain(life, "not done in time");
}

fn complain(life: &Life<'_>, text: &str) {
    for feed in &life.world.scenario.feeds {
        let place = life.world.checks.place(&feed.id);
        place.downstream.complain(text.to_owned());
    }
}

/// Things that happen to the whole server.
fn disturb(life: &Life<'_>, full_until: &mut Option<Instant>) {
    let faults = &life.faults;
    if full_until.is_some_and(|until| Instant::now() >= until) {
        life.world.store.set_full(false);
        *full_until = None;
    }
    if faults.happens(3) {
        faults.trace(|| "the disk of the store is full".to_owned());
        life.world.store.set_full(true);
        *full_until = Some(Instant::now() + FULL);
    }
    if faults.happens(10) {
        let by_ms = faults.below(7_200_000).cast_signed() - 3_600_000;
        faults.trace(|| format!("the clock jumps by {by_ms} ms"));
        life.clock.jump(by_ms);
    }
}

/// Looks at a changefeed and does something with it. Answers whether it has delivered everything.
async fn visit(life: &Life<'_>, feed: &Feed, busy: bool) -> bool {
    let (world, service) = (life.world, &life.service);
    let detail = match service.get_changefeed(&feed.id).await {
        Ok(detail) => detail,
        Err(error) if error.code() == ErrorCode::ChangeFeedNotExists => {
            world.checks.absent(&feed.id);
            let request = feed.request(&world.history);
            let created = service.create_changefeed(request).await;
            life.faults
                .trace(|| format!("create {}: {:?}", feed.id.id, created.err()));
            return false;
        }
        Err(error) => {
            let place = world.checks.place(&feed.id);
            place.downstream.complain(format!("cannot look: {error:?}"));
            return false;
        }
    };
    life.faults.trace(|| {
        format!(
            "{} is {} at {} of {}: {:?}",
            feed.id.id, detail.state, detail.checkpoint_ts, detail.resolved_ts, detail.error
        )
    });
    let live = service.live().borrow().clone();
    let live = live
        .changefeeds
        .iter()
        .find(|live| live.id == *feed.id.id && live.state == detail.state);
    let shown = Shown {
        state: &detail.state,
        checkpoint: detail.checkpoint_ts,
        resolved: detail.resolved_ts,
        code: detail.error.as_ref().map_or("", |error| &error.code),
        has_reason: live.is_none_or(|live| live.reason.is_some()),
        text: &format!(
            "{} {:?} {:?} {:?}",
            detail.sink_uri,
            detail.error,
            live.and_then(|live| live.error.as_ref()),
            live.and_then(|live| live.reason.as_ref())
        ),
    };
    world.checks.look(&feed.id, life.steady.unix_ms(), &shown);
    act(life, feed, busy, (&detail.state, detail.checkpoint_ts)).await
}

async fn act(life: &Life<'_>, feed: &Feed, busy: bool, (state, checkpoint): (&str, u64)) -> bool {
    let faults = &life.faults;
    let last = life.world.history.last_ts().as_u64();
    match state {
        // A target that was set later may lie behind the checkpoint.
        "finished" if checkpoint == last || (!feed.has_target && checkpoint > last) => return true,
        "finished" => {
            let place = life.world.checks.place(&feed.id);
            place
                .downstream
                .complain(format!("finished at {checkpoint}, not at the target {last}"));
        }
        "failed" => resume(life, feed, checkpoint).await,
        "stopped" if faults.happens(300) => resume(life, feed, checkpoint).await,
        "stopped" if faults.happens(300) => update(life, feed).await,
        "stopped" => {}
        _ if !feed.has_target && checkpoint >= last => return true,
        _ if !busy => {}
        _ if faults.happens(15) => {
            let paused = life.service.pause_changefeed(&feed.id).await;
            faults.trace(|| format!("pause {}: {paused:?}", feed.id.id));
        }
        _ if faults.happens(4) => {
            let removed = life.service.remove_changefeed(&feed.id).await;
            faults.trace(|| format!("remove {}: {removed:?}", feed.id.id));
        }
        _ => {}
    }
    false
}

/// Goes on, now and then from an earlier checkpoint that no schema change lies behind.
async fn resume(life: &Life<'_>, feed: &Feed, checkpoint: u64) {
    let mut request = ResumeChangefeed::default();
    let place = life.world.checks.place(&feed.id);
    let floor = place
        .downstream
        .last_ddl()
        .max(Ts::from_physical_ms(life.world.history.start_ms))
        .as_u64();
    let next = life
        .world
        .history
        .steps
        .get(life.world.history.steps_until(Ts::from_u64(checkpoint)));
    // Then the next step may be a schema change that is under way.
    let under_way = next.is_some_and(|step| step.commit_ts.prev().as_u64() == checkpoint);
    if floor < checkpoint && !under_way && life.faults.happens(300) {
        request.overwrite_checkpoint_ts = floor + life.faults.below(checkpoint - floor);
    }
    let overwrite =
        (request.overwrite_checkpoint_ts != 0).then(|| Ts::from_u64(request.overwrite_checkpoint_ts));
    life.world.checks.resuming(&feed.id, overwrite);
    let resumed = life.service.resume_changefeed(&feed.id, request).await;
    life.faults
        .trace(|| format!("resume {} from {overwrite:?}: {resumed:?}", feed.id.id));
}

/// Another memory quota, and now and then a target.
async fn update(life: &Life<'_>, feed: &Feed) {
    let mut body = json!({"replica_config": {"memory_quota": (2 << 10) << life.faults.below(8)}});
    if life.faults.happens(300) {
        body["target_ts"] = life.world.history.last_ts().as_u64().into();
    }
    let request: UpdateChangefeed = serde_json::from_value(body.clone()).expect("an update");
    let updated = life.service.update_changefeed(&feed.id, request).await;
    life.faults
        .trace(|| format!("update {} to {body}: {:?}", feed.id.id, updated.err()));
}
