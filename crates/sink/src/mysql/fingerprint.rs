//! Tells whether a schema change has taken place, whatever it was.

use std::collections::{BTreeMap, BTreeSet};

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error, Row};
use tidegate_model::{DdlEvent, DdlKind, TableName};
use tidegate_mysql::sql::{push_ident, push_string, push_table};

use super::errors::server_code;
use super::session::column;

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

/// What a fingerprint looks at.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Depth {
    /// Definitions.
    Shape,
    /// Rows too, where definitions do not tell before from after.
    Content,
}

/// A fingerprint.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Print {
    /// Stored, so its making must never change.
    pub(crate) hash: u64,
    /// What the hash was before the change, if the change is in place now. Known only where names swap: there something
    /// else than the change could have given another hash, and taking it for the change would mix up the rows.
    pub(crate) undone: Option<u64>,
    /// Whether the schema change would certainly give another one. `false` only where the server does not sum up rows.
    pub(crate) decisive: bool,
}

/// A hash over the definitions of everything that `ddl` touches, under old and new names, as they are now. A schema
/// change that has an effect changes it; one that has none may be repeated.
///
/// Tables that swap names may have the same shape: see [`swap_print`]. For partitions that are exchanged,
/// [`Depth::Content`] adds the checksum of the rows: the server reads all of the table for it.
pub(crate) async fn fingerprint(conn: &mut Conn, ddl: &DdlEvent, depth: Depth) -> Result<Print, Error> {
    if ddl.kind == DdlKind::RenameTable && swaps(ddl) {
        return swap_print(conn, ddl, depth).await;
    }
    let mut hash = Hash::new();
    if let Some(schema) = &ddl.target_schema {
        let mut query = b"SHOW CREATE DATABASE ".to_vec();
        push_ident(&mut query, schema);
        hash.add(&definition(conn, query).await?);
    }
    for table in &ddl.tables {
        for name in table.old_name.iter().chain([&table.name]) {
            let mut query = b"SHOW CREATE TABLE ".to_vec();
            push_table(&mut query, name);
            hash.add(&without_counter(&definition(conn, query).await?));
        }
    }
    let mut decisive = true;
    // The plain table, named last: the partition gets what it holds, and the other way round.
    let exchanged = ddl
        .tables
        .last()
        .filter(|_| ddl.kind == DdlKind::ExchangePartition);
    if let (Depth::Content, Some(table)) = (depth, exchanged) {
        match checksum(conn, &table.name).await? {
            Some(sum) => hash.add(&sum),
            None => decisive = false,
        }
    }
    Ok(Print {
        hash: hash.0,
        undone: None,
        decisive,
    })
}

/// Which table each name of a swap stands for.
///
/// A table is known by its number in the storage engine, which stays when its name changes. Where that is not to be
/// seen (it takes the PROCESS privilege), it is known by the time of its creation; and where those are the same, by the
/// checksum of its rows. The time may change when a server crashes in the middle of a rename and takes it back.
async fn swap_print(conn: &mut Conn, ddl: &DdlEvent, depth: Depth) -> Result<Print, Error> {
    let mut tables = BTreeMap::new();
    for table in &ddl.tables {
        for name in table.old_name.iter().chain([&table.name]) {
            if !tables.contains_key(name) && exists(conn, name).await? {
                let known_by = match number(conn, name).await? {
                    Some(number) => format!("number {number}"),
                    None => creation_time(conn, name).await?,
                };
                tables.insert(name, known_by);
            }
        }
    }
    let mut decisive = true;
    if depth == Depth::Content && !all_differ(&tables) {
        for (name, known_by) in &mut tables {
            match checksum(conn, name).await? {
                Some(sum) => known_by.push_str(&sum),
                None => decisive = false,
            }
        }
    }
    let hash = hash_of(&tables);
    for table in ddl.tables.iter().rev() {
        if let (Some(old), Some(known_by)) = (&table.old_name, tables.remove(&table.name)) {
            tables.insert(old, known_by);
        }
    }
    Ok(Print {
        hash,
        undone: Some(hash_of(&tables)),
        decisive,
    })
}

fn hash_of(tables: &BTreeMap<&TableName, String>) -> u64 {
    let mut hash = Hash::new();
    for (name, known_by) in tables {
        for text in [&*name.schema, &*name.table, known_by.as_str()] {
            hash.add(text);
        }
    }
    hash.0
}

/// Whether the names are the same before and after a rename.
fn swaps(ddl: &DdlEvent) -> bool {
    let is_new = |name: &TableName| ddl.tables.iter().any(|table| table.name == *name);
    ddl.tables
        .iter()
        .all(|table| table.old_name.as_ref().is_some_and(is_new))
}

fn all_differ(tables: &BTreeMap<&TableName, String>) -> bool {
    tables.values().collect::<BTreeSet<_>>().len() == tables.len()
}

/// The number of a table in InnoDB, of a partitioned one that of its first partition. `None` where the account may not
/// see it, and for other engines.
async fn number(conn: &mut Conn, name: &TableName) -> Result<Option<u64>, Error> {
    let mut file = b"CONCAT(HEX(CONVERT(".to_vec();
    push_string(&mut file, &name.schema);
    file.extend_from_slice(b" USING filename)), '2F', HEX(CONVERT(");
    push_string(&mut file, &name.table);
    file.extend_from_slice(b" USING filename)))");
    // As MariaDB and MySQL call it.
    for view in ["INNODB_SYS_TABLES", "INNODB_TABLES"] {
        let mut query = format!("SELECT MIN(TABLE_ID) FROM information_schema.{view}, (SELECT ").into_bytes();
        query.extend_from_slice(&file);
        query.extend_from_slice(
            b" AS file) AS wanted WHERE HEX(NAME) = file OR HEX(NAME) LIKE CONCAT(file, '23%')",
        );
        match conn.query_first::<Row, _>(query).await {
            Ok(row) => return Ok(column(row.as_ref(), 0)),
            Err(error) if server_code(&error).is_some() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// The sum over the rows of a table; `None` where the server does not tell.
async fn checksum(conn: &mut Conn, name: &TableName) -> Result<Option<String>, Error> {
    let mut query = b"CHECKSUM TABLE ".to_vec();
    push_table(&mut query, name);
    match conn.query_first::<Row, _>(query).await {
        Ok(row) => Ok(column(row.as_ref(), 1)),
        Err(error) if server_code(&error).is_some() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether a table or view of that name exists.
pub(crate) async fn exists(conn: &mut Conn, name: &TableName) -> Result<bool, Error> {
    let mut query = b"SHOW CREATE TABLE ".to_vec();
    push_table(&mut query, name);
    Ok(!definition(conn, query).await?.is_empty())
}

/// The second column of the answer; empty when the object does not exist.
async fn definition(conn: &mut Conn, query: Vec<u8>) -> Result<String, Error> {
    let row: Result<Option<Row>, Error> = conn.query_first(query).await;
    match row {
        Ok(row) => Ok(column(row.as_ref(), 1).unwrap_or_default()),
        // No such table, no such database.
        Err(error) if matches!(server_code(&error), Some(1146 | 1049)) => Ok(String::new()),
        Err(error) => Err(error),
    }
}

async fn creation_time(conn: &mut Conn, name: &TableName) -> Result<String, Error> {
    let mut query =
        b"SELECT CAST(CREATE_TIME AS CHAR) FROM information_schema.TABLES WHERE TABLE_SCHEMA = ".to_vec();
    push_string(&mut query, &name.schema);
    query.extend_from_slice(b" AND TABLE_NAME = ");
    push_string(&mut query, &name.table);
    let row: Option<Row> = conn.query_first(query).await?;
    Ok(column(row.as_ref(), 0).unwrap_or_default())
}

/// The definition without ` AUTO_INCREMENT=n`, which rows change too.
fn without_counter(definition: &str) -> String {
    const OPTION: &str = " AUTO_INCREMENT=";
    match definition.rsplit_once(OPTION) {
        // Behind the last line break stand the table's options; before it, it would be text of a column.
        Some((before, after)) if !after.contains('\n') => {
            format!(
                "{before}{}",
                after.trim_start_matches(|c: char| c.is_ascii_digit())
            )
        }
        _ => definition.to_owned(),
    }
}

/// FNV-1a.
pub(crate) struct Hash(u64);

impl Hash {
    pub(crate) fn new() -> Self {
        Hash(FNV_OFFSET)
    }

    pub(crate) fn value(&self) -> u64 {
        self.0
    }

    /// Adds a text and its end.
    pub(crate) fn add(&mut self, text: &str) {
        for byte in text.bytes().chain([0]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(FNV_PRIME);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_is_left_out_and_nothing_else() {
        let table = "CREATE TABLE `t` (\n  `a` int COMMENT ' AUTO_INCREMENT=7'\n) ENGINE=InnoDB";
        assert_eq!(without_counter(table), table);
        assert_eq!(
            without_counter(&format!("{table} AUTO_INCREMENT=42 DEFAULT CHARSET=utf8mb4")),
            format!("{table} DEFAULT CHARSET=utf8mb4")
        );
    }

    #[test]
    fn the_hash_is_the_published_one() {
        let mut hash = Hash(FNV_OFFSET);
        for byte in b"foobar" {
            hash.0 = (hash.0 ^ u64::from(*byte)).wrapping_mul(FNV_PRIME);
        }
        assert_eq!(hash.0, 0x8594_4171_f739_67e8);
    }
}
