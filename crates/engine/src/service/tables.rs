//! The upstream's tables as a filter sees them.

use std::sync::{Arc, PoisonError};

use jiff::tz::TimeZone;
use tidegate_api::{
    FeedTable, FilterPreview, FilterPreviewRequest, FilterPreviewTable, Findings, ReplicaConfig, SinkUri,
    VerifiedTable, VerifyTable, VerifyTableResult,
};
use tidegate_filter::TableFilter;
use tidegate_model::{ChangefeedId, Result, TableInfo, TableName, Ts};
use tidegate_upstream::TableSummary;

use super::ReplicationService;
use super::check::{is_replicated, warn_of_cascades};
use crate::selector::{self, FeedFilter};

impl ReplicationService {
    /// Which of the upstream's tables inside the filter can be replicated and which cannot. Connects to no sink.
    ///
    /// # Errors
    /// `SinkURIInvalid` for a URI that cannot be read, `NotSupported` for a setting that a creation would refuse,
    /// `FilterRuleInvalid`, `InvalidFilterExpression`, `InvalidIgnoreEventType`, `ExpressionColumnNotFound`, and those
    /// of the upstream.
    pub async fn verify_table(&self, request: VerifyTable) -> Result<VerifyTableResult> {
        let uri = match request.sink_uri.as_str() {
            "" => None,
            text => Some(SinkUri::parse(text)?),
        };
        request
            .replica_config
            .check_support(uri.as_ref(), &mut Findings::first_error())?;
        let filter = FeedFilter::new(&request.replica_config, &self.env.zone)?;
        if request.start_ts != 0 {
            self.env
                .upstream
                .check_start(Ts::from_u64(request.start_ts))
                .await?;
        }
        let tables = self.read_tables().await?;
        self.check_expressions(&filter, &request.replica_config, &tables)
            .await?;
        warn_of_cascades(&filter, &request.replica_config, &tables);
        let mut result = VerifyTableResult::default();
        for table in tables.iter().filter(|table| filter.selects(table)) {
            let verified = VerifiedTable {
                database_name: table.name.schema.to_string(),
                table_name: table.name.table.to_string(),
                table_id: table.id,
                is_partition: false,
            };
            if is_replicated(table, &request.replica_config) {
                result.eligible_tables.push(verified);
            } else {
                result.ineligible_tables.push(verified);
            }
        }
        Ok(result)
    }

    /// What a list of rules means for every table of the upstream, and which rule decides.
    ///
    /// # Errors
    /// `FilterRuleInvalid` naming the place, and those of the upstream.
    pub async fn preview_filter(&self, request: FilterPreviewRequest) -> Result<FilterPreview> {
        let filter = TableFilter::new(&request.rules, request.case_sensitive)?;
        let tables = self.read_tables().await?;
        let preview = tables.iter().map(|table| {
            let explanation = filter.explain(&table.name.schema, &table.name.table);
            FilterPreviewTable {
                schema: table.name.schema.to_string(),
                table: table.name.table.to_string(),
                accepted: explanation.accepted,
                rule: explanation.rule,
                eligible: table.eligible,
                unsupported: table.unsupported.clone(),
            }
        });
        Ok(FilterPreview {
            tables: preview.collect(),
        })
    }

    /// The tables that a changefeed's rules select, by name, as the catalogue was read last.
    ///
    /// # Errors
    /// `ChangeFeedNotExists`.
    #[allow(clippy::unused_async, reason = "a server of a cluster asks the owner")]
    pub async fn feed_tables(&self, id: &ChangefeedId) -> Result<Vec<FeedTable>> {
        let view = self.registry.get(id)?.view();
        let config = &view.info.config;
        let Ok(filter) = selector::tables(config) else {
            return Ok(Vec::new());
        };
        let tables = Arc::clone(&self.tables.lock().unwrap_or_else(PoisonError::into_inner));
        let selected = tables.iter().filter(|table| selects(&filter, table));
        let shown = selected.map(|table| FeedTable {
            schema: table.name.schema.to_string(),
            table: table.name.table.to_string(),
            table_id: table.id,
            replicated: is_replicated(table, config),
            key: table.key.clone(),
            unsupported: table.unsupported.clone(),
        });
        Ok(shown.collect())
    }

    /// A table of the upstream as it is now; `None` when it does not exist or can never be replicated.
    ///
    /// # Errors
    /// Those of the upstream.
    pub async fn table_info(&self, schema: &str, table: &str) -> Result<Option<TableInfo>> {
        let name = TableName::new(schema, table);
        Ok(self.env.upstream.table_infos(vec![name]).await?.pop())
    }

    /// The zone in which event filters read TIMESTAMP values.
    pub fn zone(&self) -> &TimeZone {
        &self.env.zone
    }

    /// The tables of the upstream, freshly read.
    pub(super) async fn read_tables(&self) -> Result<Arc<[TableSummary]>> {
        let tables: Arc<[TableSummary]> = self.env.upstream.tables().await?.into();
        *self.tables.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&tables);
        Ok(tables)
    }

    /// The tables a config replicates, by the catalogue as it was read last.
    pub(super) fn replicated(&self, config: &ReplicaConfig) -> Vec<TableSummary> {
        let tables = Arc::clone(&self.tables.lock().unwrap_or_else(PoisonError::into_inner));
        replicated(&tables, config)
    }
}

/// The tables of a catalogue that a config replicates.
pub(super) fn replicated(tables: &[TableSummary], config: &ReplicaConfig) -> Vec<TableSummary> {
    let Ok(filter) = selector::tables(config) else {
        return Vec::new();
    };
    let selected = tables
        .iter()
        .filter(|table| selects(&filter, table) && is_replicated(table, config));
    selected.cloned().collect()
}

fn selects(filter: &TableFilter, table: &TableSummary) -> bool {
    filter.matches_table(&table.name.schema, &table.name.table)
}
