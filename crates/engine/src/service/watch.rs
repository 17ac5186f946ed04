//! Looks after what changefeeds need from the upstream: its log, its tables, its identity.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tidegate_model::{CdcError, ErrorCode, Ts};
use tidegate_upstream::TableSummary;
use tokio::time::{MissedTickBehavior, interval};

use crate::owner::{Command, Env, Registry};

/// As often as the original updates its hold on the log.
const PERIOD: Duration = Duration::from_secs(60);

/// Runs until it is dropped. An upstream that does not answer is asked again in the next round.
pub(super) async fn watch_upstream(
    env: Arc<Env>,
    registry: Arc<Registry>,
    tables: Arc<Mutex<Arc<[TableSummary]>>>,
) {
    let mut round = interval(PERIOD);
    round.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        round.tick().await;
        if env.known_upstream_id() == 0
            && let Ok(info) = env.upstream.probe().await
        {
            env.upstream_id.store(info.id, Ordering::Release);
        }
        if let Ok(found) = env.upstream.tables().await {
            *tables.lock().unwrap_or_else(PoisonError::into_inner) = found.into();
        }
        check_log(&env, &registry).await;
    }
}

/// Fails changefeeds whose log is gone, and asks the upstream to keep the log of the others.
async fn check_log(env: &Env, registry: &Registry) {
    let Ok(oldest) = env.upstream.oldest().await else {
        return;
    };
    for handle in registry.all() {
        let view = handle.view();
        if !view.holds_log {
            continue;
        }
        // The upstream's own check decides: the oldest ts may be known only roughly.
        if view.checkpoint < oldest
            && let Err(error) = env.upstream.check_start(view.checkpoint).await
            && error.code() == ErrorCode::StartTsBeforeGC
        {
            let lost = lost_log(view.checkpoint, oldest).with_source(error);
            // An owner that is too busy to listen hears it in the next round.
            handle.commands.try_send(Command::LogLost(lost)).ok();
            continue;
        }
        if let Err(error) = env.upstream.hold_gc(handle.id.clone(), view.checkpoint).await {
            tracing::warn!(changefeed = %handle.id, %error, "the upstream does not keep its log for the changefeed");
        }
    }
}

fn lost_log(checkpoint: Ts, oldest: Ts) -> CdcError {
    CdcError::new(
        ErrorCode::SnapshotLostByGC,
        format_args!("the upstream's log begins at {oldest}, later than the checkpoint {checkpoint}"),
    )
}
