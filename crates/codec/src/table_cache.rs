//! What an encoder prepares once per table version.

use std::collections::HashMap;
use std::sync::Arc;

use tidegate_model::TableInfo;

/// Table versions kept; beyond it the cache starts afresh.
const TABLES_MAX: usize = 4096;

/// Preparations keyed by the identity of the `TableInfo`, which is kept alive so that its address stays taken.
pub(crate) struct TableCache<T> {
    entries: HashMap<usize, (Arc<TableInfo>, Arc<T>)>,
    last: Option<(usize, Arc<T>)>,
}

impl<T> Default for TableCache<T> {
    fn default() -> Self {
        TableCache {
            entries: HashMap::new(),
            last: None,
        }
    }
}

impl<T> TableCache<T> {
    /// The preparation for `table`, made by `prepare` on first sight.
    #[inline]
    pub(crate) fn get(&mut self, table: &Arc<TableInfo>, prepare: impl FnOnce(&TableInfo) -> T) -> Arc<T> {
        let key = Arc::as_ptr(table).addr();
        if let Some((last, prepared)) = &self.last
            && *last == key
        {
            return Arc::clone(prepared);
        }
        if self.entries.len() >= TABLES_MAX {
            self.entries.clear();
        }
        let entry = self
            .entries
            .entry(key)
            .or_insert_with(|| (Arc::clone(table), Arc::new(prepare(table))));
        self.last = Some((key, Arc::clone(&entry.1)));
        Arc::clone(&entry.1)
    }
}
