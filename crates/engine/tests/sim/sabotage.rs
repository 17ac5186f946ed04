//! The simulation is worth something only if it reports broken builds.

use tidegate_testkit::Sabotage;

use crate::play;
use crate::world::World;

/// Seeds within which a broken build must be found out.
const SEEDS: u64 = 500;

/// Which complaint must be heard.
fn expected(sabotage: Sabotage) -> &'static [&'static str] {
    match sabotage {
        // What is stored runs ahead of the rows.
        Sabotage::AckTooEarly | Sabotage::LostAckCountsAsDurable | Sabotage::DroppedTransaction => {
            &["checkpoint", "or later"]
        }
        Sabotage::ForgottenAck => &["not done in time"],
        Sabotage::ReorderedTransactions => &["differs in the end"],
        Sabotage::DdlIsNoBarrier => &["schema change", "is not applied"],
        Sabotage::SkippedDdl => &["checkpoint", "although the schema change", "is not applied"],
        Sabotage::BlindToUniqueKey | Sabotage::NoFence => &["or later"],
        Sabotage::CheckpointGoesBack => &["checkpoint", "after"],
        Sabotage::SecretShown => &["a secret is shown"],
        Sabotage::StoppedRunsAgain => &["stopped became"],
    }
}

#[track_caller]
fn is_found_out(sabotage: Sabotage) {
    let heard = |fault: &String| expected(sabotage).iter().all(|part| fault.contains(part));
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
fn a_checkpoint_before_the_rows_is_found_out() {
    is_found_out(Sabotage::AckTooEarly);
}

#[test]
fn a_lost_acknowledgement_taken_for_durable_is_found_out() {
    is_found_out(Sabotage::LostAckCountsAsDurable);
}

#[test]
fn an_acknowledgement_that_never_comes_is_found_out() {
    is_found_out(Sabotage::ForgottenAck);
}

#[test]
fn transactions_in_another_order_are_found_out() {
    is_found_out(Sabotage::ReorderedTransactions);
}

#[test]
fn a_missing_transaction_is_found_out() {
    is_found_out(Sabotage::DroppedTransaction);
}

#[test]
fn a_schema_change_behind_its_rows_is_found_out() {
    is_found_out(Sabotage::DdlIsNoBarrier);
}

#[test]
fn a_missing_schema_change_is_found_out() {
    is_found_out(Sabotage::SkippedDdl);
}

#[test]
fn conflicts_that_ignore_a_unique_key_are_found_out() {
    is_found_out(Sabotage::BlindToUniqueKey);
}

#[test]
fn sessions_of_an_earlier_run_that_still_write_are_found_out() {
    is_found_out(Sabotage::NoFence);
}

#[test]
fn a_checkpoint_that_goes_back_is_found_out() {
    is_found_out(Sabotage::CheckpointGoesBack);
}

#[test]
fn a_secret_that_is_shown_is_found_out() {
    is_found_out(Sabotage::SecretShown);
}

#[test]
fn a_paused_changefeed_that_runs_is_found_out() {
    is_found_out(Sabotage::StoppedRunsAgain);
}
