//! Applies transactions to the tables of the embedded store.

use redb::{ReadableTable, Table, TableDefinition};
use tidegate_model::{CdcError, ErrorCode, Result, ResultExt};

use crate::store::{MetaTxn, Revision, Versioned, Write};

/// Key to value: the revision as 8 little-endian bytes, then the user's bytes.
pub(crate) const DATA: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("data");
/// Numbers about the store itself.
pub(crate) const HEADER: TableDefinition<'_, &str, u64> = TableDefinition::new("header");
/// In [`HEADER`]: version of the layout of this file.
pub(crate) const FORMAT_KEY: &str = "format";
/// In [`HEADER`]: revision of the newest commit.
pub(crate) const REVISION_KEY: &str = "revision";
/// The only layout so far.
pub(crate) const FORMAT: u64 = 1;

const REVISION_BYTES: usize = 8;

/// Splits a stored value into revision and user bytes.
pub(crate) fn decode(stored: &[u8]) -> Result<Versioned> {
    let (revision, value) = stored.split_first_chunk::<REVISION_BYTES>().ok_or_else(|| {
        CdcError::new(
            ErrorCode::DataDirCorrupt,
            "a value of the meta store is shorter than its revision",
        )
    })?;
    Ok(Versioned {
        value: value.to_vec(),
        revision: Revision::from_le_bytes(*revision),
    })
}

fn encode(revision: Revision, value: &[u8]) -> Vec<u8> {
    let mut stored = Vec::with_capacity(REVISION_BYTES + value.len());
    stored.extend_from_slice(&revision.to_le_bytes());
    stored.extend_from_slice(value);
    stored
}

/// Applies `txn` as `revision` if all its comparisons hold; writes nothing otherwise.
pub(crate) fn apply(
    data: &mut Table<'_, &'static str, &'static [u8]>,
    txn: &MetaTxn,
    revision: Revision,
) -> Result<()> {
    for compare in &txn.compares {
        let stored = data
            .get(compare.key.as_str())
            .code(ErrorCode::MetaStore, "cannot read the meta store")?;
        let found = match stored {
            Some(stored) => decode(stored.value())?.revision,
            None => 0,
        };
        if found != compare.revision {
            return Err(CdcError::new(
                ErrorCode::MetaOpFailed,
                format_args!(
                    "unexpected meta operation failure: {} was changed by somebody else",
                    compare.key
                ),
            ));
        }
    }
    for write in &txn.writes {
        match write {
            Write::Put(key, value) => data.insert(key.as_str(), encode(revision, value).as_slice()),
            Write::Delete(key) => data.remove(key.as_str()),
        }
        .code(ErrorCode::MetaStore, "cannot write the meta store")?;
    }
    Ok(())
}
