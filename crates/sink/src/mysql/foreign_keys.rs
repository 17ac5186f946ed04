//! Warns of new foreign keys by which the upstream changes rows without logging it.

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error, Row};
use tidegate_model::{ChangefeedId, DdlEvent, DdlKind};
use tidegate_mysql::sql::push_string;

use super::session::column;

/// After a schema change that may have added foreign keys: logs those of its tables that change rows by themselves. The
/// sink's sessions leave such rules alone, because a row that is written again is deleted first.
///
/// # Errors
/// What the server says; the schema change itself is in place.
pub(crate) async fn warn(conn: &mut Conn, changefeed: &ChangefeedId, ddl: &DdlEvent) -> Result<(), Error> {
    let may_add = matches!(
        ddl.kind,
        DdlKind::CreateTable | DdlKind::AddForeignKey | DdlKind::MultiSchemaChange
    );
    // Most statements of these kinds add none: no question for them.
    if !may_add || !ddl.query.to_ascii_uppercase().contains("REFERENCES") {
        return Ok(());
    }
    for table in &ddl.tables {
        let mut query = b"SELECT CONSTRAINT_NAME, DELETE_RULE, UPDATE_RULE FROM \
            information_schema.REFERENTIAL_CONSTRAINTS WHERE (DELETE_RULE NOT IN ('RESTRICT','NO ACTION') OR \
            UPDATE_RULE NOT IN ('RESTRICT','NO ACTION')) AND CONSTRAINT_SCHEMA = "
            .to_vec();
        push_string(&mut query, &table.name.schema);
        query.extend_from_slice(b" AND TABLE_NAME = ");
        push_string(&mut query, &table.name.table);
        let rows: Vec<Row> = conn.query(query).await?;
        for row in &rows {
            let text = |index| column::<String>(Some(row), index).unwrap_or_default();
            tracing::warn!(
                %changefeed, table = %table.name, foreign_key = text(0), on_delete = text(1), on_update = text(2),
                "rows that this foreign key changes upstream are not in the binlog and are not replicated"
            );
        }
    }
    Ok(())
}
