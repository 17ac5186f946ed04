//! Looks after what changefeeds need from the upstream: its log, its tables, its identity.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tidegate_model::{CdcError, ErrorCode, Ts};
use tidegate_upstream::{TableSummary, UpstreamWatermark};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::owner::{Command, Env, Registry};

/// As often as the original updates its hold on the log.
const PERIOD: Duration = Duration::from_secs(60);

/// After a schema change the tables are read, but not more often than this.
const TABLES_PAUSE: Duration = Duration::from_secs(2);

/// Runs until it is dropped. An upstream that does not answer is asked again in the next round.
pub(super) async fn watch_upstream(
    env: Arc<Env>,
    registry: Arc<Registry>,
    tables: Arc<Mutex<Arc<[TableSummary]>>>,
) {
    let mut round = interval(PERIOD);
    round.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut watermark = env.upstream.watermark();
    let mut schema_ts = Ts::ZERO;
    loop {
        tokio::select! {
            _ = round.tick() => {
                learn_id(&env).await;
                read_tables(&env, &tables).await;
                check_log(&env, &registry).await;
            }
            ts = schema_change(&mut watermark, schema_ts) => {
                schema_ts = ts;
                read_tables(&env, &tables).await;
                sleep(TABLES_PAUSE).await;
            }
        }
    }
}

/// Waits for a schema change after `seen`. Cancel-safe.
async fn schema_change(watermark: &mut watch::Receiver<UpstreamWatermark>, seen: Ts) -> Ts {
    let changed = watermark.wait_for(|now| now.schema_ts > seen).await;
    let ts = changed.map(|now| now.schema_ts);
    match ts {
        Ok(ts) => ts,
        // The upstream is gone, and so will we be.
        Err(_closed) => std::future::pending().await,
    }
}

async fn learn_id(env: &Env) {
    if env.known_upstream_id() == 0
        && let Ok(info) = env.upstream.probe().await
    {
        env.upstream_id.store(info.id, Ordering::Release);
    }
}

async fn read_tables(env: &Env, tables: &Mutex<Arc<[TableSummary]>>) {
    if let Ok(found) = env.upstream.tables().await {
        *tables.lock().unwrap_or_else(PoisonError::into_inner) = found.into();
    }
}

/// Fails changefeeds whose log is gone, and asks the upstream to keep the log of the others.
async fn check_log(env: &Env, registry: &Registry) {
    let Ok(oldest) = env.upstream.oldest().await else {
        return;
    };
    env.oldest.store(oldest.as_u64(), Ordering::Relaxed);
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
            if error.code() == ErrorCode::UpstreamLogExpiring {
                // An owner that is too busy to listen hears it in the next round.
                handle.commands.try_send(Command::LogExpiring(error)).ok();
            }
        }
    }
}

fn lost_log(checkpoint: Ts, oldest: Ts) -> CdcError {
    CdcError::new(
        ErrorCode::SnapshotLostByGC,
        format_args!("the upstream's log begins at {oldest}, later than the checkpoint {checkpoint}"),
    )
}
