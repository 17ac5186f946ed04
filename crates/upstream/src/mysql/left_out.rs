//! Whether a schema change is left out because its table has no key.

use tidegate_model::{CdcError, DdlKind, ErrorCode, Result, TableInfo, TableName, Ts};
use tidegate_mysql::ddl::Target;

use super::catalogue::{CatalogueTable, TableKind};
use super::mounter::Mounter;
use super::shared::Shared;

/// Rows of such a table are not replicated, so it is not downstream, and neither is any change of it. `info`: the table
/// after the statement, when the catalogue still shows that version. When it does not, what was seen of the table
/// before decides, and without that what it looks like now.
///
/// # Errors
/// `HandleDDLFailed` when a replicated table loses its key; those of asking the upstream, and the store's.
pub(crate) async fn is_left_out(
    mounter: &Mounter,
    kind: DdlKind,
    target: &Target,
    ts: Ts,
    info: Option<&TableInfo>,
) -> Result<bool> {
    if mounter.job().force_replicate || matches!(kind, DdlKind::CreateView | DdlKind::DropView) {
        return Ok(false);
    }
    let shared = mounter.shared();
    let before = target.old_name.as_ref().unwrap_or(&target.name);
    let had_key = kind != DdlKind::CreateTable && mounter.was_eligible(before) == Some(true);
    let Some(info) = info else {
        // Somebody may have seen a new table before, when the catalogue still had it.
        let seen_at = if kind == DdlKind::CreateTable {
            ts
        } else {
            ts.prev()
        };
        let id = shared.schema.version_at(before, seen_at).id;
        let known = shared.schema.is_keyless(id);
        return Ok(known || (!had_key && is_keyless_now(shared, target, ts).await?));
    };
    let keyless = info.handle().is_none();
    if keyless && had_key {
        return Err(CdcError::new(
            ErrorCode::HandleDDLFailed,
            format!(
                "table {} lost its key with start_ts {}: set force_replicate, or give it a primary key or a NOT NULL \
                 unique key",
                target.name,
                ts.prev()
            ),
        ));
    }
    note(shared, &target.name, info, ts, keyless).await?;
    Ok(keyless)
}

/// Notes whether a table has a key, for schema changes that come after the catalogue has moved on.
///
/// # Errors
/// The store's.
async fn note(shared: &Shared, name: &TableName, info: &TableInfo, ts: Ts, keyless: bool) -> Result<()> {
    let write = shared.schema.set_keyless(name, info.id, ts, keyless);
    shared.anchors.commit(write.into_iter().collect()).await
}

/// Whether the catalogue shows the same table without a key, in whatever later version.
async fn is_keyless_now(shared: &Shared, target: &Target, ts: Ts) -> Result<bool> {
    let at = |ts| shared.schema.version_at(&target.name, ts).id;
    if at(ts) != at(Ts::MAX) {
        return Ok(false);
    }
    let Some(table) = shared.hints.get(shared, &target.name, Ts::MAX).await? else {
        return Ok(false);
    };
    Ok(table.kind == TableKind::Table && !has_key(&table))
}

fn has_key(table: &CatalogueTable) -> bool {
    let info = TableInfo {
        name: TableName::new("", ""),
        id: tidegate_model::TableId(0),
        version: Ts::ZERO,
        columns: table.columns.clone(),
        indexes: table.indexes.clone(),
    };
    info.handle().is_some()
}
