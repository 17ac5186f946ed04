//! From the packets of a group to rows of the tables that a job wants.
//!
//! One per puller. Plans are compiled once per table definition; rows of other tables are not even looked at.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use tidegate_model::{CdcError, ErrorCode, Result, TableInfo, TableName, Ts};
use tidegate_mysql::binlog::{Event, EventBody, Query, TableMap, TableMapEvent, TablePlan};
use tidegate_mysql::ddl::{Classified, classify};

use super::decode::{Decoders, Mounted, Parts, Rows};
use super::group::{Events, Group, Obstacle};
use super::hints::{enrich, unsupported};
use super::logged::statement_text;
use super::metrics::FeedMetrics;
use super::packet::rows_table;
use super::shared::Shared;
use super::slots::Slots;
use crate::{EventTx, PullJob};

/// Characters of a statement that an error shows.
const STATEMENT_CHARS: usize = 120;

/// See the module's page.
pub(crate) struct Mounter {
    shared: Arc<Shared>,
    job: PullJob,
    /// `None`: nobody wants the rows.
    slots: Slots<Option<Arc<Mounted>>>,
    /// Tables that had a key when they were last seen.
    eligible: HashMap<TableName, bool>,
    metrics: FeedMetrics,
    /// `None` while a transaction is being decoded.
    decoders: Option<Decoders>,
    /// Parts of a transaction were sent, and its end was not.
    unfinished: bool,
}

impl Mounter {
    pub(crate) fn new(shared: Arc<Shared>, job: PullJob) -> Self {
        Mounter {
            metrics: FeedMetrics::new(&job.changefeed),
            decoders: Some(Decoders::new(&job)),
            shared,
            job,
            slots: Slots::default(),
            eligible: HashMap::new(),
            unfinished: false,
        }
    }

    pub(crate) fn job(&self) -> &PullJob {
        &self.job
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(crate) fn metrics(&self) -> &FeedMetrics {
        &self.metrics
    }

    /// Whether a table had a key when it was last seen; `None`: not seen yet.
    pub(crate) fn was_eligible(&self, name: &TableName) -> Option<bool> {
        self.eligible.get(name).copied()
    }

    /// Forgets everything that a schema change may have changed.
    pub(crate) fn schema_changed(&mut self) {
        self.slots.clear();
    }

    /// Whether the stream stands inside a transaction, so that nothing may be sent again.
    pub(crate) fn is_inside(&self) -> bool {
        self.unfinished
    }

    /// Sends the group's rows. Returns whether the receiver is still there.
    ///
    /// # Errors
    /// Those of decoding, and what stops everybody who reads past such a group.
    pub(crate) async fn mount(&mut self, group: &Group, out: &EventTx) -> Result<bool> {
        if let Some(obstacle) = &group.obstacle {
            return Err(obstacle_error(obstacle, group));
        }
        self.slots.begin_group();
        let mut decoders = self.decoders.take().unwrap_or_else(|| Decoders::new(&self.job));
        let mut unfinished = false;
        let bytes_max = self.job.part_bytes_max;
        let mut parts = Parts::new(out, group, bytes_max, &mut decoders, &mut unfinished);
        let outcome = match self.read(&mut parts).await {
            Ok(true) => parts.finish().await,
            other => other,
        };
        self.metrics.rows.inc_by(parts.rows());
        self.decoders = Some(decoders);
        self.unfinished = unfinished;
        outcome
    }

    /// Hands the group's packets to `parts`. Returns whether the receiver is still there.
    async fn read(&mut self, parts: &mut Parts<'_>) -> Result<bool> {
        match &parts.group().events {
            Events::Memory(packets) => {
                for packet in packets {
                    if !self.packet(packet, parts).await? {
                        return Ok(false);
                    }
                }
            }
            Events::File(file, taken_back) => {
                let mut reader = file.reader().await?;
                let mut number = 0;
                loop {
                    let packets = reader.next().await?;
                    if packets.is_empty() {
                        break;
                    }
                    for packet in &packets {
                        let skip = taken_back.iter().any(|range| range.contains(&number));
                        number += 1;
                        if !skip && !self.packet(packet, parts).await? {
                            return Ok(false);
                        }
                    }
                }
            }
        }
        Ok(true)
    }

    async fn packet(&mut self, packet: &Bytes, parts: &mut Parts<'_>) -> Result<bool> {
        if let Some(number) = rows_table(packet)
            && let Some(table) = self.slots.get(number)
        {
            return match table {
                Some(table) => parts.push(table, Rows::Packet(packet.clone())).await,
                None => Ok(true),
            };
        }
        let event = parts.framer().frame(packet)?;
        if let EventBody::TransactionPayload(payload) = &event.body {
            let framer = parts.framer().clone();
            for event in payload.events(&framer, self.shared.options.txn_bytes_max) {
                if !self.event(event?, parts).await? {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        self.event(event, parts).await
    }

    async fn event(&mut self, event: Event, parts: &mut Parts<'_>) -> Result<bool> {
        let event_bytes = event.header.size as usize;
        match event.body {
            EventBody::TableMap(map) => self.table_map(&map, parts.group().rows_ts()).await?,
            EventBody::Rows(rows) if rows.is_dummy() => {}
            EventBody::Rows(rows) => match self.slots.get(rows.table_id) {
                Some(Some(table)) => return parts.push(table, Rows::Event(rows, event_bytes)).await,
                Some(None) => {}
                None => return Err(unannounced(parts.group())),
            },
            EventBody::Query(query) => self.statement(&query, parts.group())?,
            _ => {}
        }
        Ok(true)
    }

    async fn table_map(&mut self, map: &TableMapEvent, ts: Ts) -> Result<()> {
        if !self.slots.holds(map.table_id, map.definition()) {
            let mounted = self.resolve(map, ts).await?.map(Arc::new);
            self.slots.insert(map.table_id, map.definition(), mounted);
        }
        Ok(())
    }

    async fn resolve(&mut self, map: &TableMapEvent, ts: Ts) -> Result<Option<Mounted>> {
        let mut name = TableName::new(&map.schema(), &map.table());
        self.shared.names.fold_name(&mut name);
        if !self.job.selector.wants_table(&name.schema, &name.table) {
            return Ok(None);
        }
        let map = TableMap::parse(map)?;
        let version = self.shared.schema.version_at(&name, ts);
        let logged = TableInfo {
            name: name.clone(),
            ..map.table_info(version.id, version.since, &self.shared.collations)?
        };
        let hint = self.shared.hints.get(&self.shared, &name, ts).await?;
        if let Some(reason) = hint.as_ref().and_then(|hint| unsupported(&logged, hint)) {
            tracing::warn!(table = %name, reason, "rows of this table are not replicated");
            return Ok(None);
        }
        let info = match hint {
            Some(hint) => enrich(logged, &hint),
            None => logged,
        };
        let eligible = info.handle().is_some();
        self.eligible.insert(name, eligible);
        if !eligible && !self.job.force_replicate {
            self.metrics.ignored_tables.inc();
            tracing::warn!(table = %info.name, "rows of a table without a key are not replicated");
            return Ok(None);
        }
        let plan = TablePlan::compile(&map, &info, &self.shared.collations)?;
        Ok(Some(Mounted::new(info, plan)))
    }

    /// A statement inside a transaction: nobody knows the rows it changed.
    fn statement(&self, query: &Query, group: &Group) -> Result<()> {
        let text = statement_text(query, &self.shared.collations);
        let schema = String::from_utf8_lossy(&query.schema);
        let mut classified = classify(&text, &schema, query.status.ansi_quotes());
        classified.fold_names(self.shared.names);
        let Classified::Dml(dml) = classified else {
            return Ok(());
        };
        let wanted = dml.tables.is_empty()
            || dml
                .tables
                .iter()
                .any(|name| self.job.selector.wants_table(&name.schema, &name.table));
        if wanted {
            return Err(statement_error(group, &text));
        }
        tracing::warn!(
            verb = dml.verb,
            origin = %group.origin(),
            "a statement-based change of tables that are not replicated is skipped"
        );
        Ok(())
    }
}

fn unannounced(group: &Group) -> CdcError {
    CdcError::new(
        ErrorCode::BinlogDecode,
        format!("rows of an unannounced table in {}", group.named(group.rows_ts())),
    )
}

fn statement_error(group: &Group, text: &str) -> CdcError {
    let shown: String = text.chars().take(STATEMENT_CHARS).collect();
    CdcError::new(
        ErrorCode::StatementBinlog,
        format!(
            "a change was logged as a statement in {}: {shown}",
            group.named(group.rows_ts())
        ),
    )
}

fn obstacle_error(obstacle: &Obstacle, group: &Group) -> CdcError {
    let origin = group.named(group.rows_ts());
    match obstacle {
        Obstacle::Incident(message) => CdcError::new(
            ErrorCode::UpstreamIncident,
            format!("the upstream reports a gap in its binlog at {origin}: {message}"),
        ),
        Obstacle::UnknownXa(xid) => CdcError::new(
            ErrorCode::XAPrepareNotFound,
            format!(
                "{origin} commits the XA transaction {xid}, which was prepared before the timeline begins"
            ),
        ),
        Obstacle::TooLarge => CdcError::new(
            ErrorCode::TxnTooLarge,
            format!("the transaction {origin} is larger than the limit"),
        ),
    }
}
