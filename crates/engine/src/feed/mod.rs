//! What state a changefeed is in and what moves it: decisions only, no I/O.

mod backoff;
mod state;
mod step;

pub(crate) use state::{FeedState, Now, RunningError, State};
pub(crate) use step::{Effect, FeedEvent, step};
