//! The simulation is worth something only if it reports broken builds.

use tidegate_testkit::{FileSabotage, Sabotage};

use super::play;
use super::world::{Break, World};

/// Seeds within which a broken build must be found out.
const SEEDS: u64 = 100;

/// Demands that a complaint is heard that has all `parts`.
#[track_caller]
fn is_found_out(sabotage: Break, parts: &[&str]) {
    let heard = |fault: &String| parts.iter().all(|part| fault.contains(part));
    let seed = (0..SEEDS).find(|seed| {
        let faults = World::new(*seed, Some(sabotage), None).play();
        faults.iter().any(heard)
    });
    let Some(seed) = seed else {
        panic!("{sabotage:?} was not found out by {SEEDS} seeds");
    };
    assert_eq!(
        play(seed),
        Vec::<String>::new(),
        "seed {seed} without the sabotage"
    );
}

#[test]
fn metadata_before_the_data_file_is_found_out() {
    is_found_out(Break::MetadataAhead, &["metadata", "in the files, not"]);
}

#[test]
fn a_checkpoint_before_the_data_file_is_found_out() {
    is_found_out(
        Break::Engine(Sabotage::AckTooEarly),
        &["checkpoint", "in the files, not"],
    );
}

#[test]
fn a_missing_schema_file_is_found_out() {
    is_found_out(Break::Engine(Sabotage::SkippedDdl), &["checkpoint"]);
}

#[test]
fn transactions_in_another_order_in_files_are_found_out() {
    is_found_out(
        Break::Engine(Sabotage::ReorderedTransactions),
        &["in the files, not"],
    );
}

#[test]
fn a_data_file_before_its_index_is_found_out() {
    is_found_out(
        Break::Files(FileSabotage::NoIndex),
        &["its index does not name it"],
    );
}

#[test]
fn a_file_that_is_written_over_is_found_out() {
    is_found_out(Break::Files(FileSabotage::WritesOver), &["is written over"]);
}

#[test]
fn content_that_is_not_synced_is_found_out() {
    is_found_out(Break::Files(FileSabotage::NoFileSync), &["checkpoint"]);
}

#[test]
fn names_that_are_not_synced_are_found_out() {
    is_found_out(Break::Files(FileSabotage::NoDirSync), &["checkpoint"]);
}
