//! Whether a changefeed has nothing left to do. Pure; the rules and wordings are those of the original's endpoint.

/// Everything the answer depends on; all times in unix milliseconds.
#[derive(Clone, Debug)]
pub(crate) struct Inputs {
    /// The upstream's clock, or why it could not be read.
    pub(crate) now_ms: Result<u64, String>,
    pub(crate) checkpoint_ms: u64,
    /// Read up to here; 0: not reported yet.
    pub(crate) pulled_ms: u64,
    /// Commit time of the latest row written; 0: no table at all.
    pub(crate) last_synced_ms: u64,
    pub(crate) synced_check_ms: u64,
    pub(crate) checkpoint_interval_ms: u64,
}

const FINISHED: &str = "Data syncing is finished";
const WAIT: &str = "The data syncing is not finished, please wait";
/// The original names its own upstream's parts here.
const CHECK_UPSTREAM: &str = "Please check whether the upstream database is online. If it is offline, it means that \
    the data syncing process is complete. If it is online, it means the data syncing is incomplete, so please wait";

/// The verdict and its explanation.
pub(crate) fn decide(inputs: &Inputs) -> (bool, String) {
    let behind_puller = inputs.pulled_ms.saturating_sub(inputs.checkpoint_ms);
    let now_ms = match &inputs.now_ms {
        Ok(now_ms) => *now_ms,
        Err(error) if behind_puller > inputs.checkpoint_interval_ms => {
            return (false, format!("{error}. Besides the data is not finish syncing"));
        }
        Err(error) => {
            let advice = format!(
                "{error}. Please check whether the upstream database is online. If it is down, the data syncing is \
                 finished once last_synced_ts is more than {} seconds old",
                inputs.synced_check_ms / 1000
            );
            return (false, advice);
        }
    };
    let quiet = now_ms.saturating_sub(inputs.last_synced_ms) > inputs.synced_check_ms;
    let caught_up = now_ms.saturating_sub(inputs.checkpoint_ms) < inputs.checkpoint_interval_ms;
    match (quiet, caught_up) {
        (true, true) => (true, FINISHED.to_owned()),
        (true, false) if behind_puller < inputs.checkpoint_interval_ms => (false, CHECK_UPSTREAM.to_owned()),
        _ => (false, WAIT.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_000_000_000;

    /// Ages in seconds: of the last row, the checkpoint and the pulled position.
    fn check(last: u64, checkpoint: u64, pulled: u64) -> (bool, String) {
        decide(&Inputs {
            now_ms: Ok(NOW),
            checkpoint_ms: NOW - checkpoint * 1000,
            pulled_ms: NOW - pulled * 1000,
            last_synced_ms: NOW - last * 1000,
            synced_check_ms: 300_000,
            checkpoint_interval_ms: 15_000,
        })
    }

    #[test]
    fn the_table_of_answers_with_strict_comparisons() {
        assert_eq!(check(301, 14, 14), (true, FINISHED.to_owned()));
        assert_eq!(check(300, 14, 14), (false, WAIT.to_owned()));
        assert_eq!(check(301, 15, 15), (false, CHECK_UPSTREAM.to_owned()));
        assert_eq!(check(301, 60, 46), (false, CHECK_UPSTREAM.to_owned()));
        assert_eq!(check(301, 60, 45), (false, WAIT.to_owned()));
        assert_eq!(check(10, 60, 1), (false, WAIT.to_owned()));
    }

    #[test]
    fn without_any_table_a_caught_up_changefeed_is_synced() {
        let inputs = Inputs {
            now_ms: Ok(NOW),
            checkpoint_ms: NOW - 1,
            pulled_ms: NOW,
            last_synced_ms: 0,
            synced_check_ms: 300_000,
            checkpoint_interval_ms: 15_000,
        };
        assert!(decide(&inputs).0);
    }

    #[test]
    fn an_unreachable_upstream_is_never_synced_and_says_so() {
        let inputs = |pulled_ms| Inputs {
            now_ms: Err("no route".to_owned()),
            checkpoint_ms: NOW,
            pulled_ms,
            last_synced_ms: 0,
            synced_check_ms: 300_000,
            checkpoint_interval_ms: 15_000,
        };
        let (synced, info) = decide(&inputs(NOW + 15_001));
        assert!(
            !synced && info == "no route. Besides the data is not finish syncing",
            "{info}"
        );
        let (synced, info) = decide(&inputs(NOW + 15_000));
        assert!(!synced && info.starts_with("no route. Please check"), "{info}");
    }
}
