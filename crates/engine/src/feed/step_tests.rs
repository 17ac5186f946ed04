use std::time::Duration;

use super::*;

const STUCK: Duration = Duration::from_secs(1800);

fn at(secs: u64) -> Now {
    Now {
        mono: Duration::from_secs(secs),
        unix_ms: secs * 1000,
    }
}

fn feed(state: State) -> FeedState {
    let mut feed = FeedState::load(State::Normal, Ts::from_u64(100), STUCK, 7, at(0));
    feed.state = state;
    feed
}

fn retryable() -> CdcError {
    CdcError::new(ErrorCode::MySQLTxnError, "deadlock")
}

fn trouble() -> Trouble {
    Trouble {
        error: retryable(),
        attempt: 3,
        retry_in: Some(Duration::from_secs(4)),
    }
}

fn fatal() -> CdcError {
    CdcError::new(ErrorCode::SnapshotLostByGC, "purged")
}

fn progress_to(feed: &mut FeedState, checkpoint: u64, resolved: u64, now: Now) -> Vec<Effect> {
    let event = FeedEvent::Progress {
        checkpoint: Ts::from_u64(checkpoint),
        resolved: Ts::from_u64(resolved),
    };
    step(feed, event, now)
}

/// Every state with every command and signal: the state it leads to, or none when nothing happens.
#[test]
fn the_table_of_transitions() {
    use State::{Failed, Finished, Normal, Pending, Removed, Stopped, Warning};
    let resume = || FeedEvent::Resume { overwrite: None };
    let rows: Vec<(FeedEvent, Vec<(State, State)>)> = vec![
        (
            FeedEvent::Pause,
            vec![(Normal, Stopped), (Warning, Stopped), (Pending, Stopped)],
        ),
        (
            resume(),
            vec![(Stopped, Normal), (Failed, Normal), (Finished, Normal)],
        ),
        (
            FeedEvent::Remove,
            vec![
                (Normal, Removed),
                (Warning, Removed),
                (Pending, Removed),
                (Stopped, Removed),
                (Failed, Removed),
                (Finished, Removed),
            ],
        ),
        (
            FeedEvent::ReachedTarget,
            vec![(Normal, Finished), (Warning, Finished)],
        ),
        (
            FeedEvent::Error(retryable()),
            vec![(Normal, Pending), (Warning, Pending)],
        ),
        (
            FeedEvent::Error(fatal()),
            vec![
                (Normal, Failed),
                (Warning, Failed),
                (Pending, Failed),
                (Stopped, Failed),
            ],
        ),
        (FeedEvent::Warning(trouble()), vec![(Normal, Warning)]),
        (FeedEvent::Stalled(retryable()), vec![(Normal, Warning)]),
        (FeedEvent::Tick, vec![(Pending, Warning)]),
    ];
    for (event, moves) in rows {
        for from in State::ALL.into_iter().filter(|state| *state != Removed) {
            let mut feed = feed(from);
            let effects = step(&mut feed, event.clone(), at(1));
            let expect = moves
                .iter()
                .find(|(start, _)| *start == from)
                .map_or(from, |(_, to)| *to);
            assert_eq!(feed.state, expect, "{from:?} with {event:?}");
            if expect != from {
                assert!(!effects.is_empty(), "{from:?} with {event:?} must be carried out");
            } else if from != Warning {
                assert_eq!(effects, [], "{from:?} with {event:?} must do nothing");
            }
        }
    }
}

#[test]
fn effects_store_before_they_touch_the_pipeline() {
    assert_eq!(
        step(&mut feed(State::Normal), FeedEvent::Pause, at(1)),
        [Effect::Persist, Effect::Stop]
    );
    assert_eq!(
        step(&mut feed(State::Normal), FeedEvent::Remove, at(1)),
        [Effect::Delete, Effect::Stop]
    );
    let overwrite = Some(Ts::from_u64(40));
    assert_eq!(
        step(&mut feed(State::Stopped), FeedEvent::Resume { overwrite }, at(1)),
        [
            Effect::Persist,
            Effect::Overwrite(Ts::from_u64(40)),
            Effect::Start
        ]
    );
    assert_eq!(
        step(&mut feed(State::Pending), FeedEvent::Tick, at(1)),
        [Effect::Persist, Effect::Start]
    );
}

#[test]
fn resume_forgets_the_error_and_may_move_the_checkpoint_back() {
    let mut feed = feed(State::Normal);
    step(&mut feed, FeedEvent::Error(fatal()), at(1));
    assert_eq!(
        feed.error.as_ref().map(|error| error.code.as_str()),
        Some("CDC:ErrSnapshotLostByGC")
    );
    assert!(!feed.holds_gc());
    let overwrite = Some(Ts::from_u64(40));
    step(&mut feed, FeedEvent::Resume { overwrite }, at(2));
    assert_eq!((feed.error.clone(), feed.checkpoint), (None, Ts::from_u64(40)));
    assert!(feed.holds_gc());
}

#[test]
fn a_pending_changefeed_waits_for_its_turn() {
    let mut feed = feed(State::Normal);
    step(&mut feed, FeedEvent::Error(retryable()), at(0));
    assert_eq!(step(&mut feed, FeedEvent::Tick, at(8)), []);
    assert_eq!(feed.state, State::Pending);
    step(&mut feed, FeedEvent::Tick, at(11));
    assert_eq!(feed.state, State::Warning);
    assert!(
        feed.error.is_some(),
        "the error stays visible until there is progress"
    );
}

#[test]
fn progress_beyond_the_retry_and_the_warning_ends_the_series() {
    let mut feed = feed(State::Normal);
    step(&mut feed, FeedEvent::Error(retryable()), at(0));
    step(&mut feed, FeedEvent::Tick, at(11));
    progress_to(&mut feed, 100, 150, at(12));
    assert_eq!(feed.state, State::Warning, "no progress yet");
    step(&mut feed, FeedEvent::Warning(trouble()), at(13));
    assert_eq!(progress_to(&mut feed, 101, 150, at(14)), [Effect::Persist]);
    assert_eq!(
        (feed.state, feed.error.clone(), feed.backoff.lasted(at(14).mono)),
        (State::Normal, None, Duration::ZERO)
    );
}

#[test]
fn retries_without_progress_end_in_failed_after_the_stuck_duration() {
    let mut feed = feed(State::Normal);
    let mut now = 0;
    while feed.state != State::Failed {
        assert!(now < 2 * STUCK.as_secs(), "must give up");
        step(&mut feed, FeedEvent::Tick, at(now));
        if feed.state.is_running() {
            step(&mut feed, FeedEvent::Error(retryable()), at(now));
        }
        now += 1;
    }
    assert!(now > STUCK.as_secs());
    assert_eq!(
        feed.error.as_ref().map(|error| error.code.as_str()),
        Some("CDC:ErrMySQLTxnError")
    );
    assert!(feed.holds_gc(), "it can be resumed, so its log must stay");
}

#[test]
fn warnings_are_fatal_only_while_the_checkpoint_stands_still_behind() {
    let late = at(STUCK.as_secs() + 10);
    let mut caught_up = feed(State::Normal);
    progress_to(&mut caught_up, 100, 100, at(1));
    step(&mut caught_up, FeedEvent::Warning(trouble()), late);
    assert_eq!(
        caught_up.state,
        State::Warning,
        "nothing to do is not being stuck"
    );

    let mut behind = feed(State::Normal);
    progress_to(&mut behind, 101, 200, at(1));
    step(&mut behind, FeedEvent::Stalled(retryable()), late);
    assert_eq!(
        behind.state,
        State::Warning,
        "a slow downstream alone is no failure"
    );
    step(&mut behind, FeedEvent::Warning(trouble()), late);
    assert_eq!(behind.state, State::Failed);
    let error = behind.error.expect("failed has an error");
    assert_eq!(error.code, "CDC:ErrChangefeedUnretryable");
    assert!(error.message.contains("deadlock"), "{}", error.message);
}

#[test]
fn a_repeated_warning_is_stored_once() {
    let mut feed = feed(State::Normal);
    assert_eq!(
        step(&mut feed, FeedEvent::Warning(trouble()), at(1)),
        [Effect::Persist]
    );
    assert_eq!(step(&mut feed, FeedEvent::Warning(trouble()), at(2)), []);
    let other = Trouble {
        error: CdcError::new(ErrorCode::UpstreamConnection, "reset"),
        ..trouble()
    };
    assert_eq!(
        step(&mut feed, FeedEvent::Warning(other), at(3)),
        [Effect::Persist]
    );
}

#[test]
fn a_log_that_will_be_gone_is_shown_while_stopped_and_stops_nothing() {
    let expiring = || FeedEvent::LogExpiring(CdcError::new(ErrorCode::UpstreamLogExpiring, "in 5 s"));
    let mut paused = feed(State::Stopped);
    assert_eq!(step(&mut paused, expiring(), at(1)), [Effect::Persist]);
    assert_eq!(step(&mut paused, expiring(), at(2)), []);
    assert_eq!(paused.state, State::Stopped);
    assert_eq!(
        paused.warning.as_ref().unwrap().code,
        "CDC:ErrUpstreamLogExpiring"
    );
    step(&mut paused, FeedEvent::Resume { overwrite: None }, at(3));
    assert!(paused.warning.is_none());
    let mut running = feed(State::Normal);
    step(&mut running, expiring(), at(4));
    assert_eq!(running.state, State::Warning);
    // What was wrong with a run is over when it ends.
    step(&mut running, FeedEvent::Pause, at(5));
    assert!(running.warning.is_none());
}

#[test]
fn the_next_try_and_the_failed_ones_are_known_while_it_is_retried() {
    let mut feed = feed(State::Normal);
    step(&mut feed, FeedEvent::Warning(trouble()), at(10));
    let inside = Retry {
        attempt: 3,
        at: Some(Duration::from_secs(14)),
    };
    assert_eq!(feed.retry, Some(inside));
    step(&mut feed, FeedEvent::Error(retryable()), at(20));
    let whole = feed.retry.expect("pending");
    assert_eq!(whole.attempt, 1);
    assert!(whole.at.is_some_and(|at| (28..=32).contains(&at.as_secs())));
    step(&mut feed, FeedEvent::Tick, at(40));
    assert_eq!(
        (feed.state, feed.retry),
        (State::Warning, None),
        "it is being tried"
    );
    step(&mut feed, FeedEvent::Warning(trouble()), at(41));
    progress_to(&mut feed, 101, 150, at(42));
    assert_eq!((feed.state, feed.retry), (State::Normal, None));
}

/// The original looks for the code of such an error inside the text of another.
#[test]
fn an_error_that_wraps_a_final_one_is_final() {
    let wrapped = CdcError::new(ErrorCode::ProcessorUnknown, "the pipeline failed").with_source(fatal());
    assert_eq!(wrapped.code().retry_class(), RetryClass::Retry);
    let mut feed = feed(State::Normal);
    step(&mut feed, FeedEvent::Error(wrapped), at(1));
    assert_eq!(feed.state, State::Failed);
    let doubted = CdcError::new(ErrorCode::UpstreamConnection, "asked again").with_source(fatal());
    let mut feed = self::feed(State::Normal);
    step(&mut feed, FeedEvent::Error(doubted), at(1));
    assert_eq!(feed.state, State::Pending);
}

#[test]
fn the_checkpoint_never_moves_back_by_progress() {
    let mut feed = feed(State::Normal);
    progress_to(&mut feed, 120, 130, at(1));
    progress_to(&mut feed, 110, 115, at(2));
    assert_eq!(
        (feed.checkpoint, feed.resolved),
        (Ts::from_u64(120), Ts::from_u64(130))
    );
}

#[test]
fn a_stored_pending_changefeed_is_tried_at_once() {
    let feed = FeedState::load(State::Pending, Ts::from_u64(9), STUCK, 1, at(50));
    assert_eq!((feed.state, feed.retry), (State::Warning, None));
}

#[test]
fn words_and_states_agree() {
    for state in State::ALL {
        assert_eq!(State::parse(state.as_str()), Some(state));
    }
    assert_eq!(State::parse(""), Some(State::Normal));
    assert_eq!(State::parse("error"), None);
}
