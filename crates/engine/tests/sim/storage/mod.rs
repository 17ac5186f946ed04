//! The storage sink in simulated time: whole runs of the engine that end in files.
//!
//! Each seed makes up a history, a changefeed, a place for its files and a series of faults. Engine and sink are real
//! down to the calls to a disk or a bucket; these remember, fail, tear, delay and lose power. What must hold is in
//! `checks.rs`: the files, read as a consumer reads them, are the upstream's tables at every moment that is promised.

mod checks;
mod replay;
mod sabotage;
mod scenario;
mod user;
mod world;

use std::env;

use tidegate_testkit::Trace;

use world::World;

const SEEDS: u64 = 60;
const KEPT: &str = include_str!("kept_seeds.txt");
/// Lines of a trace that are shown.
const TRACE_LINES: usize = 400;

/// What must not have happened in the run of a seed.
fn play(seed: u64) -> Vec<String> {
    World::new(seed, None, None).play()
}

/// The seed once more, with everything that happens.
fn show(seed: u64) -> String {
    let trace = Trace::default();
    let faults = World::new(seed, None, Some(trace.clone())).play();
    assert!(!faults.is_empty(), "seed {seed} is not played the same way twice");
    let lines = trace.lines();
    let skipped = lines.len().saturating_sub(TRACE_LINES);
    format!("... {skipped} lines ...\n{}", lines[skipped..].join("\n"))
}

#[test]
fn no_seed_loses_a_row_in_files() {
    let number = |name: &str| {
        env::var(name)
            .ok()
            .map(|text| text.parse::<u64>().expect("a number"))
    };
    let first = number("TIDEGATE_SIM_SEED");
    let count = number("TIDEGATE_SIM_SEEDS").unwrap_or(if first.is_some() { 1 } else { SEEDS });
    let kept: Vec<u64> = if first.is_none() {
        crate::kept_seeds(KEPT).collect()
    } else {
        Vec::new()
    };
    let first = first.unwrap_or(0);
    let failed: Vec<(u64, Vec<String>)> = kept
        .into_iter()
        .chain(first..first + count)
        .filter_map(|seed| {
            let faults = play(seed);
            (!faults.is_empty()).then_some((seed, faults))
        })
        .collect();
    if let Some((seed, _)) = failed.first() {
        let list: Vec<String> = failed
            .iter()
            .map(|(seed, faults)| format!("cargo xtask sim --seed {seed}: {}", faults.join("; ")))
            .collect();
        panic!(
            "the first of the failed seeds:\n{}\n{} seeds failed:\n{}",
            show(*seed),
            failed.len(),
            list.join("\n")
        );
    }
}

#[test]
fn a_seed_of_files_is_played_the_same_way_twice() {
    let lines = |seed| {
        let trace = Trace::default();
        World::new(seed, None, Some(trace.clone())).play();
        trace.lines()
    };
    for seed in 0..10 {
        let (first, second) = (lines(seed), lines(seed));
        let differs = first.iter().zip(&second).find(|(first, second)| first != second);
        assert!(differs.is_none(), "seed {seed}: {differs:?}");
        assert_eq!(first.len(), second.len(), "seed {seed}");
    }
}
