//! Hints from the catalogue, remembered per table, and the test whether a hint fits the log.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tidegate_model::{ColumnInfo, ColumnType, Result, TableInfo, TableName};

use super::catalogue::CatalogueTable;
use super::shared::Shared;

/// Remembered tables; beyond that all are forgotten and read again.
const TABLES_MAX: usize = 20_000;

/// What the catalogue said, until a schema change on the table.
#[derive(Default)]
pub(crate) struct Hints {
    tables: Mutex<HashMap<TableName, Option<Arc<CatalogueTable>>>>,
}

impl Hints {
    /// The table as the catalogue shows it, read now or earlier.
    ///
    /// # Errors
    /// Those of asking the upstream.
    pub(crate) async fn get(&self, shared: &Shared, name: &TableName) -> Result<Option<Arc<CatalogueTable>>> {
        if let Some(known) = self.lock().get(name) {
            return Ok(known.clone());
        }
        self.reload(shared, name).await
    }

    /// The table as the catalogue shows it now.
    ///
    /// # Errors
    /// Those of asking the upstream.
    pub(crate) async fn reload(
        &self,
        shared: &Shared,
        name: &TableName,
    ) -> Result<Option<Arc<CatalogueTable>>> {
        let table = shared.questions.table(shared.flavour, name).await?.map(Arc::new);
        let mut tables = self.lock();
        if tables.len() >= TABLES_MAX {
            tables.clear();
        }
        tables.insert(name.clone(), table.clone());
        Ok(table)
    }

    /// Forgets a table, because a statement changed it.
    pub(crate) fn forget(&self, name: &TableName) {
        self.lock().remove(name);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<TableName, Option<Arc<CatalogueTable>>>> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `logged` with what `hint` adds, if the hint describes the same columns; else `logged` as it is.
pub(crate) fn enrich(logged: TableInfo, hint: &CatalogueTable) -> TableInfo {
    if !fits(&logged, hint) {
        super::metrics::hint_mismatch();
        return logged;
    }
    TableInfo {
        columns: hint.columns.clone(),
        indexes: hint.indexes.clone(),
        ..logged
    }
}

/// Same columns in the same order with the same types, as far as the log tells types.
fn fits(logged: &TableInfo, hint: &CatalogueTable) -> bool {
    logged.columns.len() == hint.columns.len()
        && logged
            .columns
            .iter()
            .zip(&hint.columns)
            .all(|(logged, hint)| same_column(logged, hint))
}

fn same_column(logged: &ColumnInfo, hint: &ColumnInfo) -> bool {
    logged.name == hint.name
        && logged.nullable == hint.nullable
        && (logged.unsigned == hint.unsigned || !has_sign(&hint.ty))
        && same_type(&logged.ty, &hint.ty)
}

fn has_sign(ty: &ColumnType) -> bool {
    matches!(
        ty,
        ColumnType::TinyInt
            | ColumnType::SmallInt
            | ColumnType::MediumInt
            | ColumnType::Int
            | ColumnType::BigInt
            | ColumnType::Float
            | ColumnType::Double
            | ColumnType::Decimal { .. }
    )
}

/// The log shows MariaDB's own types by their storage, and lengths of text in bytes.
fn same_type(logged: &ColumnType, hint: &ColumnType) -> bool {
    match (logged, hint) {
        (ColumnType::LongText, ColumnType::Json)
        | (ColumnType::Binary { bytes: 16 }, ColumnType::Uuid | ColumnType::Inet6)
        | (ColumnType::Binary { bytes: 4 }, ColumnType::Inet4)
        | (ColumnType::VarBinary { .. } | ColumnType::Vector { .. }, ColumnType::Vector { .. }) => true,
        _ => logged == hint,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_the_log_cannot_tell_apart_are_the_same() {
        assert!(same_type(&ColumnType::LongText, &ColumnType::Json));
        assert!(same_type(&ColumnType::Binary { bytes: 16 }, &ColumnType::Uuid));
        assert!(!same_type(&ColumnType::Binary { bytes: 16 }, &ColumnType::Inet4));
        assert!(!same_type(
            &ColumnType::VarChar { chars: 10 },
            &ColumnType::VarChar { chars: 11 }
        ));
        assert!(!same_type(&ColumnType::Int, &ColumnType::BigInt));
    }
}
