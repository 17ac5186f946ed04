//! What information_schema says about tables.
//!
//! The binlog names columns and wire types; unique keys, exact types, defaults and generated columns are in the
//! catalogue only. It shows the present, so what it says is a hint: see [`super::hints`].

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Params, Row, Value};
use tidegate_model::{ColumnInfo, ColumnType, Generated, IndexInfo, Result, TableName};
use tidegate_mysql::{Flavour, query_error};

use super::column_type::{parse_column_type, unquote_default};

/// Schemas that hold no user data.
pub(crate) const SYSTEM_SCHEMAS: [&str; 4] = ["information_schema", "mysql", "performance_schema", "sys"];

/// A table as the catalogue shows it now.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct CatalogueTable {
    pub(crate) columns: Vec<ColumnInfo>,
    pub(crate) indexes: Vec<IndexInfo>,
    pub(crate) kind: TableKind,
}

/// What a name of the catalogue stands for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum TableKind {
    /// An ordinary table.
    Table,
    /// A view: it never has rows in the log, so rows under its name are those of an earlier table.
    View,
    /// A sequence of MariaDB.
    Sequence,
    /// A table of MariaDB that keeps its history.
    Versioned,
    /// Some other thing, by the name the server gives it.
    Other(String),
}

impl TableKind {
    fn new(text: &str) -> Self {
        match text {
            "BASE TABLE" => TableKind::Table,
            "SEQUENCE" => TableKind::Sequence,
            "SYSTEM VERSIONED" => TableKind::Versioned,
            other if other.contains("VIEW") => TableKind::View,
            other => TableKind::Other(other.to_lowercase()),
        }
    }

    /// Why it can never be replicated, if so.
    pub(crate) fn unsupported(&self) -> Option<String> {
        match self {
            TableKind::Table => None,
            TableKind::View => Some("it is a view".to_owned()),
            TableKind::Sequence => Some("it is a sequence".to_owned()),
            TableKind::Versioned => {
                Some("it is system-versioned: its history would arrive as ordinary rows".to_owned())
            }
            TableKind::Other(name) => Some(format!("it is a {name}")),
        }
    }
}

/// Name, kind and eligibility of one table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ListedTable {
    pub(crate) name: TableName,
    pub(crate) eligible: bool,
    pub(crate) key: Option<String>,
    pub(crate) unsupported: Option<String>,
}

/// Times that a table is read again because it changed meanwhile.
const READS_MAX: usize = 10;

/// Reads one table; `None` when it does not exist (any more), or changes all the time.
///
/// The catalogue is several tables without a common snapshot: a statement in between may leave columns without their
/// indexes. So it is read until it says the same twice.
pub(crate) async fn load_table(
    conn: &mut Conn,
    flavour: Flavour,
    name: &TableName,
) -> Result<Option<CatalogueTable>> {
    let mut last = read_table(conn, flavour, name).await?;
    for _ in 0..READS_MAX {
        let again = read_table(conn, flavour, name).await?;
        if again == last {
            return Ok(last);
        }
        last = again;
    }
    Ok(None)
}

async fn read_table(conn: &mut Conn, flavour: Flavour, name: &TableName) -> Result<Option<CatalogueTable>> {
    // A table that is being changed just now may have no kind, or no columns.
    let Some(kind) = table_kind(conn, name).await?.filter(|kind| !kind.is_empty()) else {
        return Ok(None);
    };
    let json = json_columns(conn, flavour, name).await?;
    let rows = rows_of(
        conn,
        "SELECT COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, CHARACTER_SET_NAME, COLLATION_NAME, COLUMN_DEFAULT, EXTRA, \
         DATA_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? \
         ORDER BY ORDINAL_POSITION",
        name,
    )
    .await?;
    let columns: Vec<ColumnInfo> = rows.iter().map(|row| column(row, flavour, &json)).collect();
    if columns.is_empty() {
        return Ok(None);
    }
    let rows = rows_of(
        conn,
        "SELECT INDEX_NAME, COLUMN_NAME FROM information_schema.STATISTICS \
         WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND NON_UNIQUE = 0",
        name,
    )
    .await?;
    let indexes = indexes(&columns, rows.iter().map(|row| (text(row, 0), opt_text(row, 1))));
    Ok(Some(CatalogueTable {
        columns,
        indexes,
        kind: TableKind::new(&kind),
    }))
}

/// All tables outside the system schemas, sorted by name. Views are left out.
pub(crate) async fn list_tables(conn: &mut Conn) -> Result<Vec<ListedTable>> {
    let system = SYSTEM_SCHEMAS.join("','");
    let kinds = all_rows(
        conn,
        format!(
            "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES \
             WHERE TABLE_SCHEMA NOT IN ('{system}')"
        ),
    )
    .await?;
    let unfit = all_rows(
        conn,
        format!(
            "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME FROM information_schema.COLUMNS \
             WHERE TABLE_SCHEMA NOT IN ('{system}') AND (IS_NULLABLE = 'YES' OR EXTRA LIKE '%VIRTUAL GENERATED%')"
        ),
    )
    .await?;
    let unfit: HashSet<(String, String, String)> = unfit
        .iter()
        .map(|row| (text(row, 0), text(row, 1), text(row, 2)))
        .collect();
    let keys = all_rows(
        conn,
        format!(
            "SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, COLUMN_NAME FROM information_schema.STATISTICS \
             WHERE TABLE_SCHEMA NOT IN ('{system}') AND NON_UNIQUE = 0 ORDER BY SEQ_IN_INDEX"
        ),
    )
    .await?;
    Ok(listed(&kinds, &unfit, &keys))
}

/// Unique indexes of a table by name: whether every column identifies, and the columns.
type Indexes = BTreeMap<String, (bool, Vec<String>)>;

/// The key that identifies rows, as [`tidegate_model::TableInfo::handle`] chooses it.
fn handle(indexes: &Indexes) -> Option<String> {
    let fit = indexes.iter().filter(|(_, (fit, _))| *fit);
    let (name, (_, columns)) = fit.min_by_key(|(name, (_, columns))| (*name != "PRIMARY", columns.len()))?;
    Some(format!("{name} ({})", columns.join(", ")))
}

fn listed(kinds: &[Row], unfit: &HashSet<(String, String, String)>, keys: &[Row]) -> Vec<ListedTable> {
    // Index by table and name: whether every column of it identifies, and its columns.
    let mut usable: HashMap<(String, String), Indexes> = HashMap::new();
    for row in keys {
        let (schema, table, index) = (text(row, 0), text(row, 1), text(row, 2));
        let fit = opt_text(row, 3).is_some_and(|column| {
            index == "PRIMARY" || !unfit.contains(&(schema.clone(), table.clone(), column))
        });
        let entry = usable
            .entry((schema, table))
            .or_default()
            .entry(index)
            .or_insert((true, Vec::new()));
        entry.0 &= fit;
        entry.1.extend(opt_text(row, 3));
    }
    let mut out: Vec<ListedTable> = kinds
        .iter()
        .map(|row| (text(row, 0), text(row, 1), TableKind::new(&text(row, 2))))
        .filter(|(_, _, kind)| *kind != TableKind::View)
        .map(|(schema, table, kind)| {
            let name = TableName::new(&schema, &table);
            let key = usable.get(&(schema, table)).and_then(handle);
            let key = key.filter(|_| kind == TableKind::Table);
            ListedTable {
                name,
                unsupported: kind.unsupported(),
                eligible: key.is_some(),
                key,
            }
        })
        .collect();
    out.sort_by(|a, b| a.name.cmp(&b.name));
    out
}

async fn table_kind(conn: &mut Conn, name: &TableName) -> Result<Option<String>> {
    let rows = rows_of(
        conn,
        "SELECT TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?",
        name,
    )
    .await?;
    Ok(rows.first().map(|row| text(row, 0)))
}

/// MariaDB's JSON is LONGTEXT with a check that names the column.
async fn json_columns(conn: &mut Conn, flavour: Flavour, name: &TableName) -> Result<HashSet<String>> {
    if flavour != Flavour::MariaDb {
        return Ok(HashSet::new());
    }
    let rows = rows_of(
        conn,
        "SELECT CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS \
         WHERE CONSTRAINT_SCHEMA = ? AND TABLE_NAME = ? AND CHECK_CLAUSE LIKE 'json_valid(%'",
        name,
    )
    .await?;
    Ok(rows
        .iter()
        .filter_map(|row| {
            let clause = text(row, 0);
            let column = clause.strip_prefix("json_valid(`")?.strip_suffix("`)")?;
            Some(column.replace("``", "`"))
        })
        .collect())
}

fn column(row: &Row, flavour: Flavour, json: &HashSet<String>) -> ColumnInfo {
    let name = text(row, 0);
    let parsed = parse_column_type(&text(row, 1));
    let extra = text(row, 6).to_ascii_uppercase();
    let ty = match parsed.ty {
        ColumnType::LongText if json.contains(&name) => ColumnType::Json,
        other => other,
    };
    let charset = match &ty {
        // The catalogue gives the character set of the text; the type has none.
        ColumnType::Json if flavour == Flavour::MySql => "utf8mb4".to_owned(),
        _ => opt_text(row, 3).unwrap_or_else(|| "binary".to_owned()),
    };
    let default = opt_text(row, 5).and_then(|default| match flavour {
        Flavour::MariaDb => unquote_default(&default),
        Flavour::MySql => Some(default),
    });
    ColumnInfo {
        name: name.into(),
        ty,
        nullable: text(row, 2) == "YES",
        unsigned: parsed.unsigned,
        zerofill: parsed.zerofill,
        charset: charset.into(),
        collation: opt_text(row, 4).map(Arc::from),
        default: default.map(Arc::from),
        generated: if extra.contains("VIRTUAL GENERATED") {
            Generated::Virtual
        } else if extra.contains("STORED GENERATED") || extra.contains("PERSISTENT") {
            Generated::Stored
        } else {
            Generated::No
        },
        display_width: parsed.display_width,
    }
}

/// Unique indexes over plain columns, primary key first, then in the catalogue's order.
fn indexes(columns: &[ColumnInfo], rows: impl Iterator<Item = (String, Option<String>)>) -> Vec<IndexInfo> {
    let mut out: Vec<(String, Option<Vec<usize>>)> = Vec::new();
    for (index, column) in rows {
        let position = column.and_then(|name| columns.iter().position(|c| *c.name == *name));
        match out.iter_mut().find(|(name, _)| *name == index) {
            Some((_, list)) => {
                *list = match (list.take(), position) {
                    (Some(mut list), Some(position)) => {
                        list.push(position);
                        Some(list)
                    }
                    _ => None,
                };
            }
            None => out.push((index, position.map(|position| vec![position]))),
        }
    }
    // An index over an expression has no list and identifies nothing.
    let mut out: Vec<IndexInfo> = out
        .into_iter()
        .filter_map(|(name, columns)| {
            Some(IndexInfo {
                primary: name == "PRIMARY",
                name: name.into(),
                columns: columns?,
            })
        })
        .collect();
    out.sort_by_key(|index| !index.primary);
    out
}

async fn rows_of(conn: &mut Conn, sql: &str, name: &TableName) -> Result<Vec<Row>> {
    let params = Params::Positional(vec![
        Value::Bytes(name.schema.as_bytes().to_vec()),
        Value::Bytes(name.table.as_bytes().to_vec()),
    ]);
    conn.exec(sql, params)
        .await
        .map_err(|error| query_error("read information_schema", error))
}

pub(crate) async fn all_rows(conn: &mut Conn, sql: String) -> Result<Vec<Row>> {
    conn.query(sql)
        .await
        .map_err(|error| query_error("read information_schema", error))
}

pub(crate) fn text(row: &Row, index: usize) -> String {
    opt_text(row, index).unwrap_or_default()
}

pub(crate) fn opt_text(row: &Row, index: usize) -> Option<String> {
    match row.as_ref(index)? {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Value::Int(number) => Some(number.to_string()),
        Value::UInt(number) => Some(number.to_string()),
        other => Some(other.as_sql(true)),
    }
}
