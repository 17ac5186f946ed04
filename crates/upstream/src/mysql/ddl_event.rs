//! From a logged schema change to the event that a job gets, if it wants it.

use std::sync::Arc;
use std::time::Duration;

use tidegate_model::{CdcError, DdlEvent, DdlKind, DdlTable, ErrorCode, Result, TableInfo, TableName, Ts};
use tidegate_mysql::ddl::Target;
use tidegate_mysql::sql::push_table;
use tokio::time::timeout;

use super::catalogue::TableKind;
use super::group::{Group, LoggedDdl};
use super::left_out::is_left_out;
use super::mounter::Mounter;
use super::shared::Shared;
use crate::{DdlSubject, TableSelector};

/// How long to wait for the shared reader to reach the point at which the catalogue was read.
const CATALOGUE_WAIT: Duration = Duration::from_secs(3);

/// The event for the mounter's job; `None` when it concerns none of its tables, or when an event filter keeps it back.
///
/// # Errors
/// `SyncRenameTableFailed` for a rename into the selection; `HandleDDLFailed` when a table loses its key. Both also
/// for a statement that would be kept back: its rows would be wrong or missing all the same.
pub(crate) async fn build(
    mounter: &mut Mounter,
    group: &Group,
    logged: &LoggedDdl,
) -> Result<Option<DdlEvent>> {
    let selector = Arc::clone(&mounter.job().selector);
    let ddl = &logged.ddl;
    if ddl.tables.is_empty() {
        let wanted = ddl.schema.as_deref().is_some_and(|schema| {
            selector.wants_schema(schema) && selector.wants_ddl(&subject(logged, schema, None))
        });
        return Ok(wanted.then(|| event(group, logged, Arc::clone(&logged.query), Vec::new())));
    }
    let named = group.named(group.commit_ts);
    let mut kept = Vec::new();
    let mut tables = Vec::new();
    for target in &ddl.tables {
        if !wanted(&*selector, target, &named)? {
            continue;
        }
        let info = match table_after(mounter.shared(), ddl.kind, target, group.commit_ts).await? {
            After::Info(info) => Some(info),
            After::Unknown => None,
            After::Unsupported => continue,
        };
        if is_left_out(mounter, ddl.kind, target, group.commit_ts, info.as_deref()).await? {
            tracing::warn!(table = %target.name, "a schema change of a table without a key is not replicated");
            continue;
        }
        if !passes(&*selector, logged, target) {
            tracing::debug!(table = %target.name, kind = ?ddl.kind, "a schema change is kept back by an event filter");
            continue;
        }
        kept.push(target);
        tables.push(DdlTable {
            name: target.name.clone(),
            old_name: target.old_name.clone(),
            info,
        });
    }
    // Only the tables of this job may be touched downstream.
    let query =
        rebuilt(ddl.kind, &kept, ddl.tables.len()).map_or_else(|| Arc::clone(&logged.query), Arc::from);
    Ok((!tables.is_empty()).then(|| event(group, logged, query, tables)))
}

fn subject<'a>(logged: &'a LoggedDdl, schema: &'a str, table: Option<&'a str>) -> DdlSubject<'a> {
    DdlSubject {
        kind: logged.ddl.kind,
        query: &logged.query,
        schema,
        table,
    }
}

/// Whether event filters let the statement through for a table. One that cannot be taken apart goes by the first
/// table it names, the one it alters.
fn passes(selector: &dyn TableSelector, logged: &LoggedDdl, target: &Target) -> bool {
    let ddl = &logged.ddl;
    let asked = if is_separable(ddl.kind) {
        target
    } else {
        ddl.tables.first().unwrap_or(target)
    };
    let name = asked.old_name.as_ref().unwrap_or(&asked.name);
    selector.wants_ddl(&subject(logged, &name.schema, Some(&name.table)))
}

/// Whether a statement on several tables can be written for some of them.
fn is_separable(kind: DdlKind) -> bool {
    matches!(
        kind,
        DdlKind::RenameTable | DdlKind::DropTable | DdlKind::DropView
    )
}

fn event(group: &Group, logged: &LoggedDdl, query: Arc<str>, tables: Vec<DdlTable>) -> DdlEvent {
    DdlEvent {
        start_ts: group.commit_ts.prev(),
        commit_ts: group.commit_ts,
        kind: logged.ddl.kind,
        schema: Arc::clone(&logged.schema),
        query,
        tables,
        target_schema: logged.ddl.schema.as_deref().map(Arc::from),
        session: logged.session.clone(),
        origin: group.origin(),
    }
}

/// A rename is wanted when its old name is; every other statement when its table is.
fn wanted(selector: &dyn TableSelector, target: &Target, named: &str) -> Result<bool> {
    let wants = |name: &TableName| selector.wants_table(&name.schema, &name.table);
    let Some(old) = &target.old_name else {
        return Ok(wants(&target.name));
    };
    match (wants(old), wants(&target.name)) {
        (true, _) => Ok(true),
        (false, false) => Ok(false),
        (false, true) => Err(CdcError::new(
            ErrorCode::SyncRenameTableFailed,
            format!(
                "table {old}, which is not replicated, was renamed to {}, which is: its rows so far are missing \
                 ({named})",
                target.name
            ),
        )),
    }
}

/// The statement for a part of its tables; `None` when all are kept.
fn rebuilt(kind: DdlKind, kept: &[&Target], all: usize) -> Option<String> {
    if kept.len() == all {
        return None;
    }
    let mut sql = Vec::new();
    match kind {
        DdlKind::RenameTable => {
            for target in kept {
                let old = target.old_name.as_ref()?;
                sql.extend_from_slice(if sql.is_empty() { b"RENAME TABLE " } else { b", " });
                push_table(&mut sql, old);
                sql.extend_from_slice(b" TO ");
                push_table(&mut sql, &target.name);
            }
        }
        DdlKind::DropTable | DdlKind::DropView => {
            let head: &[u8] = if kind == DdlKind::DropView {
                b"DROP VIEW IF EXISTS "
            } else {
                b"DROP TABLE IF EXISTS "
            };
            for target in kept {
                sql.extend_from_slice(if sql.is_empty() { head } else { b", " });
                push_table(&mut sql, &target.name);
            }
        }
        _ => return None,
    }
    String::from_utf8(sql).ok()
}

/// A table after a statement.
enum After {
    Info(Arc<TableInfo>),
    /// It is gone, or the catalogue has moved on.
    Unknown,
    /// Its rows can never be replicated.
    Unsupported,
}

/// The table after the statement, when the catalogue still shows that version.
async fn table_after(shared: &Shared, kind: DdlKind, target: &Target, ts: Ts) -> Result<After> {
    if matches!(kind, DdlKind::DropTable | DdlKind::CreateView | DdlKind::DropView) {
        return Ok(After::Unknown);
    }
    let version = shared.schema.version_at(&target.name, ts);
    let is_newest = || shared.schema.version_at(&target.name, Ts::MAX) == version;
    if !is_newest() {
        return Ok(After::Unknown);
    }
    let Some(table) = shared.hints.reload(shared, &target.name).await? else {
        return Ok(After::Unknown);
    };
    // A later statement may have changed the catalogue already: the log up to here tells.
    let end = shared.questions.end_position(&shared.facts()).await?;
    let mut position = shared.position();
    let reached = timeout(
        CATALOGUE_WAIT,
        position.wait_for(|position| position.reached(&end)),
    )
    .await;
    if !matches!(reached, Ok(Ok(_))) || !is_newest() {
        return Ok(After::Unknown);
    }
    match table.kind.unsupported() {
        None => {}
        // Views are not in the schema log: the table had its name before.
        Some(_) if table.kind == TableKind::View => return Ok(After::Unknown),
        Some(reason) => {
            tracing::warn!(table = %target.name, reason, "a schema change of this table is not replicated");
            return Ok(After::Unsupported);
        }
    }
    Ok(After::Info(Arc::new(TableInfo {
        name: target.name.clone(),
        id: version.id,
        version: version.since,
        columns: table.columns.clone(),
        indexes: table.indexes.clone(),
    })))
}

#[cfg(test)]
mod tests {
    use tidegate_model::DdlSession;
    use tidegate_mysql::ddl::Ddl;

    use super::*;

    struct Shop;

    impl TableSelector for Shop {
        fn wants_table(&self, schema: &str, table: &str) -> bool {
            schema == "shop" && !table.starts_with("tmp")
        }

        fn wants_schema(&self, schema: &str) -> bool {
            schema == "shop"
        }
    }

    fn rename(old: &str, new: &str) -> Target {
        Target {
            name: TableName::new("shop", new),
            old_name: Some(TableName::new("shop", old)),
        }
    }

    #[test]
    fn renames_follow_the_old_name() {
        let wanted = |old: &str, new: &str| super::wanted(&Shop, &rename(old, new), "0-1-7 with start_ts 8");
        assert!(wanted("a", "b").unwrap());
        assert!(wanted("a", "tmp_b").unwrap());
        assert!(!wanted("tmp_a", "tmp_b").unwrap());
        let error = wanted("tmp_a", "b").unwrap_err();
        assert_eq!(error.code(), ErrorCode::SyncRenameTableFailed);
        assert!(error.message().ends_with("(0-1-7 with start_ts 8)"), "{error}");
    }

    /// Keeps back what concerns the table `a`.
    struct NotA;

    impl TableSelector for NotA {
        fn wants_table(&self, _schema: &str, _table: &str) -> bool {
            true
        }

        fn wants_schema(&self, _schema: &str) -> bool {
            true
        }

        fn wants_ddl(&self, ddl: &DdlSubject<'_>) -> bool {
            ddl.table != Some("a")
        }
    }

    #[test]
    fn event_filters_are_asked_for_the_table_before_the_statement() {
        let check = |kind: DdlKind, tables: Vec<Target>, expect: &[bool]| {
            let logged = LoggedDdl {
                ddl: Ddl {
                    kind,
                    tables,
                    schema: None,
                    like: None,
                    has_select: false,
                    start_transaction_at: None,
                    or_replace: false,
                    qualified: true,
                },
                query: "".into(),
                schema: "shop".into(),
                session: DdlSession::default(),
            };
            let passed = logged
                .ddl
                .tables
                .iter()
                .map(|target| passes(&NotA, &logged, target));
            assert_eq!(passed.collect::<Vec<_>>(), expect, "{kind:?}");
        };
        let plain = |name: &str| Target {
            name: TableName::new("shop", name),
            old_name: None,
        };
        check(
            DdlKind::RenameTable,
            vec![rename("a", "b"), rename("c", "a")],
            &[false, true],
        );
        check(DdlKind::DropTable, vec![plain("a"), plain("b")], &[false, true]);
        // Both tables of an exchange go by the one that is altered.
        check(
            DdlKind::ExchangePartition,
            vec![plain("a"), plain("b")],
            &[false, false],
        );
        check(
            DdlKind::ExchangePartition,
            vec![plain("b"), plain("a")],
            &[true, true],
        );
    }

    #[test]
    fn a_statement_is_rebuilt_for_the_tables_that_are_kept() {
        let (a, b) = (rename("a", "b"), rename("c", "d`e"));
        assert_eq!(rebuilt(DdlKind::RenameTable, &[&a, &b], 2), None);
        assert_eq!(
            rebuilt(DdlKind::RenameTable, &[&a, &b], 3).as_deref(),
            Some("RENAME TABLE `shop`.`a` TO `shop`.`b`, `shop`.`c` TO `shop`.`d``e`")
        );
        assert_eq!(
            rebuilt(DdlKind::DropTable, &[&a], 2).as_deref(),
            Some("DROP TABLE IF EXISTS `shop`.`b`")
        );
    }
}
