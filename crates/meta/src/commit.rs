//! Applies transactions to the tables of the embedded store.

use redb::{ReadableTable, Table, TableDefinition};
use tidegate_model::{CdcError, ErrorCode, Result, ResultExt};

use crate::seal::Keyring;
use crate::store::{MetaTxn, Revision, Versioned, Write};

/// Key to value: the revision as 8 little-endian bytes, then the user's bytes as [`Keyring`] seals them.
pub(crate) const DATA: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("data");
/// Numbers about the store itself.
pub(crate) const HEADER: TableDefinition<'_, &str, u64> = TableDefinition::new("header");
/// In [`HEADER`]: version of the layout of this file.
pub(crate) const FORMAT_KEY: &str = "format";
/// In [`HEADER`]: revision of the newest commit.
pub(crate) const REVISION_KEY: &str = "revision";
/// In [`HEADER`]: id of the key that every sealed value of the file is sealed with.
pub(crate) const SEAL_KEY: &str = "seal-key";
/// The layout: values are sealed.
pub(crate) const FORMAT: u64 = 2;
/// The first layout: values in clear.
pub(crate) const FORMAT_CLEAR: u64 = 1;

const REVISION_BYTES: usize = 8;

/// Reads what is stored under `key`.
pub(crate) fn decode(keys: &Keyring, key: &str, stored: &[u8]) -> Result<Versioned> {
    let (revision, value) = split(stored)?;
    Ok(Versioned {
        value: keys.open(key, value)?,
        revision,
    })
}

/// Splits a stored value into its revision and the rest.
pub(crate) fn split(stored: &[u8]) -> Result<(Revision, &[u8])> {
    let (revision, value) = stored.split_first_chunk::<REVISION_BYTES>().ok_or_else(|| {
        CdcError::new(
            ErrorCode::DataDirCorrupt,
            "a value of the meta store is shorter than its revision",
        )
    })?;
    Ok((Revision::from_le_bytes(*revision), value))
}

/// What is stored under `key`.
pub(crate) fn encode(keys: &Keyring, key: &str, revision: Revision, value: &[u8]) -> Result<Vec<u8>> {
    let sealed = keys.seal(key, value)?;
    Ok([&revision.to_le_bytes()[..], &sealed].concat())
}

/// Applies `txn` as `revision` if all its comparisons hold; writes nothing otherwise.
pub(crate) fn apply(
    keys: &Keyring,
    data: &mut Table<'_, &'static str, &'static [u8]>,
    txn: &MetaTxn,
    revision: Revision,
) -> Result<()> {
    for compare in &txn.compares {
        let stored = data
            .get(compare.key.as_str())
            .code(ErrorCode::MetaStore, "cannot read the meta store")?;
        let found = match stored {
            Some(stored) => split(stored.value())?.0,
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
            Write::Put(key, value) => {
                data.insert(key.as_str(), encode(keys, key, revision, value)?.as_slice())
            }
            Write::Delete(key) => data.remove(key.as_str()),
        }
        .code(ErrorCode::MetaStore, "cannot write the meta store")?;
    }
    Ok(())
}
