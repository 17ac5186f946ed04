//! Writes a store anew under another key: what the old file held in clear, or under a key that is to be given up, is
//! in no page of the new one.

use std::path::Path;

use redb::{Database, ReadableDatabase, ReadableTable, TableHandle};
use tidegate_model::{CdcError, ErrorCode, Result, ResultExt};

use crate::commit::{DATA, FORMAT_CLEAR, FORMAT_KEY, REVISION_KEY, SEAL_KEY, encode, split};
use crate::keys;
use crate::seal::{KeyId, Keyring};
use crate::store_file::{read_header, write_header};

/// Changefeeds that a message names.
const NAMED_MAX: usize = 3;
const READ_FAILED: &str = "cannot read the meta store";
const WRITE_FAILED: &str = "cannot write the meta store";

/// Whether the file is not sealed under the key that writes.
///
/// # Errors
/// `EncryptionKey` naming the changefeeds and the key, when the file's key is not among `keys`.
pub(crate) fn is_due(db: &Database, keys: &Keyring) -> Result<bool> {
    let Some(sealed_with) = key_of(db)? else {
        return Ok(true);
    };
    if keys.holds(sealed_with) {
        return Ok(keys.writer() != Some(sealed_with));
    }
    Err(CdcError::new(
        ErrorCode::EncryptionKey,
        format_args!(
            "{} encrypted with key {sealed_with}, which is not among the keys {keys:?} of this server",
            whose(db)?
        ),
    ))
}

/// Copies everything, revisions included, into a new file at `path`.
///
/// # Errors
/// `DataDirCorrupt` for a record that cannot be opened, `MetaStore` when the disk refuses.
pub(crate) fn write_anew(db: &Database, path: &Path, keys: &Keyring) -> Result<()> {
    let sealed = key_of(db)?.is_some();
    let revision = header(db, REVISION_KEY)?.unwrap_or_default();
    let new = Database::create(path).code(ErrorCode::MetaStore, WRITE_FAILED)?;
    let txn = new.begin_write().code(ErrorCode::MetaStore, WRITE_FAILED)?;
    write_header(&txn, revision, keys)?;
    let mut count = 0_usize;
    {
        let mut target = txn.open_table(DATA).code(ErrorCode::MetaStore, WRITE_FAILED)?;
        let source = db.begin_read().code(ErrorCode::MetaStore, READ_FAILED)?;
        let source = source.open_table(DATA).code(ErrorCode::MetaStore, READ_FAILED)?;
        for pair in source.iter().code(ErrorCode::MetaStore, READ_FAILED)? {
            let (key, stored) = pair.code(ErrorCode::MetaStore, READ_FAILED)?;
            let (revision, value) = split(stored.value())?;
            let value = if sealed {
                keys.open(key.value(), value)?
            } else {
                value.to_vec()
            };
            let again = encode(keys, key.value(), revision, &value)?;
            target
                .insert(key.value(), again.as_slice())
                .code(ErrorCode::MetaStore, WRITE_FAILED)?;
            count += 1;
        }
    }
    txn.commit().code(ErrorCode::MetaStore, WRITE_FAILED)?;
    let key = keys.writer().map(|key| key.to_string()).unwrap_or_default();
    tracing::info!(records = count, key, "encrypted the meta store under another key");
    Ok(())
}

/// The key of the file; `None` for the layout in clear.
fn key_of(db: &Database) -> Result<Option<KeyId>> {
    if header(db, FORMAT_KEY)? == Some(FORMAT_CLEAR) {
        return Ok(None);
    }
    match header(db, SEAL_KEY)? {
        Some(key) => Ok(Some(KeyId(key))),
        None => Err(CdcError::new(
            ErrorCode::DataDirCorrupt,
            "the header of the meta store does not name its key",
        )),
    }
}

fn header(db: &Database, name: &str) -> Result<Option<u64>> {
    read_header(db, name).code(ErrorCode::MetaStore, READ_FAILED)
}

/// `changefeed default/a is` or `changefeeds default/a, default/b and 3 others are`.
fn whose(db: &Database) -> Result<String> {
    let table = db
        .begin_read()
        .code(ErrorCode::MetaStore, READ_FAILED)?
        .open_table(DATA)
        .code(ErrorCode::MetaStore, READ_FAILED)?;
    let mut names = Vec::new();
    for pair in table.iter().code(ErrorCode::MetaStore, READ_FAILED)? {
        let (key, _) = pair.code(ErrorCode::MetaStore, READ_FAILED)?;
        names.extend(keys::changefeed_of(key.value()));
    }
    let others = names.len().saturating_sub(NAMED_MAX);
    names.truncate(NAMED_MAX);
    Ok(match (names.as_slice(), others) {
        ([], _) => format!("the table {} is", DATA.name()),
        ([name], _) => format!("changefeed {name} is"),
        (names, 0) => format!("changefeeds {} are", names.join(", ")),
        (names, others) => format!("changefeeds {} and {others} others are", names.join(", ")),
    })
}
