//! Keeps changefeeds that start together from storming their destinations.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tidegate_api::SinkUri;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Sinks of one destination that are opened at the same time. The others wait; a destination that does not answer
/// holds up nobody else.
const AT_ONCE: usize = 8;

/// Destinations at which sinks are being opened.
#[derive(Default)]
pub(crate) struct Openings {
    destinations: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Openings {
    /// Waits for the right to open a sink there, first come, first served. Keep it until the sink is open.
    pub(crate) async fn enter(&self, uri: &SinkUri) -> Option<OwnedSemaphorePermit> {
        let key = format!("{}:{:?}", uri.host(), uri.port());
        let destination = {
            let mut all = self.destinations.lock().unwrap_or_else(PoisonError::into_inner);
            // Nobody is at a destination that only the map knows.
            all.retain(|name, gate| *name == key || Arc::strong_count(gate) > 1);
            let gate = all
                .entry(key)
                .or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE)));
            Arc::clone(gate)
        };
        // It is never closed.
        destination.acquire_owned().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn only_so_many_sinks_of_one_destination_are_opened_at_once() {
        let openings = Openings::default();
        let uri = |host: &str| SinkUri::parse(&format!("mysql://u:p@{host}:3306/")).unwrap();
        let mut inside = Vec::new();
        for _ in 0..AT_ONCE {
            inside.push(openings.enter(&uri("a")).await);
        }
        assert!(openings.enter(&uri("a")).now_or_never().is_none());
        assert!(openings.enter(&uri("b")).now_or_never().is_some(), "another one");
        inside.pop();
        assert!(openings.enter(&uri("a")).now_or_never().is_some());
        drop(inside);
        drop(openings.enter(&uri("c")).await);
        let known = openings.destinations.lock().unwrap().len();
        assert_eq!(known, 1, "destinations are forgotten");
    }
}
