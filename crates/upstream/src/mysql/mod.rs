//! The MySQL and MariaDB source: row changes from the binlog.
//!
//! `reader` cuts the log into groups (`assemble`), places them on the `timeline` and puts them into the
//! `ring`. Each changefeed's `puller` takes them from there, or from a `private` connection while it is behind,
//! and its `mounter` decodes the tables it wants.

mod anchor_store;
mod assemble;
mod backoff;
mod catalogue;
mod column_type;
mod control;
mod ddl_event;
mod decode;
mod doubt;
mod finish;
mod foreign_keys;
mod group;
mod headroom;
mod hint_store;
mod hints;
mod kept;
mod left_out;
mod logged;
mod maintenance;
mod metrics;
mod mounter;
mod options;
mod packet;
mod private;
mod puller;
mod questions;
mod reader;
mod recovery;
mod ring;
mod schema_log;
mod shared;
mod slots;
mod spill;
mod start;
mod successor;
mod tail;
mod timeline;
mod turns;

pub use options::MysqlOptions;

use std::collections::HashMap;
use std::sync::Arc;

use tidegate_meta::MetaStore;
use tidegate_model::{CdcError, ChangefeedId, Clock, ErrorCode, Result, TableInfo, TableName, Ts};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::catalogue::TableKind;
use self::shared::Shared;
use crate::{BoxFut, EventTx, PullJob, TableSummary, Upstream, UpstreamInfo, UpstreamWatermark};

/// A MySQL or MariaDB server as a source of changes.
pub struct MysqlUpstream {
    shared: Arc<Shared>,
    /// Aborts the shared reader when dropped.
    _tasks: JoinSet<()>,
}

impl MysqlUpstream {
    /// Connects, checks the prerequisites, loads or creates the upstream's timeline in `store`, and starts the
    /// shared reader, which lives until `stop` is cancelled or the last reference is dropped.
    ///
    /// `clock` is ours; timestamps come from the server's.
    ///
    /// # Errors
    /// `UpstreamConnection`, `UpstreamAccessDenied`, `UpstreamMisconfigured` (all failed prerequisites in one
    /// message, each with the SQL that mends it), or the store's errors.
    pub async fn start(
        options: MysqlOptions,
        store: Arc<dyn MetaStore>,
        clock: Arc<dyn Clock>,
        stop: CancellationToken,
    ) -> Result<Arc<MysqlUpstream>> {
        let ready = start::prepare(options, store, &*clock).await?;
        let mut tasks = JoinSet::new();
        tasks.spawn(reader::run(
            Arc::clone(&ready.shared),
            ready.tail,
            ready.assembler,
            stop,
        ));
        Ok(Arc::new(MysqlUpstream {
            shared: ready.shared,
            _tasks: tasks,
        }))
    }

    async fn info(&self) -> Result<UpstreamInfo> {
        let server_id = self.shared.options.server_id;
        let facts = self.shared.questions.facts().await?;
        let mut warnings = facts.check(server_id).into_result()?;
        warnings.extend(foreign_keys::warning(&self.shared.questions.cascades().await?));
        let info = UpstreamInfo {
            id: self.shared.id,
            flavour: facts.flavour().as_str().to_owned(),
            version: facts.version.clone(),
            address: self.shared.options.connect.address(),
            server_name: facts.server_name(),
            warnings: warnings.clone(),
        };
        *self.shared.warnings() = warnings;
        self.shared.set_facts(facts);
        Ok(info)
    }

    async fn server_ts(&self) -> Result<Ts> {
        let ms = self.shared.questions.clock().await?;
        Ok(Ts::from_physical_ms(ms).max(self.shared.ring.resolved()))
    }

    async fn check(&self, ts: Ts) -> Result<()> {
        self.check_kept(ts)?;
        if self.shared.has_passed(ts) {
            return Ok(());
        }
        let now = self.server_ts().await?;
        if ts > now {
            return Err(CdcError::new(
                ErrorCode::APIInvalidParam,
                format!("the start ts {ts} is in the future: the upstream's clock is at {now}"),
            ));
        }
        self.shared.pass(ts).await?;
        // A new timeline may have begun meanwhile.
        self.check_kept(ts)
    }

    fn check_kept(&self, ts: Ts) -> Result<()> {
        let oldest = self.shared.oldest();
        if ts >= oldest {
            return Ok(());
        }
        Err(CdcError::new(
            ErrorCode::StartTsBeforeGC,
            format!("the start ts {ts} is before the oldest one that the upstream can still serve, {oldest}"),
        ))
    }

    async fn summaries(&self) -> Result<Vec<TableSummary>> {
        let tables = self.shared.questions.tables().await?;
        let cascades = self.shared.questions.cascades().await?;
        let mut rules: HashMap<TableName, Vec<String>> = HashMap::new();
        for cascade in cascades {
            rules.entry(cascade.child).or_default().push(cascade.rule);
        }
        Ok(tables
            .into_iter()
            .map(|mut table| {
                self.shared.names.fold_name(&mut table.name);
                table
            })
            .map(|table| TableSummary {
                cascades: rules.remove(&table.name).unwrap_or_default(),
                id: self.shared.schema.version_at(&table.name, Ts::MAX).id.0,
                name: table.name,
                eligible: table.eligible,
                key: table.key,
                unsupported: table.unsupported,
            })
            .collect())
    }

    async fn infos(&self, names: Vec<TableName>) -> Result<Vec<TableInfo>> {
        let mut infos = Vec::with_capacity(names.len());
        for name in names {
            let table = self.shared.questions.table(self.shared.flavour, &name).await?;
            let Some(table) = table.filter(|table| table.kind == TableKind::Table) else {
                continue;
            };
            let version = self.shared.schema.version_at(&name, Ts::MAX);
            infos.push(TableInfo {
                name,
                id: version.id,
                version: version.since,
                columns: table.columns,
                indexes: table.indexes,
            });
        }
        Ok(infos)
    }
}

impl Upstream for MysqlUpstream {
    fn probe(&self) -> BoxFut<'_, UpstreamInfo> {
        Box::pin(self.info())
    }

    fn now(&self) -> BoxFut<'_, Ts> {
        Box::pin(self.server_ts())
    }

    fn oldest(&self) -> BoxFut<'_, Ts> {
        Box::pin(std::future::ready(Ok(self.shared.oldest())))
    }

    fn check_start(&self, ts: Ts) -> BoxFut<'_, ()> {
        Box::pin(self.check(ts))
    }

    fn tables(&self) -> BoxFut<'_, Vec<TableSummary>> {
        Box::pin(self.summaries())
    }

    fn table_infos(&self, names: Vec<TableName>) -> BoxFut<'_, Vec<TableInfo>> {
        Box::pin(self.infos(names))
    }

    fn pull(&self, job: PullJob, out: EventTx, stop: CancellationToken) -> BoxFut<'_, ()> {
        Box::pin(puller::run(Arc::clone(&self.shared), job, out, stop))
    }

    fn watermark(&self) -> watch::Receiver<UpstreamWatermark> {
        self.shared.watermark.subscribe()
    }

    /// No reader keeps a server from purging its log, so all that can be done is to warn in time.
    fn hold_gc(&self, _owner: ChangefeedId, ts: Ts) -> BoxFut<'_, ()> {
        Box::pin(std::future::ready(headroom::check(&self.shared, ts)))
    }
}
