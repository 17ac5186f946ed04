//! The names of `ignore_event`.

use tidegate_model::{CdcError, DdlKind, ErrorCode, Result, RowOp};

/// Bits of row changes stand above those of the DDL kinds.
const INSERT: u64 = 1 << 61;
const UPDATE: u64 = 1 << 62;
const DELETE: u64 = 1 << 63;

/// Names of events that an upstream without TiDB's statements never has. The original accepts them.
const NEVER: [&str; 3] = ["recover table", "alter ttl info", "alter ttl remove"];

/// Names besides those of the kinds themselves.
const GROUPS: [&str; 5] = ["all dml", "all ddl", "insert", "update", "delete"];
const ALIASES: [(&str, DdlKind); 2] = [
    ("create database", DdlKind::CreateSchema),
    ("drop database", DdlKind::DropSchema),
];

/// Every name that `ignore_event` accepts.
pub fn event_names() -> impl Iterator<Item = &'static str> {
    let kinds = DdlKind::ALL.iter().map(|kind| kind.event_name());
    let aliases = ALIASES.iter().map(|(name, _)| *name);
    GROUPS.into_iter().chain(kinds).chain(aliases).chain(NEVER)
}

/// A set of event kinds.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct EventKinds(u64);

impl EventKinds {
    /// The events that `names` name together: exact, in lower case.
    ///
    /// # Errors
    /// `InvalidIgnoreEventType` for the first name that is none.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let mut kinds = EventKinds::default();
        for name in names {
            kinds.0 |= bits(name).ok_or_else(|| unknown(name))?;
        }
        Ok(kinds)
    }

    /// Whether a schema change of this kind is in the set.
    pub fn has_ddl(self, kind: DdlKind) -> bool {
        self.0 & bit(kind) != 0
    }

    /// Whether row changes of this kind are in the set.
    pub fn has_rows(self, op: RowOp) -> bool {
        let bit = match op {
            RowOp::Insert => INSERT,
            RowOp::Update => UPDATE,
            RowOp::Delete => DELETE,
        };
        self.0 & bit != 0
    }
}

fn bit(kind: DdlKind) -> u64 {
    1 << kind as u32
}

fn all(kinds: impl Fn(DdlKind) -> bool) -> u64 {
    DdlKind::ALL
        .iter()
        .filter(|kind| kinds(**kind))
        .fold(0, |set, kind| set | bit(*kind))
}

fn bits(name: &str) -> Option<u64> {
    Some(match name {
        "all dml" => INSERT | UPDATE | DELETE,
        "all ddl" => all(|_| true),
        "insert" => INSERT,
        "update" => UPDATE,
        "delete" => DELETE,
        "alter table" => all(DdlKind::is_alter_table),
        _ => {
            if let Some((_, kind)) = ALIASES.iter().find(|(alias, _)| *alias == name) {
                return Some(bit(*kind));
            }
            if NEVER.contains(&name) {
                return Some(0);
            }
            let kind = DdlKind::ALL.iter().find(|kind| kind.event_name() == name)?;
            bit(*kind)
        }
    })
}

fn unknown(name: &str) -> CdcError {
    CdcError::new(
        ErrorCode::InvalidIgnoreEventType,
        format_args!("invalid ignore event type: '{name}'"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(names: &[&str]) -> EventKinds {
        EventKinds::parse(names.iter().copied()).unwrap()
    }

    /// Which DDL kinds and row changes each name covers.
    #[test]
    fn every_name_covers_its_own_kinds_only() {
        assert!(DdlKind::ALL.len() < 61, "bits of DDL and rows must not meet");
        for name in event_names() {
            let set = kinds(&[name]);
            for &kind in DdlKind::ALL {
                let own = name == kind.event_name();
                let alias = ALIASES.contains(&(name, kind));
                let group = name == "all ddl" || name == "alter table" && kind.is_alter_table();
                assert_eq!(set.has_ddl(kind), own || alias || group, "{name} on {kind:?}");
            }
            for (op, own) in [
                (RowOp::Insert, "insert"),
                (RowOp::Update, "update"),
                (RowOp::Delete, "delete"),
            ] {
                assert_eq!(
                    set.has_rows(op),
                    name == own || name == "all dml",
                    "{name} on {op:?}"
                );
            }
        }
    }

    #[test]
    fn members_of_alter_table_are_as_published() {
        let set = kinds(&["alter table"]);
        let outside: Vec<&str> = DdlKind::ALL
            .iter()
            .filter(|kind| !set.has_ddl(**kind))
            .map(|kind| kind.event_name())
            .collect();
        assert_eq!(
            outside,
            [
                "create schema",
                "drop schema",
                "modify schema charset and collate",
                "create table",
                "drop table",
                "truncate table",
                "add foreign key",
                "drop foreign key",
                "create view",
                "drop view",
            ]
        );
    }

    #[test]
    fn the_published_names_are_all_known_and_others_are_refused() {
        let published = "all dml,all ddl,insert,update,delete,alter table,create schema,drop schema,create database,\
            drop database,modify schema charset and collate,create table,drop table,truncate table,rename table,\
            recover table,modify table comment,modify table charset and collate,create view,drop view,\
            add table partition,drop table partition,truncate table partition,exchange table partition,\
            reorganize table partition,alter table partitioning,remove table partitioning,add column,drop column,\
            modify column,set default value,rebase auto id,add primary key,drop primary key,create index,drop index,\
            rename index,alter index visibility,alter ttl info,alter ttl remove,multi schema change,add foreign key,\
            drop foreign key";
        let mut published: Vec<&str> = published.split(',').collect();
        let mut known: Vec<&str> = event_names().collect();
        published.sort_unstable();
        known.sort_unstable();
        assert_eq!(known, published);
        for name in [
            "INSERT",
            "Insert",
            " insert",
            "",
            "all",
            "none",
            "none ddl",
            "alter database",
            "drop unique key",
        ] {
            let error = EventKinds::parse([name]).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidIgnoreEventType, "{name}");
            assert!(error.message().contains(&format!("'{name}'")), "{error}");
        }
    }

    #[test]
    fn sets_add_up() {
        let set = kinds(&["insert", "drop table"]);
        assert!(set.has_rows(RowOp::Insert) && set.has_ddl(DdlKind::DropTable));
        assert!(!set.has_rows(RowOp::Delete) && !set.has_ddl(DdlKind::CreateTable));
        assert_eq!(kinds(&[]), EventKinds::default());
    }
}
