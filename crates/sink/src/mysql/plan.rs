//! What the statements of one table have in common, prepared once per table version.

use std::sync::Arc;

use tidegate_model::{CdcError, Datum, ErrorCode, Generated, Image, Result, TableInfo};
use tidegate_mysql::Flavour;
use tidegate_mysql::sql::{push_binary, push_ident, push_literal, push_table};

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
    /// `` ON DUPLICATE KEY UPDATE `a`=VALUES(`a`),.. `` over the columns outside the primary key; empty when there is no
    /// primary key or nothing outside it.
    upsert_tail: Vec<u8>,
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
        let primary = handle.filter(|index| index.primary);
        let upsert_tail =
            primary.map_or_else(Vec::new, |index| upsert_tail(&written, &index.columns, &names));
        TablePlan {
            upsert_tail,
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
            written,
        }
    }

    /// Whether this plan is for rows of `table`.
    pub(crate) fn fits(&self, table: &Arc<TableInfo>) -> bool {
        Arc::ptr_eq(&self.table, table) || *self.table == **table
    }

    /// Whether a key identifies the rows.
    pub(crate) fn keyed(&self) -> bool {
        self.keyed
    }

    /// Whether updates that leave the key alone can share a statement.
    pub(crate) fn upserts(&self) -> bool {
        !self.upsert_tail.is_empty()
    }

    /// Ends an INSERT whose rows exist already.
    pub(crate) fn push_upsert_tail(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.upsert_tail);
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

    /// ``UPDATE t SET `a`=v,..``, without a condition.
    pub(crate) fn push_update_head(&self, out: &mut Vec<u8>, after: Image<'_>) -> Result<()> {
        out.extend_from_slice(b"UPDATE ");
        out.extend_from_slice(&self.name);
        out.extend_from_slice(b" SET ");
        for (i, &index) in self.written.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            out.extend_from_slice(&self.names[index]);
            out.push(b'=');
            push_literal(out, self.value(after, index)?);
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

    /// Most bytes that end a statement.
    pub(crate) fn tail_len(&self) -> usize {
        self.upsert_tail.len().max(" LIMIT 1".len())
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

fn upsert_tail(written: &[usize], key: &[usize], names: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    for &index in written.iter().filter(|index| !key.contains(index)) {
        out.extend_from_slice(if out.is_empty() {
            b" ON DUPLICATE KEY UPDATE "
        } else {
            b","
        });
        out.extend_from_slice(&names[index]);
        out.extend_from_slice(b"=VALUES(");
        out.extend_from_slice(&names[index]);
        out.push(b')');
    }
    out
}

fn quoted(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    push_ident(&mut out, name);
    out
}
