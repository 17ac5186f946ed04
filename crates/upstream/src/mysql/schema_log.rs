//! Which incarnation and version of a table a row belongs to.
//!
//! In: every schema change of the log, in order, from the shared reader. Out: for any table and timestamp its number
//! and the timestamp of the change that made its present shape. Everything follows from the log alone, so every
//! reader finds the same answers.

use std::collections::{BTreeMap, HashMap};
use std::sync::{PoisonError, RwLock};

use tidegate_meta::Write;
use tidegate_model::{DdlKind, TableId, TableName, Ts};
use tidegate_mysql::ddl::Ddl;

const VERSION: u8 = 1;
/// Table numbers are exact in every JSON reader.
const ID_BITS: u32 = 52;

/// What a schema change did to one table.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Change {
    name: TableName,
    /// `None`: it is gone.
    id: Option<TableId>,
}

/// A table at some time.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct TableVersion {
    pub(crate) id: TableId,
    pub(crate) since: Ts,
}

/// See the module's page.
pub(crate) struct SchemaLog {
    prefix: String,
    birth: Ts,
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    tables: HashMap<TableName, Vec<(Ts, Option<TableId>)>>,
    /// Tables of each stored change.
    records: BTreeMap<Ts, Vec<TableName>>,
    last: Ts,
}

impl SchemaLog {
    /// Prefix of the keys of an upstream's schema changes.
    pub(crate) fn prefix(upstream_id: u64) -> String {
        format!("/tidegate/upstream/{upstream_id:016x}/ddl/")
    }

    /// A log without changes. `birth`: version of the tables that no change has touched.
    pub(crate) fn new(upstream_id: u64, birth: Ts) -> Self {
        SchemaLog {
            prefix: Self::prefix(upstream_id),
            birth,
            state: RwLock::default(),
        }
    }

    /// Takes a stored change, in ascending order. `None`: it is damaged.
    pub(crate) fn restore(&self, value: &[u8]) -> Option<()> {
        let (ts, changes) = decode(value)?;
        self.record(ts, &changes);
        Some(())
    }

    /// Notes a schema change that commits at `ts`, and returns what makes that durable. A change that is already
    /// known, or that touches no table, changes nothing.
    pub(crate) fn apply(&self, ddl: &Ddl, ts: Ts) -> Option<Write> {
        let changes = {
            let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
            if ts <= state.last {
                return None;
            }
            self.changes(&state, ddl, ts)
        };
        if changes.is_empty() {
            return None;
        }
        self.record(ts, &changes);
        Some(Write::Put(self.key(ts), encode(ts, &changes)))
    }

    /// The table as rows at `ts` see it.
    pub(crate) fn version_at(&self, name: &TableName, ts: Ts) -> TableVersion {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        self.lookup(&state, name, ts)
    }

    /// Forgets changes that nobody who reads after `before` can need: what later ones have replaced, and tables
    /// that are gone. Returns what makes that durable.
    pub(crate) fn prune(&self, before: Ts) -> Vec<Write> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let old: Vec<Ts> = state.records.range(..=before).map(|(ts, _)| *ts).collect();
        let mut dropped = Vec::new();
        for ts in old {
            if state.is_obsolete(ts, before) {
                state.drop_record(ts);
                dropped.push(Write::Delete(self.key(ts)));
            }
        }
        dropped
    }

    fn key(&self, ts: Ts) -> String {
        format!("{}{:020}", self.prefix, ts.as_u64())
    }

    fn lookup(&self, state: &State, name: &TableName, ts: Ts) -> TableVersion {
        let entries = state.tables.get(name).map_or(&[][..], Vec::as_slice);
        let after = entries.partition_point(|(since, _)| *since <= ts);
        match after.checked_sub(1).and_then(|at| entries.get(at)) {
            // A table that is gone has no rows: one that has was made again in a way we did not see.
            Some(&(since, id)) => TableVersion {
                id: id.unwrap_or_else(|| table_id(name, since)),
                since,
            },
            None => TableVersion {
                id: table_id(name, self.birth),
                since: self.birth,
            },
        }
    }

    fn changes(&self, state: &State, ddl: &Ddl, ts: Ts) -> Vec<Change> {
        // A statement may rename in circles: later pairs see what earlier ones did.
        let mut now: BTreeMap<TableName, Option<TableId>> = BTreeMap::new();
        if ddl.kind == DdlKind::DropSchema {
            let alive = state.tables.iter().filter(|(name, entries)| {
                Some(&*name.schema) == ddl.schema.as_deref()
                    && entries.last().is_some_and(|(_, id)| id.is_some())
            });
            now.extend(alive.map(|(name, _)| (name.clone(), None)));
        }
        for target in &ddl.tables {
            let name = target.name.clone();
            let known = |now: &BTreeMap<TableName, Option<TableId>>, name: &TableName| match now.get(name) {
                Some(id) => id.unwrap_or_else(|| table_id(name, ts)),
                None => self.lookup(state, name, ts).id,
            };
            match ddl.kind {
                DdlKind::CreateView | DdlKind::DropView => {}
                DdlKind::DropTable => {
                    now.insert(name, None);
                }
                DdlKind::TruncateTable => {
                    let id = table_id(&name, ts);
                    now.insert(name, Some(id));
                }
                DdlKind::CreateTable => {
                    let exists = state
                        .tables
                        .get(&name)
                        .and_then(|entries| entries.last())
                        .is_some_and(|(_, id)| id.is_some());
                    // CREATE TABLE IF NOT EXISTS is logged even when it changes nothing.
                    if !exists || ddl.or_replace {
                        let id = table_id(&name, ts);
                        now.insert(name, Some(id));
                    }
                }
                _ => match &target.old_name {
                    Some(old) => {
                        let id = known(&now, old);
                        now.insert(old.clone(), None);
                        now.insert(name, Some(id));
                    }
                    None => {
                        let id = known(&now, &name);
                        now.insert(name, Some(id));
                    }
                },
            }
        }
        now.into_iter().map(|(name, id)| Change { name, id }).collect()
    }

    fn record(&self, ts: Ts, changes: &[Change]) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.last = state.last.max(ts);
        let names = changes.iter().map(|change| change.name.clone()).collect();
        state.records.insert(ts, names);
        for change in changes {
            state
                .tables
                .entry(change.name.clone())
                .or_default()
                .push((ts, change.id));
        }
    }
}

impl State {
    /// Records are looked at in order: what comes before this one and is still here is needed.
    fn is_obsolete(&self, ts: Ts, before: Ts) -> bool {
        let names = self.records.get(&ts).map_or(&[][..], Vec::as_slice);
        names.iter().all(|name| {
            let entries = self.tables.get(name).map_or(&[][..], Vec::as_slice);
            let Some(at) = entries.iter().position(|(since, _)| *since == ts) else {
                return true;
            };
            let replaced = entries.get(at + 1).is_some_and(|(since, _)| *since <= before);
            // The end of a table hides what came before it.
            let gone = at == 0 && entries.get(at).is_some_and(|(_, id)| id.is_none());
            replaced || gone
        })
    }

    fn drop_record(&mut self, ts: Ts) {
        for name in self.records.remove(&ts).unwrap_or_default() {
            if let Some(entries) = self.tables.get_mut(&name) {
                entries.retain(|(since, _)| *since != ts);
                if entries.is_empty() {
                    self.tables.remove(&name);
                }
            }
        }
    }
}

/// A number for the incarnation of a table that began at `since`: a hash, so that nothing has to be remembered.
fn table_id(name: &TableName, since: Ts) -> TableId {
    let names = name
        .schema
        .bytes()
        .chain([0])
        .chain(name.table.bytes())
        .chain([0]);
    TableId(stable_hash(names.chain(since.as_u64().to_be_bytes())).cast_signed())
}

/// FNV-1a with the finalizer of splitmix64, cut to what every JSON reader keeps exact. Never zero. Stored numbers
/// depend on it: it must not change.
pub(crate) fn stable_hash(bytes: impl Iterator<Item = u8>) -> u64 {
    const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const FNV_PRIME: u64 = 0x0100_0000_01b3;
    let mut hash = bytes.fold(FNV_OFFSET, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME)
    });
    // The low bits of FNV alone are weak.
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^= hash >> 31;
    (hash & ((1 << ID_BITS) - 1)) | 1
}

fn encode(ts: Ts, changes: &[Change]) -> Vec<u8> {
    let mut out = vec![VERSION];
    out.extend(ts.as_u64().to_be_bytes());
    for change in changes {
        out.extend(change.id.map_or(0, |id| id.0).to_be_bytes());
        for text in [&change.name.schema, &change.name.table] {
            let len = u16::try_from(text.len()).unwrap_or(u16::MAX);
            out.extend(len.to_be_bytes());
            out.extend(text.bytes().take(usize::from(len)));
        }
    }
    out
}

fn decode(bytes: &[u8]) -> Option<(Ts, Vec<Change>)> {
    let mut input = bytes;
    if *input.split_off_first()? != VERSION {
        return None;
    }
    let ts = Ts::from_u64(u64::from_be_bytes(*input.split_off(..8)?.first_chunk()?));
    let mut changes = Vec::new();
    while !input.is_empty() {
        let id = i64::from_be_bytes(*input.split_off(..8)?.first_chunk()?);
        let schema = text(&mut input)?;
        let table = text(&mut input)?;
        changes.push(Change {
            name: TableName::new(schema, table),
            id: (id != 0).then_some(TableId(id)),
        });
    }
    Some((ts, changes))
}

fn text<'a>(input: &mut &'a [u8]) -> Option<&'a str> {
    let len = u16::from_be_bytes(*input.split_off(..2)?.first_chunk()?);
    std::str::from_utf8(input.split_off(..usize::from(len))?).ok()
}

#[cfg(test)]
mod tests {
    use tidegate_mysql::ddl::Target;

    use super::*;

    fn name(table: &str) -> TableName {
        TableName::new("s", table)
    }

    fn ddl(kind: DdlKind, tables: &[(&str, Option<&str>)]) -> Ddl {
        Ddl {
            kind,
            tables: tables
                .iter()
                .map(|(new, old)| Target {
                    name: name(new),
                    old_name: old.map(name),
                })
                .collect(),
            schema: None,
            like: None,
            has_select: false,
            start_transaction_at: None,
            or_replace: false,
            qualified: true,
        }
    }

    #[test]
    fn incarnations_and_versions_follow_the_statements() {
        let log = SchemaLog::new(1, Ts::from_u64(5));
        let at = |table: &str, ts| log.version_at(&name(table), Ts::from_u64(ts));
        let mut stored = Vec::new();
        let mut apply = |kind, tables: &[(&str, Option<&str>)], ts| {
            if let Some(Write::Put(_, value)) = log.apply(&ddl(kind, tables), Ts::from_u64(ts)) {
                stored.push(value);
            }
        };
        apply(DdlKind::AddColumn, &[("t", None)], 10);
        apply(
            DdlKind::RenameTable,
            &[("tmp", Some("t")), ("t", Some("u")), ("u", Some("tmp"))],
            20,
        );
        apply(DdlKind::CreateTable, &[("t", None)], 25);
        apply(DdlKind::TruncateTable, &[("t", None)], 30);
        apply(DdlKind::DropTable, &[("t", None)], 40);
        apply(DdlKind::CreateTable, &[("t", None)], 50);

        assert_eq!(at("t", 9).since, Ts::from_u64(5));
        assert_eq!(at("t", 10).since, Ts::from_u64(10));
        assert_eq!(at("t", 10).id, at("t", 9).id, "an added column keeps the table");
        assert_eq!(at("u", 20).id, at("t", 19).id, "the swap took the number along");
        assert_eq!(at("t", 20).id, at("u", 19).id);
        assert_eq!(
            at("t", 29),
            at("t", 20),
            "IF NOT EXISTS on an existing table changes nothing"
        );
        assert_ne!(at("t", 30).id, at("t", 29).id);
        assert_ne!(at("t", 50).id, at("t", 39).id);

        let copy = SchemaLog::new(1, Ts::from_u64(5));
        for value in &stored {
            copy.restore(value).unwrap();
            assert!(
                (1..value.len())
                    .all(|len| len == 9 || decode(&value[..len]).is_none_or(|(_, c)| c.len() < 3))
            );
        }
        for (table, ts) in [("t", 9), ("t", 25), ("u", 20), ("t", 60)] {
            assert_eq!(copy.version_at(&name(table), Ts::from_u64(ts)), at(table, ts));
        }
        assert_eq!(
            copy.apply(&ddl(DdlKind::DropTable, &[("u", None)]), Ts::from_u64(50)),
            None,
            "already known"
        );
    }

    #[test]
    fn what_nobody_can_need_is_forgotten() {
        let log = SchemaLog::new(1, Ts::from_u64(5));
        let apply =
            |kind, table: &str, ts| log.apply(&ddl(kind, &[(table, None)]), Ts::from_u64(ts)).unwrap();
        for ts in [10, 12, 14] {
            apply(DdlKind::AddColumn, "t", ts);
        }
        apply(DdlKind::CreateTable, "temporary", 20);
        apply(DdlKind::DropTable, "temporary", 22);
        apply(DdlKind::AddColumn, "t", 30);
        let at = |ts| log.version_at(&name("t"), Ts::from_u64(ts));
        let (seen, newest) = (at(25), at(99));
        let keys = |before| -> Vec<u64> {
            let dropped = log.prune(Ts::from_u64(before));
            let key = |write: &Write| match write {
                Write::Delete(key) => key.rsplit_once('/').unwrap().1.parse().unwrap(),
                Write::Put(..) => panic!("pruning writes nothing"),
            };
            dropped.iter().map(key).collect()
        };
        assert_eq!(keys(25), [10, 12, 20, 22]);
        assert_eq!((at(25), at(99)), (seen, newest));
        assert_eq!(keys(25), [0; 0]);
        assert_eq!(keys(30), [14]);
        assert_eq!(at(99), newest);
    }

    #[test]
    fn numbers_are_positive_and_exact_in_json() {
        for n in 0..1000u64 {
            let id = table_id(&name("t"), Ts::from_u64(n)).0;
            assert!(0 < id && id < 1 << ID_BITS);
        }
    }
}
