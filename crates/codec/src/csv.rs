//! The csv format of storage sinks: one line per row change.

use std::fmt;
use std::io::Write;
use std::sync::Arc;

use jiff::tz::TimeZone;
use tidegate_model::{
    CdcError, ColumnInfo, ColumnType, Datum, ErrorCode, Generated, Image, Result, Row, RowOp, TableInfo, Ts,
};

use crate::encoder::Encoder;
use crate::table_cache::TableCache;
use crate::text;
use crate::zone::Zone;

/// How binary values are written.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub enum BinaryEncoding {
    /// Standard alphabet, padded.
    #[default]
    Base64,
    /// Lower-case digits.
    Hex,
}

/// Settings of the format. The sink checks their rules (lengths, no shared characters) before it gets here.
#[derive(Clone, Debug)]
pub struct CsvOptions {
    /// 1 to 3 characters between values.
    pub delimiter: String,
    /// One character around strings, doubled inside; empty: escape mode.
    pub quote: Option<char>,
    /// Text of NULL, written bare.
    pub null: String,
    /// Adds the commit-ts as fourth value.
    pub include_commit_ts: bool,
    /// How binary values are written.
    pub binary_encoding: BinaryEncoding,
    /// Writes an update as two lines, `D` with the old image and `I` with the new one, and adds `is-update`.
    pub output_old_value: bool,
    /// Adds the values of the handle key, joined by commas.
    pub output_handle_key: bool,
    /// Starts each file with a line of column names.
    pub output_field_header: bool,
    /// Written after each line.
    pub terminator: String,
    /// TIMESTAMP values are shown in this zone.
    pub time_zone: TimeZone,
}

impl Default for CsvOptions {
    fn default() -> Self {
        CsvOptions {
            delimiter: ",".to_owned(),
            quote: Some('"'),
            null: "\\N".to_owned(),
            include_commit_ts: false,
            binary_encoding: BinaryEncoding::Base64,
            output_old_value: false,
            output_handle_key: false,
            output_field_header: false,
            terminator: "\r\n".to_owned(),
            time_zone: TimeZone::UTC,
        }
    }
}

/// Encodes rows as csv.
pub struct CsvEncoder {
    options: CsvOptions,
    quote: Vec<u8>,
    zone: Zone,
    tables: TableCache<Prepared>,
    scratch: Vec<u8>,
}

struct Prepared {
    /// Delimiter, table, delimiter, schema: what follows the operation.
    names: Vec<u8>,
    columns: Vec<usize>,
    key: Vec<usize>,
}

struct Line {
    op: u8,
    is_update: bool,
    commit_ts: Ts,
}

impl CsvEncoder {
    /// An encoder with these settings.
    pub fn new(options: CsvOptions) -> Self {
        let zone = Zone::new(options.time_zone.clone());
        let quote = options
            .quote
            .map(|c| c.to_string().into_bytes())
            .unwrap_or_default();
        CsvEncoder {
            options,
            quote,
            zone,
            tables: TableCache::default(),
            scratch: Vec::new(),
        }
    }

    fn lines(&mut self, row: Row<'_>, prepared: &Prepared, commit_ts: Ts, out: &mut Vec<u8>) -> Result<()> {
        let line = |op, is_update| Line {
            op,
            is_update,
            commit_ts,
        };
        match (row.op(), row.before(), row.after()) {
            (RowOp::Update, Some(before), Some(_)) if self.options.output_old_value => {
                self.line(&line(b'D', true), row.table(), prepared, before, out)?;
                let after = row.after().unwrap_or(before);
                self.line(&line(b'I', true), row.table(), prepared, after, out)
            }
            (RowOp::Update, _, Some(after)) => {
                self.line(&line(b'U', true), row.table(), prepared, after, out)
            }
            (RowOp::Insert, _, Some(after)) => {
                self.line(&line(b'I', false), row.table(), prepared, after, out)
            }
            (_, Some(before), _) => self.line(&line(b'D', false), row.table(), prepared, before, out),
            _ => Ok(()),
        }
    }

    fn line(
        &mut self,
        line: &Line,
        table: &TableInfo,
        prepared: &Prepared,
        image: Image<'_>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        self.string(&[line.op], out);
        out.extend_from_slice(&prepared.names);
        if self.options.include_commit_ts {
            self.delimit(out);
            text::uint(out, line.commit_ts.as_u64());
        }
        if self.options.output_old_value {
            self.delimit(out);
            out.extend_from_slice(if line.is_update { b"true" } else { b"false" });
        }
        if self.options.output_handle_key {
            self.delimit(out);
            self.handle_key(table, prepared, image, out)?;
        }
        for &index in &prepared.columns {
            self.delimit(out);
            self.value(&table.columns[index], image.get(index), out)?;
        }
        out.extend_from_slice(self.options.terminator.as_bytes());
        Ok(())
    }

    fn delimit(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.options.delimiter.as_bytes());
    }

    fn handle_key(
        &mut self,
        table: &TableInfo,
        prepared: &Prepared,
        image: Image<'_>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let mut key = Vec::new();
        for (i, &index) in prepared.key.iter().enumerate() {
            if i > 0 {
                key.push(b',');
            }
            let column = &table.columns[index];
            if !self.bare(column, image.get(index), &mut key)? {
                self.raw(column, image.get(index), &mut key)?;
            }
        }
        self.string(&key, out);
        Ok(())
    }

    fn value(&mut self, column: &ColumnInfo, datum: Datum<'_>, out: &mut Vec<u8>) -> Result<()> {
        if datum.is_null() {
            out.extend_from_slice(self.options.null.as_bytes());
            return Ok(());
        }
        if self.bare(column, datum, out)? {
            return Ok(());
        }
        // Values that need no escaping go straight between the quotes.
        let harmless = matches!(
            datum,
            Datum::Decimal(_) | Datum::Date(_) | Datum::DateTime(_) | Datum::Timestamp(_) | Datum::Time(_)
        );
        if harmless && !self.quote.is_empty() {
            out.extend_from_slice(&self.quote);
            self.raw(column, datum, out)?;
            out.extend_from_slice(&self.quote);
        } else if let Datum::Text(bytes) = datum {
            self.string(bytes, out);
        } else {
            let mut scratch = std::mem::take(&mut self.scratch);
            scratch.clear();
            let written = self.raw(column, datum, &mut scratch);
            self.string(&scratch, out);
            self.scratch = scratch;
            written?;
        }
        Ok(())
    }

    /// Numbers are written without quotes; `false`: the value is a string.
    fn bare(&self, column: &ColumnInfo, datum: Datum<'_>, out: &mut Vec<u8>) -> Result<bool> {
        match datum {
            Datum::Absent => return Err(text::absent(column)),
            Datum::Int(v) => text::int(out, v),
            Datum::UInt(v) | Datum::Bit(v) => text::uint(out, v),
            Datum::Year(v) => text::uint(out, v.into()),
            Datum::Float(v) => {
                let v = if v.is_finite() { v } else { 0.0 };
                let plain = v == 0.0 || (1e-4..1e6).contains(&v.abs());
                float(out, plain, format_args!("{v}"), format_args!("{v:e}"));
            }
            Datum::Double(v) => {
                let v = if v.is_finite() { v } else { 0.0 };
                let plain = v == 0.0 || (1e-4..1e6).contains(&v.abs());
                float(out, plain, format_args!("{v}"), format_args!("{v:e}"));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Appends a string value unquoted.
    fn raw(&mut self, column: &ColumnInfo, datum: Datum<'_>, out: &mut Vec<u8>) -> Result<()> {
        match datum {
            Datum::Text(bytes) => out.extend_from_slice(bytes),
            Datum::Json(v) | Datum::Decimal(v) => out.extend_from_slice(v.as_bytes()),
            Datum::Enum(v) => out.extend_from_slice(text::enum_member(column, v)?.as_bytes()),
            Datum::Set(v) => {
                for (i, member) in text::set_members(column, v)?.enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    out.extend_from_slice(member.as_bytes());
                }
            }
            Datum::Vector(bytes) => text::vector(out, bytes),
            Datum::Bytes(bytes)
                if matches!(
                    column.ty,
                    ColumnType::Uuid | ColumnType::Inet4 | ColumnType::Inet6
                ) =>
            {
                if !text::address(out, &column.ty, bytes) {
                    return Err(CdcError::new(
                        ErrorCode::CorruptedDataMutation,
                        format_args!("column {} holds {} bytes", column.name, bytes.len()),
                    ));
                }
            }
            Datum::Bytes(bytes) | Datum::Geometry(bytes) => self.binary(bytes, out),
            other => {
                text::temporal(out, column, other, &mut self.zone);
            }
        }
        Ok(())
    }

    fn binary(&self, bytes: &[u8], out: &mut Vec<u8>) {
        match self.options.binary_encoding {
            BinaryEncoding::Base64 => text::base64(out, bytes),
            BinaryEncoding::Hex => bytes.iter().for_each(|&byte| text::hex_byte(out, byte)),
        }
    }

    /// Quotes, or escapes when there is no quote. Undecodable UTF-8 becomes U+FFFD.
    fn string(&self, bytes: &[u8], out: &mut Vec<u8>) {
        if self.quote.is_empty() {
            self.escaped(&String::from_utf8_lossy(bytes), out);
            return;
        }
        out.extend_from_slice(&self.quote);
        if std::str::from_utf8(bytes).is_ok() {
            // Many bytes at once, where the chunks go byte by byte.
            self.doubled(bytes, out);
        } else {
            for chunk in bytes.utf8_chunks() {
                self.doubled(chunk.valid().as_bytes(), out);
                if !chunk.invalid().is_empty() {
                    out.extend_from_slice("\u{fffd}".as_bytes());
                }
            }
        }
        out.extend_from_slice(&self.quote);
    }

    fn doubled(&self, bytes: &[u8], out: &mut Vec<u8>) {
        let quote = &self.quote[..];
        let mut rest = bytes;
        while let Some(at) = find(rest, quote) {
            out.extend_from_slice(&rest[..at + quote.len()]);
            out.extend_from_slice(quote);
            rest = &rest[at + quote.len()..];
        }
        out.extend_from_slice(rest);
    }

    fn escaped(&self, text: &str, out: &mut Vec<u8>) {
        let delimiter = self.options.delimiter.as_str();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            if rest.starts_with(delimiter) {
                for c in delimiter.chars() {
                    out.push(b'\\');
                    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                rest = &rest[delimiter.len()..];
                continue;
            }
            match c {
                '\r' => out.extend_from_slice(b"\\r"),
                '\n' => out.extend_from_slice(b"\\n"),
                '\\' => out.extend_from_slice(b"\\\\"),
                _ => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
            rest = &rest[c.len_utf8()..];
        }
    }

    fn prepare(&self, table: &TableInfo) -> Prepared {
        let mut names = Vec::new();
        for name in [&table.name.table, &table.name.schema] {
            self.delimit(&mut names);
            self.string(name.as_bytes(), &mut names);
        }
        Prepared {
            names,
            columns: shown_columns(table).map(|(index, _)| index).collect(),
            key: table
                .handle()
                .map(|index| index.columns.clone())
                .unwrap_or_default(),
        }
    }
}

impl Encoder for CsvEncoder {
    fn start_file(&mut self, table: &TableInfo, out: &mut Vec<u8>) {
        if !self.options.output_field_header {
            return;
        }
        let mut names = vec!["ticdc-meta$operation", "ticdc-meta$table", "ticdc-meta$schema"];
        if self.options.include_commit_ts {
            names.push("ticdc-meta$commit-ts");
        }
        if self.options.output_old_value {
            names.push("ticdc-meta$is-update");
        }
        if self.options.output_handle_key {
            names.push("ticdc-meta$handle-key");
        }
        names.extend(shown_columns(table).map(|(_, column)| &*column.name));
        out.extend_from_slice(names.join(&self.options.delimiter).as_bytes());
        out.extend_from_slice(self.options.terminator.as_bytes());
    }

    fn row(&mut self, row: Row<'_>, commit_ts: Ts, _now_ms: u64, out: &mut Vec<u8>) -> Result<()> {
        let mut tables = std::mem::take(&mut self.tables);
        let prepared: Arc<Prepared> = tables.get(row.table(), |table| self.prepare(table));
        self.tables = tables;
        let start = out.len();
        let result = self.lines(row, &prepared, commit_ts, out);
        if result.is_err() {
            out.truncate(start);
        }
        result
    }

    fn extension(&self) -> &'static str {
        "csv"
    }
}

fn shown_columns(table: &TableInfo) -> impl Iterator<Item = (usize, &ColumnInfo)> {
    table
        .columns
        .iter()
        .enumerate()
        .filter(|(_, column)| column.generated != Generated::Virtual)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    match needle {
        [byte] => haystack.iter().position(|b| b == byte),
        _ => haystack.windows(needle.len()).position(|window| window == needle),
    }
}

/// Appends a float as Go prints it: plain within 1e-4 <= |x| < 1e6 (and 0), else `d.ddde+XX` with at least two
/// exponent digits.
fn float(out: &mut Vec<u8>, is_plain: bool, plain: fmt::Arguments<'_>, scientific: fmt::Arguments<'_>) {
    if is_plain {
        out.write_fmt(plain).expect("a Vec takes any number of bytes");
        return;
    }
    let start = out.len();
    out.write_fmt(scientific)
        .expect("a Vec takes any number of bytes");
    let Some(e) = out[start..].iter().position(|&b| b == b'e').map(|at| start + at) else {
        return;
    };
    let mut exponent = out.split_off(e + 1);
    let sign = if exponent.first() == Some(&b'-') {
        exponent.remove(0);
        b'-'
    } else {
        b'+'
    };
    out.push(sign);
    if exponent.len() < 2 {
        out.push(b'0');
    }
    out.append(&mut exponent);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_take_the_exponent_form_outside_the_plain_range() {
        let column = ColumnInfo {
            name: "f".into(),
            ty: tidegate_model::ColumnType::Double,
            nullable: true,
            unsigned: false,
            zerofill: false,
            charset: "binary".into(),
            collation: None,
            default: None,
            generated: Generated::No,
            display_width: None,
        };
        let encoder = CsvEncoder::new(CsvOptions::default());
        let check = |datum, expect: &str| {
            let mut out = Vec::new();
            assert!(encoder.bare(&column, datum, &mut out).unwrap());
            assert_eq!(String::from_utf8(out).unwrap(), expect);
        };
        check(Datum::Double(123_456.5), "123456.5");
        check(Datum::Double(1_234_567.5), "1.2345675e+06");
        check(Datum::Double(1e6), "1e+06");
        check(Datum::Double(-1e-5), "-1e-05");
        check(Datum::Double(0.0001), "0.0001");
        check(Datum::Double(1e100), "1e+100");
        check(Datum::Double(0.0), "0");
        check(Datum::Double(f64::NAN), "0");
        // As a wider number this one lies below the limit.
        check(Datum::Float(0.0001), "0.0001");
        check(Datum::Float(1e-5), "1e-05");
        check(Datum::Float(999_999.9), "999999.9");
        check(Datum::Float(-1e6), "-1e+06");
        check(Datum::Float(f32::INFINITY), "0");
    }
}
