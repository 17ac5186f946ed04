//! Bodies of the events that carry no rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::event::{
    AlterPhase, FormatDescription, GtidList, Incident, MariaDbGtid, MySqlGtid, Query, QueryStatus, Rotate,
    XaId, XaPrepare,
};
use super::inflate::inflate;
use super::read::{Fault, Parse, Reader};
use crate::gtid::GtidSet;
use crate::{Flavour, GroupId};

/// Body of an FDE without its trailing CRC.
pub(crate) fn format_description(body: &[u8]) -> Parse<FormatDescription> {
    let mut reader = Reader::new(body);
    if reader.u16()? != 4 {
        return Err(Fault::Invalid("the binlog is not of version 4"));
    }
    let version = reader.take(50)?;
    let version = version.split(|&byte| byte == 0).next().unwrap_or_default();
    let server_version = String::from_utf8_lossy(version).into_owned();
    let created = reader.u32()?;
    if reader.u8()? != 19 {
        return Err(Fault::Invalid("event headers are not of 19 bytes"));
    }
    let (&algorithm, post_header_bytes) = reader.rest().split_last().ok_or(Fault::Truncated)?;
    let checksum = match algorithm {
        0 | 255 => false,
        1 => true,
        _ => return Err(Fault::Invalid("the checksum algorithm is unknown")),
    };
    Ok(FormatDescription {
        flavour: if server_version.contains("MariaDB") {
            Flavour::MariaDb
        } else {
            Flavour::MySql
        },
        server_version,
        created,
        checksum,
        post_header_bytes: post_header_bytes.to_vec(),
    })
}

pub(crate) fn rotate(body: &[u8]) -> Parse<Rotate> {
    let mut reader = Reader::new(body);
    Ok(Rotate {
        position: reader.u64()?,
        file: String::from_utf8_lossy(reader.rest()).into_owned(),
    })
}

/// How a statement is packed.
#[derive(Copy, Clone, PartialEq, Eq)]
pub(crate) enum QueryForm {
    Plain,
    /// The text is compressed.
    Compressed,
    /// LOAD DATA: the numbers of the file and of the places in the text that name it stand before the settings.
    Load,
}

pub(crate) fn query(body: &Bytes, form: QueryForm) -> Parse<Query> {
    const LOAD_BYTES: usize = 13;
    let mut reader = Reader::new(body);
    let thread_id = reader.u32()?;
    let _run_seconds = reader.u32()?;
    let schema_len = usize::from(reader.u8()?);
    let error_code = reader.u16()?;
    let status_len = usize::from(reader.u16()?);
    if form == QueryForm::Load {
        reader.take(LOAD_BYTES)?;
    }
    let status = query_status(body, reader.skip(status_len)?, status_len)?;
    let schema_at = reader.skip(schema_len)?;
    if reader.u8()? != 0 {
        return Err(Fault::Invalid("the schema name does not end with a zero byte"));
    }
    let text = body.slice(reader.position()..);
    Ok(Query {
        thread_id,
        error_code,
        schema: body.slice(schema_at..schema_at + schema_len),
        text: match form {
            QueryForm::Compressed => inflate(&text)?.into(),
            QueryForm::Plain | QueryForm::Load => text,
        },
        status,
    })
}

/// Reads the settings in the order they were logged and stops at the first key it does not know, because its length
/// is unknown too.
fn query_status(body: &Bytes, start: usize, len: usize) -> Parse<QueryStatus> {
    let bytes = body.slice(start..start + len);
    let mut reader = Reader::new(&bytes);
    let mut status = QueryStatus::default();
    while !reader.is_empty() {
        match reader.u8()? {
            1 => status.sql_mode = Some(reader.u64()?),
            4 => {
                status.client_collation = Some(reader.u16()?);
                status.connection_collation = Some(reader.u16()?);
                status.server_collation = Some(reader.u16()?);
            }
            5 => {
                let len = usize::from(reader.u8()?);
                let at = reader.skip(len)?;
                status.time_zone = Some(bytes.slice(at..at + len));
            }
            8 => status.database_collation = Some(reader.u16()?),
            129 => status.xid = Some(reader.u64()?),
            key => {
                if !skip_status(&mut reader, key)? {
                    break;
                }
            }
        }
    }
    Ok(status)
}

/// Skips the value of a setting that we do not use; `false` if its length is not known.
fn skip_status(reader: &mut Reader<'_>, key: u8) -> Parse<bool> {
    let fixed = match key {
        0 | 3 | 10 => 4,
        7 | 18 => 2,
        9 | 17 => 8,
        13 | 128 => 3,
        16 | 19 | 20 => 1,
        // The extra flags of the GTID event; the end of a two-phase ALTER names its beginning.
        130 if reader.u8()? & (COMMIT_ALTER | ROLLBACK_ALTER) != 0 => 8,
        130 => 0,
        2 => usize::from(reader.u8()?) + 1,
        6 => usize::from(reader.u8()?),
        11 => {
            let user = usize::from(reader.u8()?);
            reader.take(user)?;
            usize::from(reader.u8()?)
        }
        12 => {
            let count = reader.u8()?;
            // 254 says "too many to list".
            for _ in 0..if count == 254 { 0 } else { count } {
                while reader.u8()? != 0 {}
            }
            0
        }
        131 => usize::from(reader.u8()?) * 4,
        _ => return Ok(false),
    };
    reader.take(fixed)?;
    Ok(true)
}

/// GTID and ANONYMOUS_GTID.
pub(crate) fn mysql_gtid(body: &[u8], anonymous: bool) -> Parse<MySqlGtid> {
    const ORIGINAL_FOLLOWS: u64 = 1 << 55;
    let mut reader = Reader::new(body);
    let may_have_statements = reader.u8()? & 1 != 0;
    let uuid = reader.array::<16>()?;
    let gno = reader.u64()?;
    let mut gtid = MySqlGtid {
        id: (!anonymous).then(|| GroupId::MySql {
            uuid,
            tag: "".into(),
            gno,
        }),
        may_have_statements,
        original_commit_us: 0,
        immediate_commit_us: 0,
        transaction_bytes: 0,
    };
    if reader.is_empty() || reader.u8()? != 2 {
        return Ok(gtid);
    }
    reader.take(16)?;
    if reader.rest().len() >= 7 {
        let immediate = reader.uint(7)?;
        gtid.immediate_commit_us = immediate & !ORIGINAL_FOLLOWS;
        gtid.original_commit_us = if immediate & ORIGINAL_FOLLOWS == 0 {
            immediate
        } else {
            reader.uint(7)?
        };
    }
    if !reader.is_empty() {
        gtid.transaction_bytes = reader.lenenc()?;
    }
    Ok(gtid)
}

/// GTID_TAGGED: a message of MySQL's serialization library, version 2: its size, the last field that may not be
/// ignored, then pairs of field number and value.
pub(crate) fn mysql_gtid_tagged(body: &[u8]) -> Parse<MySqlGtid> {
    let mut reader = Reader::new(body);
    if reader.u8()? != 2 {
        return Err(Fault::Invalid("the serialization version is unknown"));
    }
    let size = usize::try_from(varlen(&mut reader)?).map_err(|_| Fault::Truncated)?;
    let _last_needed_field = varlen(&mut reader)?;
    let fields = body.get(reader.position()..size).ok_or(Fault::Truncated)?;
    let mut reader = Reader::new(fields);
    let (mut uuid, mut tag, mut gno) = ([0; 16], Arc::from(""), 0);
    let (mut immediate, mut original, mut transaction_bytes, mut flags) = (0, None, 0, 0);
    while !reader.is_empty() {
        match varlen(&mut reader)? {
            0 => flags = varlen(&mut reader)?,
            1 => {
                for byte in &mut uuid {
                    *byte =
                        u8::try_from(varlen(&mut reader)?).map_err(|_| Fault::Invalid("bad UUID byte"))?;
                }
            }
            2 => gno = varlen(&mut reader)? >> 1,
            3 => {
                let len = usize::try_from(varlen(&mut reader)?).map_err(|_| Fault::Truncated)?;
                tag = String::from_utf8_lossy(reader.take(len)?).into();
            }
            6 => immediate = varlen(&mut reader)?,
            7 => original = Some(varlen(&mut reader)?),
            8 => transaction_bytes = varlen(&mut reader)?,
            4 | 5 | 9..=11 => {
                varlen(&mut reader)?;
            }
            // Fields are in ascending order: the first unknown one ends what we can read, and all that we need is
            // below it.
            _ => break,
        }
    }
    Ok(MySqlGtid {
        id: Some(GroupId::MySql { uuid, tag, gno }),
        may_have_statements: flags & 1 != 0,
        original_commit_us: original.unwrap_or(immediate),
        immediate_commit_us: immediate,
        transaction_bytes,
    })
}

/// Number of MySQL's serialization library: the trailing 1-bits of the first byte tell how many bytes follow it.
fn varlen(reader: &mut Reader<'_>) -> Parse<u64> {
    let first = reader.u8()?;
    let more = first.trailing_ones();
    let high = reader.uint(more as usize)?;
    Ok(match more {
        8 => high,
        7 => high,
        _ => u64::from(first >> (more + 1)) | high << (7 - more),
    })
}

pub(crate) fn mariadb_gtid(body: &Bytes, server: u32) -> Parse<MariaDbGtid> {
    const GROUP_COMMIT_ID: u8 = 0x02;
    const XA: u8 = 0x40 | 0x80;
    let mut reader = Reader::new(body);
    let seq = reader.u64()?;
    let domain = reader.u32()?;
    let flags = reader.u8()?;
    let commit_id = if flags & GROUP_COMMIT_ID != 0 {
        Some(reader.u64()?)
    } else {
        None
    };
    let xid = if flags & XA != 0 {
        let format_id = reader.u32()?;
        let (gtrid, bqual) = (reader.u8()?, reader.u8()?);
        Some(xa_id(body, &mut reader, format_id, gtrid.into(), bqual.into())?)
    } else {
        None
    };
    // Absent, or zero where the fixed part is padded to its length.
    let extra = reader.rest().first().copied().unwrap_or_default();
    Ok(MariaDbGtid {
        domain,
        server,
        seq,
        flags,
        commit_id,
        xid,
        alter: alter_phase(extra),
    })
}

const START_ALTER: u8 = 0x02;
const COMMIT_ALTER: u8 = 0x04;
const ROLLBACK_ALTER: u8 = 0x08;

fn alter_phase(extra_flags: u8) -> AlterPhase {
    if extra_flags & START_ALTER != 0 {
        AlterPhase::Start
    } else if extra_flags & ROLLBACK_ALTER != 0 {
        AlterPhase::Rollback
    } else if extra_flags & COMMIT_ALTER != 0 {
        AlterPhase::Commit
    } else {
        AlterPhase::None
    }
}

fn xa_id(body: &Bytes, reader: &mut Reader<'_>, format_id: u32, gtrid: usize, bqual: usize) -> Parse<XaId> {
    let gtrid_at = reader.skip(gtrid)?;
    let bqual_at = reader.skip(bqual)?;
    Ok(XaId {
        format_id,
        gtrid: body.slice(gtrid_at..gtrid_at + gtrid),
        bqual: body.slice(bqual_at..bqual_at + bqual),
    })
}

pub(crate) fn xa_prepare(body: &Bytes) -> Parse<XaPrepare> {
    let mut reader = Reader::new(body);
    let one_phase = reader.u8()? != 0;
    let format_id = reader.u32()?;
    let (gtrid, bqual) = (reader.u32()? as usize, reader.u32()? as usize);
    Ok(XaPrepare {
        one_phase,
        xid: xa_id(body, &mut reader, format_id, gtrid, bqual)?,
    })
}

pub(crate) fn gtid_list(body: &[u8]) -> Parse<GtidList> {
    let mut reader = Reader::new(body);
    let head = reader.u32()?;
    let (count, flags) = (head & 0x0fff_ffff, (head >> 28) as u8);
    let mut entries = Vec::new();
    for _ in 0..count {
        entries.push((reader.u32()?, reader.u32()?, reader.u64()?));
    }
    Ok(GtidList { entries, flags })
}

/// The set before this file, in either of its two encodings.
pub(crate) fn previous_gtids(body: &[u8]) -> Parse<GtidSet> {
    let mut reader = Reader::new(body);
    let head = reader.u64()?;
    let tagged = head >> 56 == 1;
    let count = if tagged { head << 8 >> 16 } else { head };
    let mut servers = BTreeMap::new();
    for _ in 0..count {
        let uuid = reader.array::<16>()?;
        let tag = if tagged {
            let len = usize::try_from(varlen(&mut reader)?).map_err(|_| Fault::Truncated)?;
            String::from_utf8_lossy(reader.take(len)?).into()
        } else {
            Arc::from("")
        };
        let mut intervals = Vec::new();
        for _ in 0..reader.u64()? {
            intervals.push((reader.u64()?, reader.u64()?));
        }
        servers.insert((uuid, tag), intervals);
    }
    Ok(GtidSet::MySql(servers))
}

pub(crate) fn incident(body: &[u8]) -> Parse<Incident> {
    let mut reader = Reader::new(body);
    let number = reader.u16()?;
    let len = usize::from(reader.u8()?);
    Ok(Incident {
        number,
        message: String::from_utf8_lossy(reader.take(len)?).into_owned(),
    })
}
