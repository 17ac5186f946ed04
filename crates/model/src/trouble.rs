//! What goes wrong and is tried again.

use std::time::Duration;

use crate::CdcError;

/// A failure that a part of the pipeline retries by itself, as it is reported to whoever shows it.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// What went wrong.
    pub error: CdcError,
    /// Tries that failed so far, this one included.
    pub attempt: u32,
    /// How long the next try waits; `None` where that is not for the reporter to say.
    pub retry_in: Option<Duration>,
}
