//! Where the rows of one table go: directory of its schema version, and the number of the next file in it.

use std::sync::Arc;

use tidegate_codec::{SchemaFile, data_dir, data_file_name, index_file, parse_data_file_name, schema_dir};
use tidegate_failpoint::{Point, hit};
use tidegate_model::{Result, TableInfo, Ts};

use super::config::StorageConfig;
use super::draft::Published;
use super::store::{self, Store};

/// The place of one table version, found once and kept while rows of that version arrive.
pub(crate) struct TableFiles {
    table: Arc<TableInfo>,
    version: Ts,
    open: Option<Dir>,
    /// Bytes in memory of the rows of the file before, and bytes of that file.
    last: (usize, usize),
}

struct Dir {
    /// The date it was opened at.
    date: Option<String>,
    path: String,
    next_number: u64,
}

impl TableFiles {
    /// Finds the version directory of `table`, writing its schema file when none describes these columns yet.
    ///
    /// A schema file with the same columns is reused, so that a restart without a schema change goes on in the old
    /// directory: the newest up to this version, unless a schema change lies between. Columns may be the same after
    /// a change, as after TRUNCATE, but rows after it must not be read before it.
    pub(crate) async fn locate(
        config: &StorageConfig,
        store: &dyn Store,
        table: &Arc<TableInfo>,
    ) -> Result<Self> {
        let file = SchemaFile::of_table(table, table.version, config.output_column_id);
        let dir = schema_dir(&table.name);
        let listing = store.list(dir.clone()).await?;
        let known: Vec<(Ts, u32)> = listing
            .files
            .iter()
            .filter_map(|name| SchemaFile::parse_name(name))
            .collect();
        let version = reusable(&known, table.version, file.checksum());
        if version.is_none() {
            let path = format!("{dir}/{}", file.file_name());
            store.replace(path, file.content()).await?;
            hit(Point::SchemaFile);
        }
        Ok(TableFiles {
            table: Arc::clone(table),
            version: version.unwrap_or(table.version),
            open: None,
            last: (1, 1),
        })
    }

    /// Whether rows of `table` belong here.
    pub(crate) fn fits(&self, table: &Arc<TableInfo>) -> bool {
        Arc::ptr_eq(&self.table, table)
            || (self.table.version == table.version
                && self.table.id == table.id
                && self.table.columns == table.columns)
    }

    /// Begins the next data file: index first, so that a crash between the two reuses the number. It counts once
    /// [`TableFiles::published`] was called.
    pub(crate) async fn begin(
        &mut self,
        config: &StorageConfig,
        store: &dyn Store,
        date: Option<&str>,
    ) -> Result<Box<dyn store::Draft>> {
        let extension = config.format.extension();
        let dir = match self.open.take() {
            Some(dir) if dir.date.as_deref() == date => dir,
            _ => self.open_dir(store, extension, date).await?,
        };
        let dir = self.open.insert(dir);
        let name = data_file_name(dir.next_number, config.file_index_width, extension);
        let (index_path, index_content) = index_file(&name);
        let index_path = format!("{}/{index_path}", dir.path);
        store.replace(index_path, index_content.into_bytes()).await?;
        hit(Point::IndexFile);
        store.begin(format!("{}/{name}", dir.path)).await
    }

    /// The file begun last is complete.
    pub(crate) fn published(&mut self, file: &Published) {
        if let Some(dir) = &mut self.open {
            dir.next_number += 1;
        }
        self.last = (file.source_bytes.max(1), file.bytes);
    }

    /// How many bytes of a file rows of `source_bytes` in memory will make, judging by the file before.
    pub(crate) fn encoded_bytes(&self, source_bytes: usize) -> usize {
        let (source, encoded) = self.last;
        let estimate = source_bytes as u128 * encoded as u128 / source as u128;
        usize::try_from(estimate).unwrap_or(usize::MAX)
    }

    /// Consumers read the dates in their order, so a clock that was set back must not bring back an earlier one.
    async fn newest_date(&self, store: &dyn Store, today: &str) -> Result<String> {
        let listing = store.list(data_dir(&self.table.name, self.version, None)).await?;
        Ok(latest_date(listing.dirs, today))
    }

    async fn open_dir(&self, store: &dyn Store, extension: &str, date: Option<&str>) -> Result<Dir> {
        let newest = match date {
            Some(today) => Some(self.newest_date(store, today).await?),
            None => None,
        };
        let path = data_dir(&self.table.name, self.version, newest.as_deref());
        let next_number = next_number(store, &path, extension).await?;
        Ok(Dir {
            date: date.map(str::to_owned),
            path,
            next_number,
        })
    }
}

/// The later one of `today` and the dates among `dirs`.
fn latest_date(dirs: Vec<String>, today: &str) -> String {
    let is_date = |name: &String| name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let newest = dirs.into_iter().filter(is_date).max();
    newest
        .filter(|newest| **newest > *today)
        .unwrap_or_else(|| today.to_owned())
}

/// The version among the schema files `known` whose directory takes rows of `version` with columns of `checksum`.
fn reusable(known: &[(Ts, u32)], version: Ts, checksum: u32) -> Option<Ts> {
    let newest = known
        .iter()
        .map(|(at, _)| *at)
        .filter(|at| *at <= version)
        .max()?;
    known.contains(&(newest, checksum)).then_some(newest)
}

/// The number after the newest file; its own number again when the index was written but the file was not.
async fn next_number(store: &dyn Store, dir: &str, extension: &str) -> Result<u64> {
    let (index_path, _) = index_file("");
    let Some(index) = store.read(format!("{dir}/{index_path}")).await? else {
        return Ok(1);
    };
    let newest = String::from_utf8_lossy(&index);
    let number = parse_data_file_name(&newest, extension)?;
    let is_there = store.has_content(format!("{dir}/{}", newest.trim_end())).await?;
    Ok(if is_there { number + 1 } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The clock of a server was set back over midnight, and the rows that followed came before those of the day after.
    #[test]
    fn an_earlier_date_does_not_come_back() {
        let check = |dirs: &[&str], today: &str, expect: &str| {
            let dirs = dirs.iter().map(|&dir| dir.to_owned()).collect();
            assert_eq!(latest_date(dirs, today), expect);
        };
        check(&[], "2024-05-01", "2024-05-01");
        check(&["2024-04-30", "meta"], "2024-05-01", "2024-05-01");
        check(&["2024-04-30", "2024-05-02"], "2024-05-01", "2024-05-02");
        // The separator was changed.
        check(&["2024-05-02"], "2024-05", "2024-05-02");
    }

    #[test]
    fn a_version_is_reused_unless_a_change_lies_between() {
        let check = |known: &[(u64, u32)], expect: Option<u64>| {
            let known: Vec<_> = known
                .iter()
                .map(|(version, checksum)| (Ts::from_u64(*version), *checksum))
                .collect();
            assert_eq!(
                reusable(&known, Ts::from_u64(20), 7),
                expect.map(Ts::from_u64),
                "{known:?}"
            );
        };
        check(&[], None);
        check(&[(5, 7)], Some(5));
        check(&[(5, 7), (9, 7)], Some(9));
        // The file of a statement that left the columns alone, and whose columns were not known.
        check(&[(5, 7), (9, 0)], None);
        check(&[(5, 7), (20, 0)], None);
        check(&[(5, 7), (20, 0), (20, 7)], Some(20));
        check(&[(5, 8)], None);
        // After a rewind: what comes later says nothing about rows of now.
        check(&[(5, 7), (30, 7)], Some(5));
        check(&[(30, 7)], None);
    }
}
