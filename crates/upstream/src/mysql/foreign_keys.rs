//! Foreign keys by which the server changes rows without logging it.
//!
//! InnoDB carries out `ON DELETE CASCADE` and the like below the binlog: the rows that it changes in the child table are
//! in no event. Nobody downstream may carry them out again either, because a row that is written again would first be
//! deleted there, and its children with it. So all that can be done is to say so.

use mysql_async::Conn;
use tidegate_model::{Result, TableName};

use super::catalogue::{SYSTEM_SCHEMAS, all_rows, text};

/// Tables that a warning names.
const NAMED_MAX: usize = 5;

/// A foreign key whose rule changes rows of its table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Cascade {
    /// The table whose rows are changed.
    pub(crate) child: TableName,
    /// `fk_name ON DELETE CASCADE`
    pub(crate) rule: String,
}

/// All such foreign keys outside the system schemas.
///
/// # Errors
/// Those of asking the upstream.
pub(crate) async fn cascades(conn: &mut Conn) -> Result<Vec<Cascade>> {
    let system = SYSTEM_SCHEMAS.join("','");
    let rows = all_rows(
        conn,
        format!(
            "SELECT CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, DELETE_RULE, UPDATE_RULE FROM \
             information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA NOT IN ('{system}') \
             AND (DELETE_RULE NOT IN ('RESTRICT','NO ACTION') OR UPDATE_RULE NOT IN ('RESTRICT','NO ACTION')) \
             ORDER BY CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME"
        ),
    )
    .await?;
    let cascade = |row| Cascade {
        child: TableName::new(&text(row, 0), &text(row, 1)),
        rule: rule(&text(row, 2), &text(row, 3), &text(row, 4)),
    };
    Ok(rows.iter().map(cascade).collect())
}

fn rule(name: &str, on_delete: &str, on_update: &str) -> String {
    let mut out = name.to_owned();
    for (event, rule) in [("DELETE", on_delete), ("UPDATE", on_update)] {
        if !matches!(rule, "RESTRICT" | "NO ACTION") {
            out.push_str(&format!(" ON {event} {rule}"));
        }
    }
    out
}

/// The sentence for people; `None` without such a foreign key.
pub(crate) fn warning(cascades: &[Cascade]) -> Option<String> {
    if cascades.is_empty() {
        return None;
    }
    let named: Vec<String> = cascades
        .iter()
        .take(NAMED_MAX)
        .map(|cascade| format!("{} ({})", cascade.child, cascade.rule))
        .collect();
    let more = match cascades.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(format!(
        "rows that a foreign key changes are not in the binlog and are not replicated: {}{more}; delete and update \
         them by statements of their own, or declare the keys without these rules",
        named.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_warning_names_some_and_counts_the_rest() {
        assert_eq!(warning(&[]), None);
        let cascade = |n: usize| Cascade {
            child: TableName::new("shop", &format!("t{n}")),
            rule: rule("fk", "CASCADE", "SET NULL"),
        };
        let text = warning(&[cascade(1)]).unwrap();
        assert!(
            text.contains("shop.t1 (fk ON DELETE CASCADE ON UPDATE SET NULL);"),
            "{text}"
        );
        let text = warning(&(0..7).map(cascade).collect::<Vec<_>>()).unwrap();
        assert!(text.contains("shop.t4") && text.contains("and 2 more"), "{text}");
        assert_eq!(rule("fk", "RESTRICT", "SET NULL"), "fk ON UPDATE SET NULL");
    }
}
