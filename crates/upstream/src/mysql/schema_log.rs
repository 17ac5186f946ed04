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
    keyless_prefix: String,
    birth: Ts,
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    tables: HashMap<TableName, Vec<(Ts, Option<TableId>)>>,
    /// Tables of each stored change.
    records: BTreeMap<Ts, Vec<TableName>>,
    last: Ts,
    /// Tables known to have no key, with the name and the time at which that was seen last.
    keyless: HashMap<TableId, (TableName, Ts)>,
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
            keyless_prefix: Self::keyless_prefix(upstream_id),
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

    /// When the last change was made; zero before the first.
    pub(crate) fn last(&self) -> Ts {
        self.state.read().unwrap_or_else(PoisonError::into_inner).last
    }

    /// The table as rows at `ts` see it.
    pub(crate) fn version_at(&self, name: &TableName, ts: Ts) -> TableVersion {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        self.lookup(&state, name, ts)
    }

    /// Prefix of the keys of an upstream's tables without a key.
    pub(crate) fn keyless_prefix(upstream_id: u64) -> String {
        format!("/tidegate/upstream/{upstream_id:016x}/keyless/")
    }

    /// Takes a stored table without a key. `None`: it is damaged.
    pub(crate) fn restore_keyless(&self, value: &[u8]) -> Option<()> {
        let (ts, changes) = decode(value)?;
        let [Change { name, id: Some(id) }] = &changes[..] else {
            return None;
        };
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.keyless.insert(*id, (name.clone(), ts));
        Some(())
    }

    /// Whether this table was seen to have no key that identifies rows.
    pub(crate) fn is_keyless(&self, id: TableId) -> bool {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        state.keyless.contains_key(&id)
    }

    /// Notes whether a table had a key at `ts`, and returns what makes that durable, if it is news.
    pub(crate) fn set_keyless(&self, name: &TableName, id: TableId, ts: Ts, keyless: bool) -> Option<Write> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let key = || format!("{}{:016x}", self.keyless_prefix, id.0);
        if !keyless {
            return state.keyless.remove(&id).map(|_| Write::Delete(key()));
        }
        let before = state.keyless.insert(id, (name.clone(), ts));
        let known = before.is_some_and(|(known, _)| known == *name);
        let change = Change {
            name: name.clone(),
            id: Some(id),
        };
        (!known).then(|| Write::Put(key(), encode(ts, &[change])))
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
        let gone: Vec<TableId> = state
            .keyless
            .iter()
            .filter(|(id, (name, ts))| *ts <= before && self.lookup(&state, name, before).id != **id)
            .map(|(id, _)| *id)
            .collect();
        for id in gone {
            state.keyless.remove(&id);
            dropped.push(Write::Delete(format!("{}{:016x}", self.keyless_prefix, id.0)));
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
#[path = "schema_log_tests.rs"]
mod tests;
