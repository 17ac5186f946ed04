//! One run of a changefeed's pipeline: pull, batch, hand to the sink, follow the acknowledgements.

mod batch;
mod shared;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tidegate_filter::EventFilter;
use tidegate_model::{CdcError, ChangefeedId, ErrorCode, Result, Trouble, Ts};
use tidegate_sink::EventSink;
use tidegate_upstream::{TableSelector, Upstream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

pub(crate) use batch::RowCount;
pub(crate) use shared::{RunView, Shared, Stage};

/// How long a sink may flush when its pipeline ends.
pub(crate) const CLOSE_DEADLINE: Duration = Duration::from_secs(5);
/// How much longer than its deadline a sink may take to let go before it is dropped.
const CLOSE_GRACE: Duration = Duration::from_secs(1);
/// Pause between two attempts to reach the upstream.
const UPSTREAM_RETRY: Duration = Duration::from_secs(5);

/// What to run.
pub(crate) struct Job {
    pub(crate) changefeed: ChangefeedId,
    /// Everything up to here is durable.
    pub(crate) checkpoint: Ts,
    /// Stop when everything up to here is durable.
    pub(crate) target: Option<Ts>,
    pub(crate) selector: Arc<dyn TableSelector>,
    /// Drops rows of what the selector lets through.
    pub(crate) events: Arc<EventFilter>,
    pub(crate) force_replicate: bool,
    /// Decoding tasks that may run side by side.
    pub(crate) decoders_max: usize,
    /// Ask the upstream first whether the start point is still there.
    pub(crate) check_start: bool,
    pub(crate) upstream: Arc<dyn Upstream>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) reports: mpsc::Sender<Report>,
    /// Ends the run: drain, close, return.
    pub(crate) stop: CancellationToken,
}

/// Opens the destination when polled.
pub(crate) type OpenSink = BoxFuture<'static, Result<Arc<dyn EventSink>>>;

/// What a running pipeline asks of its owner, or tells it.
#[derive(Debug)]
pub(crate) enum Report {
    /// Store this checkpoint and answer when it is durable.
    Persist(Ts, oneshot::Sender<()>),
    /// Something is being retried inside.
    Warning(Trouble),
}

/// How a run ended.
#[derive(Debug)]
pub(crate) enum RunEnd {
    /// It was told to.
    Stopped,
    /// Everything up to the target is durable.
    ReachedTarget,
    /// It failed; the next run starts at the checkpoint.
    Failed(CdcError),
}

/// Why a step of the pipeline did not complete.
enum Halt {
    Stopped,
    Failed(CdcError),
}

impl From<CdcError> for Halt {
    fn from(error: CdcError) -> Self {
        Halt::Failed(error)
    }
}

/// Runs the pipeline until it is stopped, reaches its target or fails, and closes the sink in every case.
///
/// The order at the end is fixed: stop pulling, let the sink flush until its deadline, close it. What became durable
/// meanwhile is in the shared progress; the owner stores it.
pub(crate) async fn run(job: Job, sink: OpenSink) -> RunEnd {
    let sink = match open(&job, sink).await {
        Ok(sink) => sink,
        Err(Halt::Stopped) => return RunEnd::Stopped,
        Err(Halt::Failed(error)) => return RunEnd::Failed(error),
    };
    let end = match stream::stream(&job, &*sink).await {
        Ok(()) => RunEnd::ReachedTarget,
        Err(Halt::Stopped) => RunEnd::Stopped,
        Err(Halt::Failed(error)) => RunEnd::Failed(error),
    };
    job.shared.set_stage(Stage::Closing);
    match timeout(CLOSE_DEADLINE + CLOSE_GRACE, sink.close(CLOSE_DEADLINE)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::warn!(changefeed = %job.changefeed, %error, "the sink did not close cleanly");
        }
        Err(_elapsed) => {
            tracing::warn!(changefeed = %job.changefeed, "the sink did not close in time and is dropped");
        }
    }
    end
}

async fn open(job: &Job, sink: OpenSink) -> Result<Arc<dyn EventSink>, Halt> {
    let start = async {
        if job.check_start {
            check_start(job).await?;
        }
        job.shared.set_stage(Stage::OpeningSink);
        sink.await
    };
    tokio::select! {
        biased;
        () = job.stop.cancelled() => Err(Halt::Stopped),
        sink = start => Ok(sink?),
    }
}

/// Checks the start point; an upstream that cannot be reached is waited for, as it is while streaming.
async fn check_start(job: &Job) -> Result<()> {
    let mut attempt = 0;
    loop {
        match job.upstream.check_start(job.checkpoint).await {
            Err(error) if error.code() == ErrorCode::UpstreamConnection => {
                job.shared.set_upstream_trouble(&error);
                attempt += 1;
                let trouble = Trouble {
                    error,
                    attempt,
                    retry_in: Some(UPSTREAM_RETRY),
                };
                // A full queue means that the owner has warnings enough already.
                job.reports.try_send(Report::Warning(trouble)).ok();
                sleep(UPSTREAM_RETRY).await;
            }
            result => return result.map_err(lost_start),
        }
    }
}

/// A start point that was fine once and is gone now has a code of its own.
fn lost_start(error: CdcError) -> CdcError {
    if error.code() == ErrorCode::StartTsBeforeGC {
        CdcError::new(
            ErrorCode::SnapshotLostByGC,
            "the upstream no longer keeps the change log from the checkpoint on",
        )
        .with_source(error)
    } else {
        error
    }
}

#[cfg(test)]
mod tests;
