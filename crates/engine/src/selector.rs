//! A changefeed's filter as the upstream asks it.

use tidegate_api::ReplicaConfig;
use tidegate_filter::TableFilter;
use tidegate_model::Result;
use tidegate_upstream::TableSelector;

/// Selects by the table rules of a config.
pub(crate) struct FilterSelector(TableFilter);

/// The selector of a config.
///
/// # Errors
/// `FilterRuleInvalid`.
pub(crate) fn build(config: &ReplicaConfig) -> Result<FilterSelector> {
    filter(config).map(FilterSelector)
}

/// The table filter of a config.
///
/// # Errors
/// `FilterRuleInvalid`.
pub(crate) fn filter(config: &ReplicaConfig) -> Result<TableFilter> {
    TableFilter::new(&config.filter.rules, config.case_sensitive)
}

impl TableSelector for FilterSelector {
    fn wants_table(&self, schema: &str, table: &str) -> bool {
        self.0.matches_table(schema, table)
    }

    fn wants_schema(&self, schema: &str) -> bool {
        self.0.matches_schema(schema)
    }
}
