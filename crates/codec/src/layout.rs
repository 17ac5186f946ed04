//! Names below the root of a storage sink.
//!
//! ```text
//! metadata                                                      how far the files are complete
//! {schema}/meta/schema_{version}_{checksum}.json                schema-level DDL
//! {schema}/{table}/meta/schema_{version}_{checksum}.json        table schema, table DDL
//! {schema}/{table}/{version}/[{date}/]CDC{number}.{extension}   rows
//! {schema}/{table}/{version}/[{date}/]meta/CDC.index            newest file name of that directory
//! ```

use tidegate_model::{CdcError, DateTime, ErrorCode, Result, TableName, Ts};

/// Granularity of the date level.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub enum DateSeparator {
    /// No date level.
    None,
    /// `2024`
    Year,
    /// `2024-05`
    Month,
    /// `2024-05-01`
    #[default]
    Day,
}

impl DateSeparator {
    /// The text of the date level for a local time; `None` without one.
    pub fn format(self, local: DateTime) -> Option<String> {
        match self {
            DateSeparator::None => None,
            DateSeparator::Year => Some(format!("{:04}", local.year)),
            DateSeparator::Month => Some(format!("{:04}-{:02}", local.year, local.month)),
            DateSeparator::Day => Some(format!("{:04}-{:02}-{:02}", local.year, local.month, local.day)),
        }
    }
}

/// A schema or table name as one path component: `/`, `\`, NUL and `%` are written `%XX`, and the names `.` and `..`
/// have their dots written so, because names must never lead out of the sink's directory.
pub fn escape_name(name: &str) -> String {
    let only_dots = matches!(name, "." | "..");
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '/' => out.push_str("%2F"),
            '\\' => out.push_str("%5C"),
            '\0' => out.push_str("%00"),
            '%' => out.push_str("%25"),
            '.' if only_dots => out.push_str("%2E"),
            _ => out.push(c),
        }
    }
    out
}

/// The directory of a schema. The name `metadata` belongs to a file at the root, so a schema of that name gives way.
pub(crate) fn schema_name(schema: &str) -> String {
    if schema.eq_ignore_ascii_case(METADATA) {
        format!("%{:02X}{}", schema.as_bytes()[0], &schema[1..])
    } else {
        escape_name(schema)
    }
}

/// Directory of the data files of a table version, relative to the root, without trailing slash.
pub fn data_dir(table: &TableName, version: Ts, date: Option<&str>) -> String {
    let mut dir = format!(
        "{}/{}/{version}",
        schema_name(&table.schema),
        escape_name(&table.table)
    );
    if let Some(date) = date {
        dir.push('/');
        dir.push_str(date);
    }
    dir
}

/// Name of the progress file.
const METADATA: &str = "metadata";

/// Prefix of data file names.
const DATA_FILE_PREFIX: &str = "CDC";

/// Name of data file `number` (from 1) with `width` digits.
pub fn data_file_name(number: u64, width: usize, extension: &str) -> String {
    format!("{DATA_FILE_PREFIX}{number:0width$}.{extension}")
}

/// The number of a data file from its name, as an index file holds it.
///
/// # Errors
/// `StorageSinkInvalidFileName` when the name is none of ours.
pub fn parse_data_file_name(name: &str, extension: &str) -> Result<u64> {
    let name = name.trim_end_matches(['\r', '\n']);
    name.strip_prefix(DATA_FILE_PREFIX)
        .and_then(|rest| rest.strip_suffix(extension))
        .and_then(|rest| rest.strip_suffix('.'))
        .filter(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| {
            CdcError::new(
                ErrorCode::StorageSinkInvalidFileName,
                format_args!("not the name of a data file: {name:?}"),
            )
        })
}

/// Whether a file bears the name of a data file, of any format.
pub fn is_data_file_name(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, extension)| {
        matches!(extension, "csv" | "json") && parse_data_file_name(name, extension).is_ok()
    })
}

/// Path (relative to a data directory) and content of the index file that names the newest data file.
pub fn index_file(newest: &str) -> (&'static str, String) {
    ("meta/CDC.index", format!("{newest}\n"))
}

/// Name and content of the file that tells how far the files are complete.
pub fn metadata(checkpoint: Ts) -> (&'static str, String) {
    (METADATA, format!("{{\"checkpoint-ts\":{checkpoint}}}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_below_the_root() {
        let table = TableName::new("..", "a/../b%\\");
        assert_eq!(
            data_dir(&table, Ts::from_u64(7), Some("2024-05-01")),
            "%2E%2E/a%2F..%2Fb%25%5C/7/2024-05-01"
        );
        assert_eq!(
            data_dir(&TableName::new("shop", "o.rders"), Ts::from_u64(7), None),
            "shop/o.rders/7"
        );
        assert_eq!(
            data_dir(&TableName::new("metadata", "metadata"), Ts::from_u64(7), None),
            "%6Detadata/metadata/7"
        );
    }

    #[test]
    fn file_names_read_back() {
        assert_eq!(data_file_name(5, 20, "csv"), "CDC00000000000000000005.csv");
        assert_eq!(parse_data_file_name("CDC000005.csv\n", "csv").unwrap(), 5);
        for bad in [
            "",
            "CDC.csv",
            "CDCx.csv",
            "CDC1.json",
            "1.csv",
            "CDC+1.csv",
            "CDC99999999999999999999999.csv",
        ] {
            assert_eq!(
                parse_data_file_name(bad, "csv").unwrap_err().code(),
                ErrorCode::StorageSinkInvalidFileName
            );
        }
    }

    #[test]
    fn dates_have_the_configured_granularity() {
        let at = DateTime {
            year: 2024,
            month: 5,
            day: 1,
            ..DateTime::default()
        };
        let text = |separator: DateSeparator| separator.format(at);
        assert_eq!(text(DateSeparator::None), None);
        assert_eq!(text(DateSeparator::Year).as_deref(), Some("2024"));
        assert_eq!(text(DateSeparator::Month).as_deref(), Some("2024-05"));
        assert_eq!(text(DateSeparator::Day).as_deref(), Some("2024-05-01"));
    }

    #[test]
    fn metadata_is_compact() {
        assert_eq!(
            metadata(Ts::from_u64(449_463_347_904_512_000)).1,
            "{\"checkpoint-ts\":449463347904512000}"
        );
    }
}
