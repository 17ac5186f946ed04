//! Keeps the timeline's anchors in the metadata store.
//!
//! One key per anchor, in the order of the log. Values are a version byte and fixed fields, big-endian.

use std::sync::Arc;

use tidegate_meta::{MetaStore, MetaTxn, Write};
use tidegate_model::{CdcError, ErrorCode, Result, Ts};
use tidegate_mysql::{GroupId, GtidSet, Position};

use super::timeline::{Anchor, Timeline};

const VERSION: u8 = 1;
const NO_ID: u8 = 0;
const MARIADB: u8 = 1;
const MYSQL: u8 = 2;
const OFFSET: u8 = 3;
/// Deletes in one transaction of the store.
const DELETES_MAX: usize = 1000;

/// Reads and writes the anchors of one upstream.
#[derive(Clone)]
pub(crate) struct AnchorStore {
    store: Arc<dyn MetaStore>,
    prefix: String,
}

impl AnchorStore {
    pub(crate) fn new(store: Arc<dyn MetaStore>, upstream_id: u64) -> Self {
        AnchorStore {
            store,
            prefix: format!("/tidegate/upstream/{upstream_id:016x}/anchor/"),
        }
    }

    /// Loads the timeline.
    ///
    /// # Errors
    /// The store's, and `DataDirCorrupt` for a value that is no anchor.
    pub(crate) async fn load(&self) -> Result<Timeline> {
        let pairs = self.store.list(&self.prefix).await?;
        let anchors: Result<Vec<Anchor>> = pairs
            .iter()
            .map(|(key, versioned)| {
                decode(&versioned.value).ok_or_else(|| {
                    CdcError::new(
                        ErrorCode::DataDirCorrupt,
                        format!("the value of {key} is no timeline anchor"),
                    )
                })
            })
            .collect();
        Ok(Timeline::from_anchors(anchors?))
    }

    /// The write that makes an anchor durable, for a transaction of the caller.
    pub(crate) fn put(&self, anchor: &Anchor) -> Write {
        Write::Put(self.key(anchor.seq), encode(anchor))
    }

    /// Makes writes durable, all or nothing.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn commit(&self, writes: Vec<Write>) -> Result<()> {
        if writes.is_empty() {
            return Ok(());
        }
        let txn = MetaTxn {
            compares: Vec::new(),
            writes,
        };
        self.store.commit(txn).await.map(|_revision| ())
    }

    /// Removes anchors.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn remove(&self, seqs: &[u64]) -> Result<()> {
        for some in seqs.chunks(DELETES_MAX) {
            self.commit(some.iter().map(|&seq| Write::Delete(self.key(seq))).collect())
                .await?;
        }
        Ok(())
    }

    /// Removes everything below a prefix.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn remove_below(&self, prefix: &str) -> Result<()> {
        let pairs = self.store.list(prefix).await?;
        for some in pairs.chunks(DELETES_MAX) {
            let deletes = some.iter().map(|(key, _)| Write::Delete(key.clone()));
            self.commit(deletes.collect()).await?;
        }
        Ok(())
    }

    fn key(&self, seq: u64) -> String {
        format!("{}{seq:020}", self.prefix)
    }
}

fn encode(anchor: &Anchor) -> Vec<u8> {
    let mut out = vec![VERSION];
    for number in [
        anchor.seq,
        anchor.commit_ts.as_u64(),
        anchor.end_ts.as_u64(),
        anchor.floor.as_u64(),
        anchor.hold,
        anchor.clock_ms,
        anchor.position.offset,
    ] {
        out.extend(number.to_be_bytes());
    }
    out.push(u8::from(anchor.pinned));
    match &anchor.id {
        None => out.push(NO_ID),
        Some(GroupId::MariaDb { domain, server, seq }) => {
            out.push(MARIADB);
            out.extend(domain.to_be_bytes());
            out.extend(server.to_be_bytes());
            out.extend(seq.to_be_bytes());
        }
        Some(GroupId::MySql { uuid, tag, gno }) => {
            out.push(MYSQL);
            out.extend(uuid);
            out.extend(gno.to_be_bytes());
            text(&mut out, tag);
        }
        Some(GroupId::Offset { file, end }) => {
            out.push(OFFSET);
            out.extend(file.to_be_bytes());
            out.extend(end.to_be_bytes());
        }
    }
    text(&mut out, &anchor.position.file);
    match &anchor.position.gtid {
        None => out.push(NO_ID),
        Some(set) => {
            out.push(match set {
                GtidSet::MariaDb(_) => MARIADB,
                GtidSet::MySql(_) => MYSQL,
            });
            text(&mut out, &set.to_string());
        }
    }
    out
}

fn text(out: &mut Vec<u8>, text: &str) {
    let len = u32::try_from(text.len()).unwrap_or(u32::MAX);
    out.extend(len.to_be_bytes());
    out.extend(text.as_bytes());
}

fn decode(bytes: &[u8]) -> Option<Anchor> {
    let mut input = Input(bytes);
    if input.byte()? != VERSION {
        return None;
    }
    let mut numbers = [0; 7];
    for number in &mut numbers {
        *number = input.u64()?;
    }
    let [seq, commit_ts, end_ts, floor, hold, clock_ms, offset] = numbers;
    let pinned = input.byte()? != 0;
    let id = match input.byte()? {
        NO_ID => None,
        MARIADB => Some(GroupId::MariaDb {
            domain: input.u32()?,
            server: input.u32()?,
            seq: input.u64()?,
        }),
        MYSQL => Some(GroupId::MySql {
            uuid: *input.0.split_off(..16)?.first_chunk()?,
            gno: input.u64()?,
            tag: input.text()?.into(),
        }),
        OFFSET => Some(GroupId::Offset {
            file: input.u64()?,
            end: input.u64()?,
        }),
        _ => return None,
    };
    let file = input.text()?.into();
    let gtid = match input.byte()? {
        NO_ID => None,
        MARIADB => Some(GtidSet::parse_mariadb(input.text()?).ok()?),
        MYSQL => Some(GtidSet::parse_mysql(input.text()?).ok()?),
        _ => return None,
    };
    Some(Anchor {
        seq,
        id,
        position: Position { gtid, file, offset },
        commit_ts: Ts::from_u64(commit_ts),
        end_ts: Ts::from_u64(end_ts),
        floor: Ts::from_u64(floor),
        hold,
        clock_ms,
        pinned,
    })
}

/// Checked reading of the encoded form.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> Option<u8> {
        self.0.split_off_first().copied()
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(*self.0.split_off(..4)?.first_chunk()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_be_bytes(*self.0.split_off(..8)?.first_chunk()?))
    }

    fn text(&mut self) -> Option<&'a str> {
        let len = usize::try_from(self.u32()?).ok()?;
        std::str::from_utf8(self.0.split_off(..len)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anchor(id: Option<GroupId>, gtid: Option<GtidSet>) -> Anchor {
        Anchor {
            seq: 7,
            id,
            position: Position {
                gtid,
                file: "binlog.000042".into(),
                offset: 5_000_000_000,
            },
            commit_ts: Ts::from_u64(10),
            end_ts: Ts::from_u64(12),
            floor: Ts::from_u64(14),
            hold: 3,
            clock_ms: 1_700_000_000_000,
            pinned: true,
        }
    }

    #[test]
    fn anchors_read_back_and_cut_ones_are_refused() {
        let mysql = "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-9,3e11fa47-71ca-11e1-9e33-c80aa9429562:tag:1";
        let samples = [
            anchor(None, None),
            anchor(Some(GroupId::Offset { file: 42, end: 9 }), None),
            anchor(
                Some(GroupId::MariaDb {
                    domain: 1,
                    server: 2,
                    seq: 3,
                }),
                Some(GtidSet::parse_mariadb("1-2-3,4-5-6").unwrap()),
            ),
            anchor(
                Some(GroupId::MySql {
                    uuid: [9; 16],
                    tag: "tag".into(),
                    gno: 8,
                }),
                Some(GtidSet::parse_mysql(mysql).unwrap()),
            ),
        ];
        for sample in samples {
            let bytes = encode(&sample);
            assert_eq!(decode(&bytes), Some(sample));
            for len in 0..bytes.len() {
                assert_eq!(decode(&bytes[..len]), None, "{len} of {} bytes", bytes.len());
            }
        }
    }

    /// The layout is on disk: a change needs a new version byte.
    #[test]
    fn the_layout_is_fixed() {
        let id = GroupId::MariaDb {
            domain: 1,
            server: 2,
            seq: 3,
        };
        let hex: String = encode(&anchor(Some(id), None))
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        assert_eq!(
            hex,
            "010000000000000007000000000000000a000000000000000c000000000000000e0000000000000003\
             0000018bcfe56800000000012a05f200010100000001000000020000000000000003\
             0000000d62696e6c6f672e30303030343200"
        );
    }
}
