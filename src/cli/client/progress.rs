//! A sign of life while a request takes long.

use std::io::{IsTerminal, Write};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

/// Nothing is shown for a request that is quick.
const PATIENCE: Duration = Duration::from_secs(1);

/// Runs `work`. While it lasts, and stderr is a terminal, a line there tells what is waited for and for how long.
pub(super) fn show<T>(what: &str, work: impl FnOnce() -> T) -> T {
    if !std::io::stderr().is_terminal() {
        return work();
    }
    let started = Instant::now();
    let (done, waiting) = sync_channel::<()>(0);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut shown = false;
            while waiting.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                shown = true;
                eprint!("\r{what} ({} s)", started.elapsed().as_secs());
                std::io::stderr().flush().ok();
            }
            if shown {
                // Back to an empty line.
                eprint!("\r\x1b[K");
            }
        });
        let result = work();
        drop(done);
        result
    })
}
