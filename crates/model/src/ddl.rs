//! Schema changes.

use std::sync::Arc;

use crate::{TableInfo, TableName, Ts};

/// One schema-changing statement as the upstream committed it.
#[derive(Clone, PartialEq, Debug)]
pub struct DdlEvent {
    /// Unique per statement and below `commit_ts`.
    pub start_ts: Ts,
    /// Rows with a smaller or equal commit-ts were written before the statement.
    pub commit_ts: Ts,
    /// What kind of change it is.
    pub kind: DdlKind,
    /// Default schema of the session that ran it; empty if it had none.
    pub schema: Arc<str>,
    /// The statement, as the upstream logged it.
    pub query: Arc<str>,
    /// Tables it touches, in statement order. Empty for schema-level statements.
    pub tables: Vec<DdlTable>,
    /// The schema a schema-level statement (CREATE/ALTER/DROP DATABASE) names.
    pub target_schema: Option<Arc<str>>,
    /// Session settings that change the statement's meaning.
    pub session: DdlSession,
    /// Where it came from, for people: a GTID or a file and offset.
    pub origin: Arc<str>,
}

/// A table touched by a statement.
#[derive(Clone, PartialEq, Debug)]
pub struct DdlTable {
    /// Name after the statement.
    pub name: TableName,
    /// Name before, when it is renamed (also to another schema) or exchanged.
    pub old_name: Option<TableName>,
    /// Columns after the statement; `None` after DROP, or when the catalogue has already moved on.
    pub info: Option<Arc<TableInfo>>,
}

/// Session settings under which a statement was written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DdlSession {
    /// SQL modes by name (`ANSI_QUOTES`, ...), comma separated, as the upstream spells them; `None`: not logged.
    pub sql_mode: Option<Arc<str>>,
    /// Name of the client character set the statement text was sent in; text here is always UTF-8.
    pub charset: Option<Arc<str>>,
    /// Collation of the session's connection.
    pub collation: Option<Arc<str>>,
    /// Collation that schemas get when nothing else is said (`collation_server` of the session).
    pub server_collation: Option<Arc<str>>,
    /// Session time zone (`SYSTEM`, `+02:00`, `Europe/Berlin`).
    pub time_zone: Option<Arc<str>>,
    /// Unix seconds at which the statement ran: what NOW() and CURRENT_TIMESTAMP mean in it.
    pub timestamp_seconds: u32,
}

macro_rules! ddl_kinds {
    ($($(#[$doc:meta])* $variant:ident: $name:literal, $action:literal, $canal:literal, $alter:literal;)+) => {
        /// What a statement does. One ALTER TABLE with several clauses is only [`DdlKind::MultiSchemaChange`].
        #[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
        pub enum DdlKind {
            $($(#[$doc])* $variant,)+
        }

        impl DdlKind {
            /// Every kind.
            pub const ALL: &'static [DdlKind] = &[$(DdlKind::$variant),+];

            /// The name that `ignore_event` of an event filter uses.
            pub const fn event_name(self) -> &'static str {
                match self { $(DdlKind::$variant => $name),+ }
            }

            /// The action number that storage schema files and open-protocol carry (TiDB's job types).
            pub const fn action_code(self) -> u8 {
                match self { $(DdlKind::$variant => $action),+ }
            }

            /// The `type` of canal-json DDL messages.
            pub const fn canal_type(self) -> &'static str {
                match self { $(DdlKind::$variant => $canal),+ }
            }

            /// Whether the event filter group `alter table` covers it.
            pub const fn is_alter_table(self) -> bool {
                match self { $(DdlKind::$variant => $alter),+ }
            }
        }
    };
}

ddl_kinds! {
    /// CREATE DATABASE
    CreateSchema: "create schema", 1, "QUERY", false;
    /// DROP DATABASE
    DropSchema: "drop schema", 2, "QUERY", false;
    /// ALTER DATABASE
    AlterSchema: "modify schema charset and collate", 26, "QUERY", false;
    /// CREATE TABLE, also LIKE and SELECT
    CreateTable: "create table", 3, "CREATE", false;
    /// DROP TABLE
    DropTable: "drop table", 4, "ERASE", false;
    /// TRUNCATE TABLE
    TruncateTable: "truncate table", 11, "TRUNCATE", false;
    /// RENAME TABLE and ALTER TABLE .. RENAME TO
    RenameTable: "rename table", 14, "RENAME", true;
    /// ALTER TABLE .. COMMENT
    ModifyTableComment: "modify table comment", 17, "ALTER", true;
    /// ALTER TABLE .. CHARACTER SET, CONVERT TO
    ModifyTableCharset: "modify table charset and collate", 22, "ALTER", true;
    /// ADD COLUMN
    AddColumn: "add column", 5, "ALTER", true;
    /// DROP COLUMN
    DropColumn: "drop column", 6, "ALTER", true;
    /// MODIFY and CHANGE, RENAME COLUMN
    ModifyColumn: "modify column", 12, "ALTER", true;
    /// ALTER COLUMN .. SET/DROP DEFAULT
    SetDefault: "set default value", 15, "ALTER", true;
    /// ADD PRIMARY KEY
    AddPrimaryKey: "add primary key", 32, "CINDEX", true;
    /// DROP PRIMARY KEY
    DropPrimaryKey: "drop primary key", 33, "DINDEX", true;
    /// CREATE INDEX, ADD INDEX/KEY/UNIQUE
    CreateIndex: "create index", 7, "CINDEX", true;
    /// DROP INDEX
    DropIndex: "drop index", 8, "DINDEX", true;
    /// RENAME INDEX
    RenameIndex: "rename index", 18, "ALTER", true;
    /// ALTER INDEX .. VISIBLE/INVISIBLE/IGNORED
    AlterIndexVisibility: "alter index visibility", 41, "ALTER", true;
    /// AUTO_INCREMENT = n
    RebaseAutoId: "rebase auto id", 13, "ALTER", true;
    /// ADD PARTITION
    AddPartition: "add table partition", 19, "ALTER", true;
    /// DROP PARTITION
    DropPartition: "drop table partition", 20, "ALTER", true;
    /// TRUNCATE PARTITION
    TruncatePartition: "truncate table partition", 23, "ALTER", true;
    /// EXCHANGE PARTITION
    ExchangePartition: "exchange table partition", 42, "QUERY", true;
    /// REORGANIZE PARTITION
    ReorganizePartition: "reorganize table partition", 64, "ALTER", true;
    /// PARTITION BY on an existing table
    AlterPartitioning: "alter table partitioning", 71, "ALTER", true;
    /// REMOVE PARTITIONING
    RemovePartitioning: "remove table partitioning", 72, "ALTER", true;
    /// ADD FOREIGN KEY. Not covered by `alter table`, as in the original.
    AddForeignKey: "add foreign key", 9, "CINDEX", false;
    /// DROP FOREIGN KEY
    DropForeignKey: "drop foreign key", 10, "DINDEX", false;
    /// Several clauses in one ALTER TABLE
    MultiSchemaChange: "multi schema change", 61, "ALTER", true;
    /// ALTER TABLE with an option that has no name of its own (ENGINE, ROW_FORMAT, FORCE, ...). Shares the action
    /// number of a multi-schema change: consumers re-read the columns on it.
    AlterTableOther: "alter table", 61, "ALTER", true;
    /// CREATE VIEW
    CreateView: "create view", 21, "QUERY", false;
    /// DROP VIEW
    DropView: "drop view", 24, "QUERY", false;
}
