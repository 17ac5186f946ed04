//! Updating, pausing, resuming and removing a changefeed.

use tidegate_api::{
    ChangefeedDetail, Finding, Findings, ReplicaConfig, ResumeChangefeed, SinkUri, UpdateChangefeed,
};
use tidegate_model::{CdcError, ChangefeedId, ErrorCode, Result, Ts};
use tokio::sync::oneshot;

use super::create::Reach;
use super::{ReplicationService, owner_gone};
use crate::feed::State;
use crate::owner::{Command, FeedInfo, Handle, update_refused};

impl ReplicationService {
    /// Whether the changefeed exists and its state allows an update: clients are told so before their body is read.
    ///
    /// # Errors
    /// `ChangeFeedNotExists`, `ChangefeedUpdateRefused`.
    pub fn check_updatable(&self, id: &ChangefeedId) -> Result<()> {
        match self.registry.get(id)?.view().state {
            State::Stopped | State::Failed => Ok(()),
            _ => Err(update_refused()),
        }
    }

    /// Changes target, sink or settings of a stopped or failed changefeed. What the request leaves out keeps its
    /// stored value, and so does a secret that comes back as its mask. Takes effect with the next resume.
    ///
    /// # Errors
    /// `ChangeFeedNotExists`, `ChangefeedUpdateRefused` with the reason, `TableIneligible`, `MetaOpFailed` on a race, and
    /// faults of upstream, destination and store that no other request would mend.
    pub async fn update_changefeed(
        &self,
        id: &ChangefeedId,
        request: UpdateChangefeed,
    ) -> Result<ChangefeedDetail> {
        let handle = self.registry.get(id)?;
        let view = handle.view();
        if !matches!(view.state, State::Stopped | State::Failed) {
            return Err(update_refused());
        }
        let mut info = FeedInfo::clone(&view.info);
        if request.target_ts != 0 {
            info.target_ts = Ts::from_u64(request.target_ts);
            if info.target_ts <= info.start_ts {
                return Err(CdcError::new(
                    ErrorCode::ChangefeedUpdateRefused,
                    format_args!(
                        "can not update target_ts:{} less than start_ts:{}",
                        info.target_ts, info.start_ts
                    ),
                ));
            }
        }
        let checked = self
            .updated_settings(&mut info, request, view.checkpoint, &mut Findings::first_error())
            .await;
        checked.map_err(|error| match error.code() {
            ErrorCode::TableIneligible | ErrorCode::ChangefeedUpdateRefused => error,
            // A fault of ours or of the upstream is none that another request would mend.
            code if code.http_status() >= 500 => error,
            _ => refused("changefeed update error").with_source(error),
        })?;
        if is_same(&info, &view.info) {
            return Err(refused(
                "changefeed update error: changefeed config is the same with the old one, do nothing",
            ));
        }
        let (reply, answer) = oneshot::channel();
        self.order(&handle, Command::Update(Box::new(info), reply), answer)
            .await?;
        Ok(self.detail(&handle.view()))
    }

    /// Everything that would keep [`Self::update_changefeed`] from changing these settings, whatever the state, and what
    /// would probably not be as intended. Changes nothing.
    ///
    /// # Errors
    /// `ChangeFeedNotExists`: faults of the upstream and the destination are findings too.
    pub async fn validate_update(
        &self,
        id: &ChangefeedId,
        request: UpdateChangefeed,
        reach: Reach,
    ) -> Result<Vec<Finding>> {
        let view = self.registry.get(id)?.view();
        let mut info = FeedInfo::clone(&view.info);
        let mut findings = reach.findings();
        let checked = self
            .updated_settings(&mut info, request, view.checkpoint, &mut findings)
            .await;
        if let Err(error) = checked {
            findings.error("/sink_uri", error)?;
        }
        Ok(findings.into_shown())
    }

    /// Stops replicating; the checkpoint stays. Does nothing to a changefeed that is not running. Answers when the
    /// state is stored; the sink may still be flushing.
    ///
    /// # Errors
    /// `ChangeFeedNotExists`, and those of the store.
    pub async fn pause_changefeed(&self, id: &ChangefeedId) -> Result<()> {
        let handle = self.registry.get(id)?;
        let (reply, answer) = oneshot::channel();
        self.order(&handle, Command::Pause(reply), answer).await
    }

    /// Goes on from the checkpoint, or from another one. Does nothing to a running changefeed.
    ///
    /// # Errors
    /// `ChangeFeedNotExists`, `APIInvalidParam` for a checkpoint in the future, `StartTsBeforeGC` when the upstream
    /// no longer keeps its log from there on, and those of upstream and store.
    pub async fn resume_changefeed(&self, id: &ChangefeedId, request: ResumeChangefeed) -> Result<()> {
        let handle = self.registry.get(id)?;
        let overwrite =
            (request.overwrite_checkpoint_ts != 0).then(|| Ts::from_u64(request.overwrite_checkpoint_ts));
        let from = overwrite.unwrap_or_else(|| handle.view().checkpoint);
        self.start_ts(from, "checkpoint-ts").await?;
        let (reply, answer) = oneshot::channel();
        self.order(&handle, Command::Resume(overwrite, reply), answer)
            .await
    }

    /// Deletes a changefeed. Its pipeline is closed and its records are gone when this returns; an unknown id is no
    /// error.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn remove_changefeed(&self, id: &ChangefeedId) -> Result<()> {
        let Ok(handle) = self.registry.get(id) else {
            return Ok(());
        };
        let (reply, answer) = oneshot::channel();
        match self.order(&handle, Command::Remove(reply), answer).await {
            Err(error) if self.registry.get(id).is_ok() => Err(error),
            _ => Ok(()),
        }
    }

    /// Sends an order to an owner and waits for its answer.
    async fn order(
        &self,
        handle: &Handle,
        command: Command,
        answer: oneshot::Receiver<Result<()>>,
    ) -> Result<()> {
        let answer = match handle.commands.send(command).await {
            Ok(()) => answer.await.ok(),
            Err(_closed) => None,
        };
        match answer {
            Some(answer) => answer,
            // Its owner has ended: because it was removed, or for no good reason.
            None => self.registry.get(&handle.id).and(Err(owner_gone())),
        }
    }

    async fn updated_settings(
        &self,
        info: &mut FeedInfo,
        request: UpdateChangefeed,
        checkpoint: Ts,
        findings: &mut Findings,
    ) -> Result<()> {
        let uri_changes = !request.sink_uri.is_empty();
        if !uri_changes && request.replica_config.is_none() {
            return Ok(());
        }
        let stored = SinkUri::parse(&info.sink_uri)?;
        let stored_files = tls_files(&info.config);
        if uri_changes {
            info.sink_uri = SinkUri::parse_update(&request.sink_uri, &stored)?
                .as_str()
                .to_owned();
        }
        if let Some(patch) = request.replica_config {
            info.config = patch.apply(&info.config)?;
        }
        if !uri_changes {
            refuse_conflict(info)?;
        }
        let is_stored_secret = stored.has_secret() && info.sink_uri != request.sink_uri;
        if is_stored_secret && tls_files(&info.config) != stored_files {
            return Err(refused(
                "changefeed update error: the stored secret is kept only for the same TLS settings; give sink_uri with \
                 its secret too",
            ));
        }
        self.check_settings(info, checkpoint, findings).await
    }
}

/// The members of a config that say how a connection is protected.
fn tls_files(config: &ReplicaConfig) -> [Option<String>; 3] {
    match &config.sink.mysql_config {
        Some(mysql) => [&mysql.ssl_ca, &mysql.ssl_cert, &mysql.ssl_key].map(Clone::clone),
        None => [None, None, None],
    }
}

/// A parameter of the URI wins over the config; a new config that says otherwise would change nothing.
fn refuse_conflict(info: &FeedInfo) -> Result<()> {
    let uri = SinkUri::parse(&info.sink_uri)?;
    let sink = &info.config.sink;
    for (parameter, configured) in [
        ("protocol", &sink.protocol),
        ("transaction-atomicity", &sink.transaction_atomicity),
    ] {
        if let (Some(in_uri), Some(in_config)) = (uri.param(parameter), configured)
            && !in_uri.eq_ignore_ascii_case(in_config)
        {
            let text = format!(
                "incompatible sink config: {parameter} is {in_uri} in the sink uri, which wins over {in_config} in the \
                 config: change the uri too"
            );
            return Err(CdcError::new(ErrorCode::IncompatibleSinkConfig, text));
        }
    }
    Ok(())
}

fn is_same(new: &FeedInfo, old: &FeedInfo) -> bool {
    new.target_ts == old.target_ts && new.sink_uri == old.sink_uri && new.config == old.config
}

fn refused(text: &str) -> CdcError {
    CdcError::new(ErrorCode::ChangefeedUpdateRefused, text)
}
