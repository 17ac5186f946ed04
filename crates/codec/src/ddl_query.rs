//! The text of a schema change as the file of one table shows it.

use std::borrow::Cow;

use tidegate_model::{DdlEvent, DdlKind, DdlTable, TableName};

/// What `ddl` does to `table`, one of its tables.
///
/// A statement over several tables is a statement of its own for each, with full names, as in the original: a
/// consumer that applies the file of every table would otherwise run the whole several times. `IF EXISTS`, because
/// the log may name tables that never were. EXCHANGE PARTITION cannot be split and is in both files as it is.
pub(crate) fn of_table<'a>(ddl: &'a DdlEvent, table: &DdlTable) -> Cow<'a, str> {
    let whole = Cow::Borrowed(&*ddl.query);
    if ddl.tables.len() < 2 {
        return whole;
    }
    let name = full_name(&table.name);
    match (ddl.kind, &table.old_name) {
        (DdlKind::DropTable, _) => Cow::Owned(format!("DROP TABLE IF EXISTS {name}")),
        (DdlKind::DropView, _) => Cow::Owned(format!("DROP VIEW IF EXISTS {name}")),
        (DdlKind::RenameTable, Some(old)) => Cow::Owned(format!("RENAME TABLE {} TO {name}", full_name(old))),
        _ => whole,
    }
}

fn full_name(name: &TableName) -> String {
    format!(
        "`{}`.`{}`",
        name.schema.replace('`', "``"),
        name.table.replace('`', "``")
    )
}
