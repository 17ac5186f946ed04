//! A changefeed's filter: what it asks of its upstream, and what it drops of the rows that come.
//!
//! Everything under `filter` of a config is checked here, for creation, update, verification and each start alike.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::tz::TimeZone;
use tidegate_api::{EventFilter as Entry, ReplicaConfig};
use tidegate_filter::{DdlFacts, EventFilter, EventRule, TableFilter};
use tidegate_model::{Result, Ts};
use tidegate_upstream::{DdlSubject, TableSelector, TableSummary};

/// The filter of a config, ready to use.
pub(crate) struct FeedFilter {
    tables: TableFilter,
    events: Arc<EventFilter>,
    skipped: HashSet<u64>,
}

impl FeedFilter {
    /// Compiles a config's filter. TIMESTAMP values are compared as local times of `zone`.
    ///
    /// # Errors
    /// `FilterRuleInvalid`, `InvalidFilterExpression`, `InvalidIgnoreEventType`.
    pub(crate) fn new(config: &ReplicaConfig, zone: &TimeZone) -> Result<Self> {
        let tables = tables(config)?;
        let rules: Vec<EventRule<'_>> = config.filter.event_filters.iter().map(rule).collect();
        Ok(FeedFilter {
            tables,
            events: Arc::new(EventFilter::new(&rules, zone.clone())?),
            skipped: config.filter.ignore_txn_start_ts.iter().copied().collect(),
        })
    }

    /// Whether rows of the table are replicated, by its name alone.
    pub(crate) fn selects(&self, table: &TableSummary) -> bool {
        self.wants_table(&table.name.schema, &table.name.table)
    }

    /// The part about events, which drops rows too.
    pub(crate) fn events(&self) -> &Arc<EventFilter> {
        &self.events
    }
}

/// The table rules of a config alone.
///
/// # Errors
/// `FilterRuleInvalid`.
pub(crate) fn tables(config: &ReplicaConfig) -> Result<TableFilter> {
    TableFilter::new(&config.filter.rules, config.case_sensitive)
}

fn rule(entry: &Entry) -> EventRule<'_> {
    EventRule {
        matcher: entry.matcher.as_deref().unwrap_or_default(),
        ignore_event: entry.ignore_event.as_deref().unwrap_or_default(),
        ignore_sql: entry.ignore_sql.as_deref().unwrap_or_default(),
        insert: &entry.ignore_insert_value_expr,
        update_old: &entry.ignore_update_old_value_expr,
        update_new: &entry.ignore_update_new_value_expr,
        delete: &entry.ignore_delete_value_expr,
    }
}

impl TableSelector for FeedFilter {
    fn wants_table(&self, schema: &str, table: &str) -> bool {
        self.tables.matches_table(schema, table)
    }

    fn wants_schema(&self, schema: &str) -> bool {
        self.tables.matches_schema(schema)
    }

    fn wants_ddl(&self, ddl: &DdlSubject<'_>) -> bool {
        !self.events.ignores_ddl(&DdlFacts {
            kind: ddl.kind,
            query: ddl.query,
            schema: ddl.schema,
            table: ddl.table,
        })
    }

    fn skips(&self, start_ts: Ts) -> bool {
        self.skipped.contains(&start_ts.as_u64())
    }
}
