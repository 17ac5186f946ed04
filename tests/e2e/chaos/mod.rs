//! Crashes, restarts and a failover under a mixed load: at the end both destinations equal the upstream.
//!
//! `cargo xtask chaos` runs the full size, the test suite a reduced one. `TIDEGATE_CHAOS` holds what differs from the
//! reduced size, such as `kills=200,seed=7`.

mod plan;
mod replay;
mod verdict;
mod workload;
mod world;

use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use plan::{Fault, Plan};
use world::World;

#[tokio::test]
async fn whatever_dies_both_destinations_equal_the_upstream() {
    let plan = Plan::from_env();
    println!("{plan}");
    let begin = Instant::now();
    let mut world = World::start(&plan).await;
    let workload = world.spawn_workload(plan.seed);
    let mut rng = SmallRng::seed_from_u64(plan.seed);
    for (number, fault) in plan.faults().into_iter().enumerate() {
        println!("{:>6.1} s, {number}: {fault:?}", begin.elapsed().as_secs_f64());
        // A random moment is the point here: anything from "still starting" to "in the middle of it".
        tokio::time::sleep(Duration::from_millis(rng.random_range(20..plan.pause_ms_max))).await;
        strike(&mut world, fault).await;
    }
    let transactions = world.finish_workload(workload, plan.transactions).await;
    println!(
        "{:>6.1} s: {transactions} transactions",
        begin.elapsed().as_secs_f64()
    );
    world.converge().await;
    println!("{:>6.1} s: the database is equal", begin.elapsed().as_secs_f64());
    world.files_replay().await;
    println!(
        "{:>6.1} s: the files replay to the same",
        begin.elapsed().as_secs_f64()
    );
    world.end();
}

async fn strike(world: &mut World, fault: Fault) {
    match fault {
        Fault::Kill => world.kill_tidegate().await,
        Fault::RestartUpstream => world.restart_upstream(false).await,
        Fault::CrashUpstream => world.restart_upstream(true).await,
        Fault::RestartDownstream => world.restart_downstream(false).await,
        Fault::CrashDownstream => world.restart_downstream(true).await,
        Fault::FailOver => world.fail_over().await,
    }
}
