//! Many changefeeds on one server.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tidegate_model::Ts;
use tidegate_testkit::{Downstream, FaultPlan};
use tokio::time::{Instant, sleep};

use crate::fixture::{Bench, feed};

const COUNT: usize = 200;

async fn checkpoints(bench: &Bench) -> Vec<Ts> {
    let mut found = Vec::with_capacity(COUNT);
    for number in 0..COUNT {
        let status = bench
            .service
            .changefeed_status(&feed(&format!("feed-{number}")))
            .await
            .unwrap();
        found.push(Ts::from_u64(status.checkpoint_ts));
    }
    found
}

/// Starting read the store once for each changefeed, and opened all their sinks at the same time.
#[tokio::test(start_paused = true)]
async fn a_restart_reads_the_store_once_and_opens_sinks_a_few_at_a_time() {
    let first = Bench::start(FaultPlan::default()).await;
    for number in 0..COUNT {
        first.create(&format!("feed-{number}")).await.unwrap();
    }
    sleep(Duration::from_secs(5)).await;
    first.service.shutdown(Duration::from_secs(30)).await;
    let before = checkpoints(&first).await;
    let reads = first.store.reads();
    let downstream = Downstream::new(&first.history);
    let bench = Bench::restart(
        FaultPlan::default(),
        Arc::clone(&first.history),
        downstream,
        first.store,
        first.clock,
    )
    .await;
    assert_eq!(bench.store.reads() - reads, 1, "one read for {COUNT} changefeeds");
    let up = Instant::now();
    loop {
        let now = checkpoints(&bench).await;
        if before.iter().zip(&now).all(|(before, now)| now > before) {
            break;
        }
        assert!(
            up.elapsed() < Duration::from_secs(5),
            "all move within five seconds"
        );
        sleep(Duration::from_millis(50)).await;
    }
    let most = bench.sinks.most_opening.load(Ordering::Acquire);
    assert!((2..=8).contains(&most), "{most} sinks at once");
}
