//! Global transaction ids and sets of them, for both flavours.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use tidegate_model::{CdcError, ErrorCode, Result};

/// Names one transaction group of a binlog.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum GroupId {
    /// MariaDB `domain-server-seq`.
    MariaDb {
        /// Replication domain.
        domain: u32,
        /// Server that first wrote it.
        server: u32,
        /// Number in the domain.
        seq: u64,
    },
    /// MySQL `uuid[:tag]:gno`.
    MySql {
        /// Server that first wrote it.
        uuid: [u8; 16],
        /// Tag of 8.3 and later; empty for none.
        tag: Arc<str>,
        /// Number on that server.
        gno: u64,
    },
    /// End of the group in the log of one server, where GTIDs are off.
    Offset {
        /// Number in the file's name.
        file: u64,
        /// Offset after the group's last event.
        end: u64,
    },
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GroupId::MariaDb { domain, server, seq } => write!(f, "{domain}-{server}-{seq}"),
            GroupId::MySql { uuid, tag, gno } => {
                write_uuid(f, uuid)?;
                if !tag.is_empty() {
                    write!(f, ":{tag}")?;
                }
                write!(f, ":{gno}")
            }
            GroupId::Offset { file, end } => write!(f, "{file:06}:{end}"),
        }
    }
}

/// A MySQL server and the tag of its transactions; empty for none.
pub type SourceId = ([u8; 16], Arc<str>);
/// Sorted, disjoint, half-open intervals of transaction numbers.
pub type Intervals = Vec<(u64, u64)>;

/// What a reader has already seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum GtidSet {
    /// MariaDB: the last transaction of each domain, with the server that wrote it.
    MariaDb(BTreeMap<u32, (u32, u64)>),
    /// MySQL: half-open intervals of numbers for each server and tag.
    MySql(BTreeMap<SourceId, Intervals>),
}

impl GtidSet {
    /// Parses `0-1-5,1-2-7`; an empty text is the empty set.
    ///
    /// # Errors
    /// `APIInvalidParam` showing the text.
    pub fn parse_mariadb(text: &str) -> Result<Self> {
        let mut domains = BTreeMap::new();
        for item in items(text) {
            let mut parts = item.split('-');
            let (domain, server, seq) = (number(parts.next()), number(parts.next()), number(parts.next()));
            match (domain, server, seq, parts.next()) {
                (Some(domain), Some(server), Some(seq), None) => domains.insert(domain, (server, seq)),
                _ => return Err(bad(text)),
            };
        }
        Ok(GtidSet::MariaDb(domains))
    }

    /// Parses `uuid:1-5:7,uuid:tag:1-3`; an empty text is the empty set.
    ///
    /// # Errors
    /// `APIInvalidParam` showing the text.
    pub fn parse_mysql(text: &str) -> Result<Self> {
        let mut servers: BTreeMap<SourceId, Intervals> = BTreeMap::new();
        for item in items(text) {
            let mut parts = item.split(':').map(str::trim);
            let uuid = parts.next().and_then(parse_uuid).ok_or_else(|| bad(text))?;
            let mut tag: Arc<str> = "".into();
            for part in parts {
                if !part.starts_with(|c: char| c.is_ascii_digit()) {
                    tag = part.to_ascii_lowercase().into();
                    continue;
                }
                let (first, last) = part.split_once('-').unwrap_or((part, part));
                match (number::<u64>(Some(first)), number::<u64>(Some(last))) {
                    (Some(first), Some(last)) if 0 < first && first <= last && last < u64::MAX => {
                        let intervals = servers.entry((uuid, Arc::clone(&tag))).or_default();
                        insert(intervals, first, last + 1);
                    }
                    _ => return Err(bad(text)),
                }
            }
        }
        Ok(GtidSet::MySql(servers))
    }

    /// Marks a group as seen. Groups of the other flavour and groups without a GTID change nothing.
    pub fn add(&mut self, id: &GroupId) {
        match (self, id) {
            (GtidSet::MariaDb(domains), &GroupId::MariaDb { domain, server, seq }) => {
                domains.insert(domain, (server, seq));
            }
            (GtidSet::MySql(servers), GroupId::MySql { uuid, tag, gno }) => {
                let key = (*uuid, Arc::clone(tag));
                insert(servers.entry(key).or_default(), *gno, gno.saturating_add(1));
            }
            _ => {}
        }
    }

    /// Whether the group was seen. MariaDB: whether its domain has come this far.
    pub fn contains(&self, id: &GroupId) -> bool {
        match (self, id) {
            (GtidSet::MariaDb(domains), GroupId::MariaDb { domain, seq, .. }) => {
                domains.get(domain).is_some_and(|(_, last)| last >= seq)
            }
            (GtidSet::MySql(servers), GroupId::MySql { uuid, tag, gno }) => servers
                .get(&(*uuid, Arc::clone(tag)))
                .is_some_and(|intervals| covers(intervals, *gno, gno.saturating_add(1))),
            _ => false,
        }
    }

    /// Whether everything in `other` was seen.
    pub fn is_superset(&self, other: &GtidSet) -> bool {
        match (self, other) {
            (GtidSet::MariaDb(have), GtidSet::MariaDb(want)) => want
                .iter()
                .all(|(domain, (_, seq))| have.get(domain).is_some_and(|(_, last)| last >= seq)),
            (GtidSet::MySql(have), GtidSet::MySql(want)) => want.iter().all(|(server, intervals)| {
                have.get(server)
                    .is_some_and(|have| intervals.iter().all(|&(start, end)| covers(have, start, end)))
            }),
            _ => false,
        }
    }
}

impl fmt::Display for GtidSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GtidSet::MariaDb(domains) => {
                for (i, (domain, (server, seq))) in domains.iter().enumerate() {
                    let comma = if i == 0 { "" } else { "," };
                    write!(f, "{comma}{domain}-{server}-{seq}")?;
                }
            }
            GtidSet::MySql(servers) => {
                for (i, ((uuid, tag), intervals)) in servers.iter().enumerate() {
                    f.write_str(if i == 0 { "" } else { "," })?;
                    write_uuid(f, uuid)?;
                    if !tag.is_empty() {
                        write!(f, ":{tag}")?;
                    }
                    for &(start, end) in intervals {
                        write!(f, ":{start}")?;
                        if end - start > 1 {
                            write!(f, "-{}", end - 1)?;
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

/// Adds `[start, end)` to sorted, disjoint, non-adjacent intervals.
fn insert(intervals: &mut Intervals, start: u64, end: u64) {
    // Nearly always the number after the last one.
    if let Some(last) = intervals.last_mut()
        && last.1 == start
    {
        last.1 = end;
        return;
    }
    let from = intervals.partition_point(|&(_, e)| e < start);
    let to = intervals.partition_point(|&(s, _)| s <= end);
    let merged = intervals
        .get(from..to)
        .unwrap_or_default()
        .iter()
        .fold((start, end), |(s, e), &(s2, e2)| (s.min(s2), e.max(e2)));
    intervals.splice(from..to, [merged]);
}

fn covers(intervals: &[(u64, u64)], start: u64, end: u64) -> bool {
    let at = intervals.partition_point(|&(_, e)| e < end);
    intervals.get(at).is_some_and(|&(s, e)| s <= start && end <= e)
}

fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

fn number<T: std::str::FromStr>(text: Option<&str>) -> Option<T> {
    text.and_then(|text| text.parse().ok())
}

fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let hex: Vec<u8> = text.bytes().filter(|&b| b != b'-').collect();
    let hex = std::str::from_utf8(&hex).ok().filter(|hex| hex.len() == 32)?;
    let mut uuid = [0; 16];
    for (i, byte) in uuid.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * i..2 * i + 2)?, 16).ok()?;
    }
    Some(uuid)
}

fn write_uuid(f: &mut fmt::Formatter<'_>, uuid: &[u8; 16]) -> fmt::Result {
    for (i, byte) in uuid.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            f.write_str("-")?;
        }
        write!(f, "{byte:02x}")?;
    }
    Ok(())
}

fn bad(text: &str) -> CdcError {
    CdcError::new(ErrorCode::APIInvalidParam, format!("{text:?} is not a GTID set"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";

    #[test]
    fn mariadb_positions_read_back_and_grow() {
        let mut set = GtidSet::parse_mariadb("1-5-9, 0-1-3").unwrap();
        assert_eq!(set.to_string(), "0-1-3,1-5-9");
        set.add(&GroupId::MariaDb {
            domain: 0,
            server: 2,
            seq: 4,
        });
        assert_eq!(set.to_string(), "0-2-4,1-5-9");
        assert!(set.is_superset(&GtidSet::parse_mariadb("0-1-3").unwrap()));
        assert!(!set.is_superset(&GtidSet::parse_mariadb("0-1-5").unwrap()));
        assert!(!set.is_superset(&GtidSet::parse_mariadb("2-1-1").unwrap()));
        assert_eq!(GtidSet::parse_mariadb("").unwrap().to_string(), "");
    }

    #[test]
    fn mysql_intervals_merge() {
        let mut set = GtidSet::parse_mysql(&format!("{UUID}:1-3:7-8,\n{UUID}:tag:1")).unwrap();
        assert_eq!(set.to_string(), format!("{UUID}:1-3:7-8,{UUID}:tag:1"));
        let gno = |gno| GroupId::MySql {
            uuid: parse_uuid(UUID).unwrap(),
            tag: "".into(),
            gno,
        };
        assert!(set.contains(&gno(7)) && !set.contains(&gno(4)) && !set.contains(&gno(9)));
        for n in [5, 4, 6, 9] {
            set.add(&gno(n));
        }
        assert_eq!(set.to_string(), format!("{UUID}:1-9,{UUID}:tag:1"));
        assert!(set.is_superset(&GtidSet::parse_mysql(&format!("{UUID}:2-9")).unwrap()));
        assert!(!set.is_superset(&GtidSet::parse_mysql(&format!("{UUID}:other:1")).unwrap()));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["x", "0-1", "0-1-2-3", "0-1-x"] {
            assert!(GtidSet::parse_mariadb(text).is_err(), "{text}");
        }
        for text in [
            "zz:1",
            &format!("{UUID}:0"),
            &format!("{UUID}:5-2"),
            &format!("{UUID}:1-"),
        ] {
            assert!(GtidSet::parse_mysql(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn adding_numbers_in_any_order_equals_the_set(numbers in proptest::collection::vec(1u64..60, 0..80)) {
            let mut set = GtidSet::MySql(BTreeMap::new());
            for &gno in &numbers {
                set.add(&GroupId::MySql { uuid: [7; 16], tag: "".into(), gno });
            }
            for gno in 1..61 {
                let id = GroupId::MySql { uuid: [7; 16], tag: "".into(), gno };
                proptest::prop_assert_eq!(set.contains(&id), numbers.contains(&gno));
            }
            proptest::prop_assert_eq!(GtidSet::parse_mysql(&set.to_string()).unwrap(), set);
        }
    }
}
