//! One run of a pipeline as its owner holds it.

use std::sync::Arc;
use std::time::Duration;

use tidegate_model::{CdcError, ErrorCode, Result, Ts};
use tidegate_sink::{OnTrouble, SinkSpec};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::env::Env;
use super::record::FeedInfo;
use crate::processor::{self, CLOSE_DEADLINE, Job, OpenSink, Report, RunEnd, Shared};
use crate::selector::FeedFilter;

/// `mounter.worker_num` where the config says none, as in the original.
const DECODERS_DEFAULT: usize = 16;
/// Reports that may wait for the owner.
const REPORTS: usize = 16;
/// A pipeline that has not ended so long after it was told to is dropped: more than all its own deadlines together.
const STOP_DEADLINE: Duration = Duration::from_secs(CLOSE_DEADLINE.as_secs() + 4);

pub(crate) struct Run {
    pub(crate) shared: Arc<Shared>,
    /// Dropped with the run, and the task with it.
    task: JoinSet<RunEnd>,
    reports: mpsc::Receiver<Report>,
    /// A checkpoint that the pipeline waits for and that could not be stored yet.
    pub(crate) unanswered: Option<(Ts, oneshot::Sender<()>)>,
    stop: CancellationToken,
    drop_at: Option<Instant>,
    discarded: bool,
}

pub(crate) enum RunEvent {
    Report(Report),
    Ended(RunEnd),
    /// It was told to stop and did not.
    Overdue,
}

impl Run {
    /// Starts a pipeline at `checkpoint`.
    pub(crate) fn start(env: &Arc<Env>, info: &FeedInfo, checkpoint: Ts) -> Run {
        let shared = Shared::new(checkpoint, info.config.memory_quota);
        let (report_tx, reports) = mpsc::channel(REPORTS);
        let stop = CancellationToken::new();
        let mut task = JoinSet::new();
        match job(env, info, checkpoint, &shared, report_tx, &stop) {
            Ok((job, sink)) => task.spawn(processor::run(job, sink)),
            Err(error) => task.spawn(async move { RunEnd::Failed(error) }),
        };
        Run {
            shared,
            task,
            reports,
            unanswered: None,
            stop,
            drop_at: None,
            discarded: false,
        }
    }

    /// Tells it to drain and close. The end is reported later, at the latest after a deadline.
    pub(crate) fn stop(&mut self) {
        self.stop.cancel();
        self.drop_at.get_or_insert_with(|| Instant::now() + STOP_DEADLINE);
    }

    /// As [`Run::stop`]; its progress no longer counts.
    pub(crate) fn discard(&mut self) {
        self.discarded = true;
        self.unanswered = None;
        self.stop();
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.drop_at.is_some()
    }

    pub(crate) fn is_discarded(&self) -> bool {
        self.discarded
    }

    /// What happens next. May be dropped and called again.
    pub(crate) async fn next(&mut self) -> RunEvent {
        let drop_at = self.drop_at;
        tokio::select! {
            biased;
            Some(report) = self.reports.recv() => RunEvent::Report(report),
            Some(end) = self.task.join_next() => RunEvent::Ended(end.unwrap_or_else(|error| {
                let text = "the pipeline failed unexpectedly";
                RunEnd::Failed(CdcError::new(ErrorCode::ProcessorUnknown, text).with_source(error))
            })),
            () = sleep_until(drop_at.unwrap_or_else(Instant::now)), if drop_at.is_some() => RunEvent::Overdue,
        }
    }
}

fn job(
    env: &Arc<Env>,
    info: &FeedInfo,
    checkpoint: Ts,
    shared: &Arc<Shared>,
    reports: mpsc::Sender<Report>,
    stop: &CancellationToken,
) -> Result<(Job, OpenSink)> {
    let filter = FeedFilter::new(&info.config, &env.zone)?;
    let mut spec = env.sink_spec(info, checkpoint)?;
    spec.on_trouble = OnTrouble::new({
        let reports = reports.clone();
        move |trouble| {
            // A full queue means that the owner has warnings enough already.
            drop(reports.try_send(Report::Warning(trouble.clone())));
        }
    });
    let job = Job {
        changefeed: info.id.clone(),
        checkpoint,
        target: (!info.target_ts.is_zero()).then_some(info.target_ts),
        events: Arc::clone(filter.events()),
        selector: Arc::new(filter),
        force_replicate: info.config.force_replicate,
        decoders_max: decoders(info),
        check_start: info.config.check_gc_safe_point,
        upstream: Arc::clone(&env.upstream),
        shared: Arc::clone(shared),
        reports,
        stop: stop.clone(),
    };
    Ok((job, open_sink(Arc::clone(env), spec)))
}

fn decoders(info: &FeedInfo) -> usize {
    match usize::try_from(info.config.mounter.worker_num) {
        Ok(0) | Err(_) => DECODERS_DEFAULT,
        Ok(workers) => workers,
    }
}

/// Rows up to the upstream's present may have been written by an earlier run.
fn open_sink(env: Arc<Env>, mut spec: SinkSpec) -> OpenSink {
    Box::pin(async move {
        let _turn = env.openings.enter(&spec.uri).await;
        spec.replicate_ts = spec.replicate_ts.max(env.upstream.now().await?);
        env.sinks.open(spec).await
    })
}
