//! What people do: create the changefeed, look at it, pause and resume it, set the clock.

use std::time::Duration;

use tidegate_api::ResumeChangefeed;
use tidegate_model::ErrorCode;
use tokio::time::{Instant, sleep};

use super::scenario::Scenario;
use super::world::Life;

const POLL_MS: u64 = 2_000;
/// Simulated time after which a changefeed that is not done is stuck.
const PATIENCE: Duration = Duration::from_secs(4 * 3600);
/// So long after a start, people do things. Then they wait.
const BUSY: Duration = Duration::from_secs(20 * 60);
/// Codes of the faults that are played.
const PASSING: [&str; 3] = [
    "CDC:ErrExternalStorageAPI",
    "CDC:ErrUpstreamConnection",
    "CDC:ErrMetaStore",
];
/// How far a clock may be set forwards or backwards: to another day.
pub(crate) const JUMP_MS_MAX: u64 = 36 * 3_600_000;

/// Works with the service until the changefeed has delivered the whole history.
pub(crate) async fn use_service(life: &Life<'_>) {
    if let Err(error) = life.service.start().await {
        return life.world.checks.complain(format!("cannot start: {error}"));
    }
    let deadline = Instant::now() + PATIENCE;
    let waiting_from = Instant::now() + BUSY;
    while Instant::now() < deadline {
        if Box::pin(visit(life, Instant::now() < waiting_from)).await {
            life.service.shutdown(Duration::from_secs(20)).await;
            return;
        }
        if life.faults.happens(5) {
            let by_ms = life.faults.below(2 * JUMP_MS_MAX).cast_signed() - JUMP_MS_MAX.cast_signed();
            life.faults.trace(|| format!("the clock jumps by {by_ms} ms"));
            life.clock.jump(by_ms);
        }
        sleep(Duration::from_millis(life.faults.below(POLL_MS))).await;
    }
    life.world.checks.complain("not done in time".to_owned());
}

/// Looks at the changefeed and does something with it. Answers whether it has delivered everything.
async fn visit(life: &Life<'_>, busy: bool) -> bool {
    let (world, service, faults) = (life.world, &life.service, &life.faults);
    let id = Scenario::feed();
    let detail = match service.get_changefeed(&id).await {
        Ok(detail) => detail,
        Err(error) if error.code() == ErrorCode::ChangeFeedNotExists => {
            let created = service.create_changefeed(world.request()).await;
            faults.trace(|| format!("create: {:?}", created.err()));
            return false;
        }
        Err(error) => {
            world.checks.complain(format!("cannot look: {error:?}"));
            return false;
        }
    };
    let last = world.history.last_ts().as_u64();
    match &*detail.state {
        "finished" if detail.checkpoint_ts == last => return true,
        "finished" => world
            .checks
            .complain(format!("finished at {}, not at {last}", detail.checkpoint_ts)),
        // With bad luck the checkpoint stands still for as long as that takes, and people look after it.
        "failed" => {
            let code = detail.error.as_ref().map_or("", |error| &*error.code);
            if !PASSING.contains(&code) {
                world.checks.complain(format!("failed: {:?}", detail.error));
            }
            let resumed = service.resume_changefeed(&id, ResumeChangefeed::default()).await;
            faults.trace(|| format!("resume after {code}: {resumed:?}"));
        }
        "stopped" if faults.happens(300) => {
            let resumed = service.resume_changefeed(&id, ResumeChangefeed::default()).await;
            faults.trace(|| format!("resume: {resumed:?}"));
        }
        "stopped" => {}
        _ if detail.target_ts == 0 && detail.checkpoint_ts >= last => return true,
        _ if busy && faults.happens(30) => {
            let paused = service.pause_changefeed(&id).await;
            faults.trace(|| format!("pause: {paused:?}"));
        }
        _ => {}
    }
    false
}
