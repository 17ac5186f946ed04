//! What a statement turned out to be.

use std::fmt;

use tidegate_model::{DdlKind, TableName};

use crate::NameCase;

/// What a logged statement does, as far as replication cares.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Classified {
    /// Changes a schema, a table, an index or a view.
    Ddl(Ddl),
    /// Makes, alters or drops temporary tables: of no concern to anybody else.
    Temporary,
    /// Opens or closes a transaction or a part of one.
    Control(Control),
    /// Writes rows: a statement-based change, whose rows nobody can know.
    Dml(Dml),
    /// Known, and never replicated.
    Ignored(Ignored),
    /// Not known. Holds the first words in upper case, without names and values.
    Other(String),
}

impl Classified {
    /// Gives every table and schema the name by which it is known here.
    pub fn fold_names(&mut self, names: NameCase) {
        match self {
            Classified::Ddl(ddl) => ddl.fold_names(names),
            Classified::Dml(dml) => dml.tables.iter_mut().for_each(|name| names.fold_name(name)),
            _ => {}
        }
    }
}

/// A schema change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ddl {
    /// What it does; one ALTER TABLE with several clauses is only `MultiSchemaChange`.
    pub kind: DdlKind,
    /// Tables (or views) it touches, in statement order; empty for schema-level statements.
    pub tables: Vec<Target>,
    /// The schema that CREATE/ALTER/DROP DATABASE names.
    pub schema: Option<String>,
    /// The table that CREATE TABLE .. LIKE copies.
    pub like: Option<TableName>,
    /// CREATE TABLE .. SELECT. Whether rows follow inside the same group is for the group to tell: logged as a statement
    /// it is one event.
    pub has_select: bool,
    /// Where the clause `START TRANSACTION` begins in the text, which MySQL appends to the CREATE TABLE it logs for
    /// CREATE TABLE .. SELECT: rows follow inside the same group. Nobody but the server may write the clause, so cut
    /// the text there before executing it elsewhere.
    pub start_transaction_at: Option<usize>,
    /// CREATE OR REPLACE: the object may have existed.
    pub or_replace: bool,
    /// Whether the text names the schema of every table in `tables` and `like` (and of the schema-level target), so
    /// that it means the same under any default schema. Always false for CREATE VIEW, whose body is not looked at.
    pub qualified: bool,
}

impl Ddl {
    fn fold_names(&mut self, names: NameCase) {
        let targets = self
            .tables
            .iter_mut()
            .flat_map(|target| std::iter::once(&mut target.name).chain(&mut target.old_name));
        for name in targets.chain(&mut self.like) {
            names.fold_name(name);
        }
        if let Some(schema) = &mut self.schema {
            *schema = names.fold(schema).into_owned();
        }
    }
}

/// A table that a schema change touches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// Name after the statement; the schema is the default one where the text names none.
    pub name: TableName,
    /// Name before, when it is renamed.
    pub old_name: Option<TableName>,
}

/// Transaction control. Savepoint names and XA ids are unquoted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Control {
    /// BEGIN, START TRANSACTION.
    Begin,
    /// COMMIT.
    Commit,
    /// ROLLBACK of the whole transaction.
    Rollback,
    /// SAVEPOINT name.
    Savepoint(String),
    /// ROLLBACK TO name.
    RollbackTo(String),
    /// RELEASE SAVEPOINT name.
    Release(String),
    /// XA START.
    XaStart(Xid),
    /// XA END.
    XaEnd(Xid),
    /// XA PREPARE.
    XaPrepare(Xid),
    /// XA COMMIT.
    XaCommit {
        /// Which transaction.
        xid: Xid,
        /// Committed without having been prepared.
        one_phase: bool,
    },
    /// XA ROLLBACK.
    XaRollback(Xid),
}

/// The id of an XA transaction.
///
/// Displayed the way the servers log it: `X'7831',X'',1`, hexadecimal digits in lower case.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Xid {
    /// Global transaction id.
    pub gtrid: Vec<u8>,
    /// Branch qualifier.
    pub bqual: Vec<u8>,
    /// Format id.
    pub format_id: u64,
}

/// A statement that writes rows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dml {
    /// Upper-case first word.
    pub verb: &'static str,
    /// Every table the statement may write by its text: for multi-table statements all joined tables. Empty when the
    /// text does not tell (CALL, SELECT of a function, DO). What triggers and cascades write is never listed.
    pub tables: Vec<TableName>,
}

/// Why a known statement is not replicated.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Ignored {
    /// Nothing but comments.
    Empty,
    /// Users, roles, grants, passwords. The text may hold secrets: never log it.
    Account,
    /// ANALYZE, OPTIMIZE, REPAIR, CHECK, FLUSH and the like: rows and columns stay as they are.
    Maintenance,
    /// Triggers, whose row changes are logged by themselves.
    Trigger,
    /// Stored procedures, functions, packages and loadable functions.
    Routine,
    /// Scheduled events.
    Event,
    /// Sequences.
    Sequence,
    /// Server objects: plugins, tablespaces, foreign servers, resource groups, reference systems.
    Server,
    /// Session settings and locks.
    Session,
}

impl fmt::Display for Xid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in [&self.gtrid, &self.bqual] {
            f.write_str("X'")?;
            for byte in part {
                write!(f, "{byte:02x}")?;
            }
            f.write_str("',")?;
        }
        self.format_id.fmt(f)
    }
}
