//! What the statements of one table have in common, prepared once per table version.

use std::sync::Arc;

use tidegate_model::{CdcError, ColumnType, Datum, ErrorCode, Generated, Image, Result, TableInfo};
use tidegate_mysql::Flavour;
use tidegate_mysql::sql::{push_binary, push_ident, push_literal, push_table};

use super::bulk::BulkPlan;

/// Fixed parts of the statements of a table.
pub(crate) struct TablePlan {
    table: Arc<TableInfo>,
    flavour: Flavour,
    /// `` `schema`.`table` ``
    name: Vec<u8>,
    /// `` `a`,`b` `` of the written columns.
    column_list: Vec<u8>,
    /// Quoted names of all columns.
    names: Vec<Vec<u8>>,
    /// Columns that statements write: all but the generated ones.
    written: Vec<usize>,
    /// Columns that identify a row; all written ones when `keyed` is false.
    key: Vec<usize>,
    keyed: bool,
    /// By column: whether one statement may set it for several rows.
    joins: Vec<bool>,
    key_joins: bool,
    /// `None`: rows of this table go as text only.
    bulk: Option<BulkPlan>,
}

impl TablePlan {
    pub(crate) fn new(table: &Arc<TableInfo>, flavour: Flavour) -> Self {
        let written: Vec<usize> = table
            .columns
            .iter()
            .enumerate()
            .filter(|(_, column)| column.generated == Generated::No)
            .map(|(index, _)| index)
            .collect();
        let names: Vec<Vec<u8>> = table.columns.iter().map(|column| quoted(&column.name)).collect();
        let mut name = Vec::new();
        push_table(&mut name, &table.name);
        let handle = table.handle();
        let unique = |at: usize| table.indexes.iter().any(|index| index.columns.contains(&at));
        TablePlan {
            // The order in which one statement changes rows is the server's: unique values could meet on the way.
            joins: (0..table.columns.len())
                .map(|at| joins(&table.columns[at].ty) && !unique(at))
                .collect(),
            key_joins: handle
                .is_some_and(|index| index.columns.iter().all(|&at| joins(&table.columns[at].ty))),
            table: Arc::clone(table),
            flavour,
            name,
            column_list: written
                .iter()
                .map(|&index| &*names[index])
                .collect::<Vec<_>>()
                .join(&b',')
                .to_vec(),
            key: handle.map_or_else(|| written.clone(), |index| index.columns.clone()),
            keyed: handle.is_some(),
            names,
            bulk: BulkPlan::new(table, &written),
            written,
        }
    }

    /// Whether this plan is for rows of `table`.
    pub(crate) fn fits(&self, table: &Arc<TableInfo>) -> bool {
        Arc::ptr_eq(&self.table, table) || *self.table == **table
    }

    /// How rows go in bulk, if they may.
    pub(crate) fn bulk(&self) -> Option<&BulkPlan> {
        self.bulk.as_ref()
    }

    /// Whether a key identifies the rows.
    pub(crate) fn keyed(&self) -> bool {
        self.keyed
    }

    /// Whether an update leaves the key as it is, byte by byte.
    pub(crate) fn same_key(&self, before: Image<'_>, after: Image<'_>) -> bool {
        self.key
            .iter()
            .all(|&index| before.get(index) == after.get(index))
    }

    /// `INSERT INTO t (..) VALUES ` or `REPLACE INTO ..`.
    pub(crate) fn push_insert_head(&self, out: &mut Vec<u8>, verb: &str) {
        out.extend_from_slice(verb.as_bytes());
        out.extend_from_slice(b" INTO ");
        out.extend_from_slice(&self.name);
        out.extend_from_slice(b" (");
        out.extend_from_slice(&self.column_list);
        out.extend_from_slice(b") VALUES ");
    }

    /// `(v,v)`.
    pub(crate) fn push_values(&self, out: &mut Vec<u8>, image: Image<'_>) -> Result<()> {
        out.push(b'(');
        for (i, &index) in self.written.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            push_literal(out, self.value(image, index)?);
        }
        out.push(b')');
        Ok(())
    }

    /// ``UPDATE t SET `a`=v,..`` over all columns, without a condition.
    pub(crate) fn push_update_head(&self, out: &mut Vec<u8>, after: Image<'_>) -> Result<()> {
        self.push_update_start(out);
        for (i, &at) in self.written.iter().enumerate() {
            self.push_assignment(out, i, at);
            self.push_value(out, after, at)?;
        }
        Ok(())
    }

    /// `DELETE FROM t WHERE `, for a single-column key `` DELETE FROM t WHERE `k` IN ( ``.
    pub(crate) fn push_delete_head(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"DELETE FROM ");
        out.extend_from_slice(&self.name);
        out.extend_from_slice(b" WHERE ");
        if let [only] = *self.key
            && self.keyed
        {
            out.extend_from_slice(&self.names[only]);
            out.extend_from_slice(b" IN (");
        }
    }

    /// One row of a DELETE; what separates it from the one before is up to [`TablePlan::delete_separator`].
    pub(crate) fn push_delete_row(&self, out: &mut Vec<u8>, before: Image<'_>) -> Result<()> {
        match *self.key {
            [only] if self.keyed => {
                push_literal(out, self.value(before, only)?);
                Ok(())
            }
            _ => {
                out.push(b'(');
                self.push_condition(out, before)?;
                out.push(b')');
                Ok(())
            }
        }
    }

    pub(crate) fn delete_separator(&self) -> &'static [u8] {
        if self.key.len() == 1 { b"," } else { b" OR " }
    }

    /// Appends the columns that an update changes, which leaves the key alone. Nothing when it changes none; else with
    /// those that the server would set by itself to the time of the statement.
    pub(crate) fn changed(&self, before: Image<'_>, after: Image<'_>, out: &mut Vec<usize>) {
        let settable = || self.written.iter().copied().filter(|at| !self.key.contains(at));
        if settable().all(|at| is_same(before.get(at), after.get(at))) {
            return;
        }
        out.extend(settable().filter(|&at| {
            let sets_itself = matches!(
                self.table.columns[at].ty,
                ColumnType::Timestamp { .. } | ColumnType::DateTime { .. }
            );
            sets_itself || !is_same(before.get(at), after.get(at))
        }));
    }

    /// Whether the key of a row may stand beside those of others.
    pub(crate) fn key_joins(&self, image: Image<'_>) -> bool {
        self.key_joins && self.key.iter().all(|&at| is_plain(image.get(at)))
    }

    /// Whether a value of a column may stand beside those of other rows.
    pub(crate) fn joins(&self, at: usize, value: Datum<'_>) -> bool {
        self.joins.get(at).is_some_and(|&joins| joins) && is_plain(value)
    }

    /// The literal of a single-column key, else `` `a`=v AND `b`=w ``.
    pub(crate) fn push_key(&self, out: &mut Vec<u8>, image: Image<'_>) -> Result<()> {
        match *self.key {
            [only] => self.push_value(out, image, only),
            _ => self.push_condition(out, image),
        }
    }

    /// One value as a literal.
    pub(crate) fn push_value(&self, out: &mut Vec<u8>, image: Image<'_>, at: usize) -> Result<()> {
        push_literal(out, self.value(image, at)?);
        Ok(())
    }

    /// `UPDATE t SET `
    pub(crate) fn push_update_start(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"UPDATE ");
        out.extend_from_slice(&self.name);
        out.extend_from_slice(b" SET ");
    }

    /// `` `c`= ``, with a comma before all but the first.
    pub(crate) fn push_assignment(&self, out: &mut Vec<u8>, number: usize, at: usize) {
        if number > 0 {
            out.push(b',');
        }
        out.extend_from_slice(&self.names[at]);
        out.push(b'=');
    }

    /// `` CASE `k` ``, or `CASE` where the key has several columns and is a condition.
    pub(crate) fn push_case(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"CASE");
        if let [only] = *self.key {
            out.push(b' ');
            out.extend_from_slice(&self.names[only]);
        }
    }

    /// The condition for one row; `key` as [`TablePlan::push_key`] makes it.
    pub(crate) fn push_key_condition(&self, out: &mut Vec<u8>, key: &[u8]) {
        if let [only] = *self.key {
            out.extend_from_slice(&self.names[only]);
            out.push(b'=');
        }
        out.extend_from_slice(key);
    }

    /// The condition for several rows.
    pub(crate) fn push_key_list<'a>(&self, out: &mut Vec<u8>, keys: impl Iterator<Item = &'a [u8]>) {
        let (start, separator): (&[u8], &[u8]) = match *self.key {
            [only] => {
                out.extend_from_slice(&self.names[only]);
                (b" IN (", b",")
            }
            _ => (b"(", b") OR ("),
        };
        out.extend_from_slice(start);
        for (i, key) in keys.enumerate() {
            if i > 0 {
                out.extend_from_slice(separator);
            }
            out.extend_from_slice(key);
        }
        out.push(b')');
    }

    /// Ends a DELETE.
    pub(crate) fn push_delete_tail(&self, out: &mut Vec<u8>) {
        if !self.keyed {
            out.extend_from_slice(b" LIMIT 1");
        } else if self.key.len() == 1 {
            out.push(b')');
        }
    }

    /// `` `k`=v AND .. `` over the key, or exactly this row for a table without one.
    pub(crate) fn push_condition(&self, out: &mut Vec<u8>, image: Image<'_>) -> Result<()> {
        for (i, &index) in self.key.iter().enumerate() {
            if i > 0 {
                out.extend_from_slice(b" AND ");
            }
            let value = self.value(image, index)?;
            match value {
                Datum::Null => {
                    out.extend_from_slice(&self.names[index]);
                    out.extend_from_slice(b" IS NULL");
                }
                _ if self.keyed => self.push_equal(out, index, value),
                _ => self.push_identical(out, index, value),
            }
        }
        Ok(())
    }

    fn push_equal(&self, out: &mut Vec<u8>, index: usize, value: Datum<'_>) {
        out.extend_from_slice(&self.names[index]);
        out.push(b'=');
        push_literal(out, value);
    }

    /// Without a key all values must be the same, not only equal by collation: `'a'` must not find `'A'`.
    fn push_identical(&self, out: &mut Vec<u8>, index: usize, value: Datum<'_>) {
        match value {
            Datum::Text(bytes) => {
                out.extend_from_slice(b"CAST(CONVERT(");
                out.extend_from_slice(&self.names[index]);
                out.extend_from_slice(b" USING utf8mb4) AS BINARY)=");
                push_binary(out, bytes);
            }
            Datum::Json(_) if self.flavour == Flavour::MySql => {
                out.extend_from_slice(&self.names[index]);
                out.extend_from_slice(b"=CAST(");
                push_literal(out, value);
                out.extend_from_slice(b" AS JSON)");
            }
            Datum::Json(text) => self.push_identical(out, index, Datum::Text(text.as_bytes())),
            Datum::Geometry(bytes) => {
                out.extend_from_slice(b"CAST(");
                out.extend_from_slice(&self.names[index]);
                out.extend_from_slice(b" AS BINARY)=");
                push_binary(out, bytes);
            }
            _ => self.push_equal(out, index, value),
        }
    }

    fn value<'a>(&self, image: Image<'a>, index: usize) -> Result<Datum<'a>> {
        if index >= image.len() {
            return Err(self.partial(index));
        }
        match image.get(index) {
            Datum::Absent => Err(self.partial(index)),
            value => Ok(value),
        }
    }

    fn partial(&self, index: usize) -> CdcError {
        let column = self.table.columns.get(index).map_or("?", |column| &column.name);
        CdcError::new(
            ErrorCode::PartialRowImage,
            format_args!(
                "a row of {} comes without a value of column {column}",
                self.table.name
            ),
        )
    }
}

/// Types whose values keep their meaning when the server makes one type of those of several rows.
fn joins(ty: &ColumnType) -> bool {
    !matches!(
        ty,
        ColumnType::Bit { .. }
            | ColumnType::Set { .. }
            | ColumnType::Json
            | ColumnType::Geometry
            | ColumnType::Vector { .. }
            | ColumnType::Uuid
            | ColumnType::Inet4
            | ColumnType::Inet6
    )
}

/// Text that is not valid goes as bytes, which among texts would make bytes of them all.
fn is_plain(value: Datum<'_>) -> bool {
    match value {
        Datum::Text(bytes) => std::str::from_utf8(bytes).is_ok(),
        _ => true,
    }
}

/// Also tells the two zeros apart.
fn is_same(before: Datum<'_>, after: Datum<'_>) -> bool {
    match (before, after) {
        (Datum::Double(a), Datum::Double(b)) => a.to_bits() == b.to_bits(),
        (Datum::Float(a), Datum::Float(b)) => a.to_bits() == b.to_bits(),
        _ => before == after,
    }
}

fn quoted(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    push_ident(&mut out, name);
    out
}
