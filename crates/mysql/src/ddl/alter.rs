//! ALTER, clause by clause.

use tidegate_model::DdlKind::{self, *};
use tidegate_model::TableName;

use super::schema::{ddl, ignored_object, modifiers, target, view};
use super::token::{Cursor, Token};
use super::types::{Classified, Ddl, Ignored, Target};

/// After ALTER.
pub(super) fn parse(c: &mut Cursor<'_>) -> Option<Classified> {
    modifiers(c);
    let Token::Word(object) = c.next() else {
        return None;
    };
    let object = object.to_ascii_uppercase();
    match object.as_str() {
        "TABLE" => alter_table(c),
        "VIEW" => view(c).map(Classified::Ddl),
        "DATABASE" | "SCHEMA" => alter_schema(c).map(Classified::Ddl),
        other => ignored_object(other).map(Classified::Ignored),
    }
}

/// The name may be missing; then the default schema is meant.
fn alter_schema(c: &mut Cursor<'_>) -> Option<Ddl> {
    let option_first = c.is_any(0, &["CHARACTER", "COLLATE", "DEFAULT", "READ"])
        || c.is_any(0, &["CHARSET", "COMMENT", "ENCRYPTION"])
            && (c.is_punct(1, '=') || matches!(c.peek_at(1), Token::Str(_)) || *c.peek_at(2) == Token::End);
    let schema = if option_first { None } else { Some(c.name()?) };
    c.qualified = schema.is_some();
    let schema = schema.unwrap_or_else(|| c.default_schema().to_owned());
    Some(Ddl {
        schema: Some(schema),
        ..ddl(c, AlterSchema, Vec::new())
    })
}

/// What the clauses read so far do.
#[derive(Default)]
struct Clauses {
    kinds: Vec<DdlKind>,
    renamed_to: Option<TableName>,
    /// Second tables of EXCHANGE and CONVERT.
    others: Vec<TableName>,
    /// ANALYZE, CHECK, OPTIMIZE, REBUILD, REPAIR of partitions.
    maintenance: bool,
    /// The clause has a comma-separated list of its own and ends the statement.
    takes_rest: bool,
}

fn alter_table(c: &mut Cursor<'_>) -> Option<Classified> {
    c.if_exists();
    let name = c.table_name()?;
    c.wait();
    let mut clauses = Clauses::default();
    while !c.at_end() {
        clause(c, &mut clauses)?;
        rest_of_clause(c, &mut clauses);
        if !c.eat_punct(',') && !c.at_end() {
            return None;
        }
    }
    if clauses.maintenance && clauses.kinds.is_empty() {
        return Some(Classified::Ignored(Ignored::Maintenance));
    }
    let kind = combined(&clauses.kinds);
    let mut tables = vec![match clauses.renamed_to {
        Some(new_name) => Target {
            name: new_name,
            old_name: Some(name),
        },
        None => target(name),
    }];
    tables.extend(clauses.others.into_iter().map(target));
    Some(Classified::Ddl(ddl(c, kind, tables)))
}

/// One clause is its own kind, several are a change of many. Options of one kind count once.
fn combined(kinds: &[DdlKind]) -> DdlKind {
    match kinds {
        [] => AlterTableOther,
        [one] => *one,
        [first @ (AlterTableOther | ModifyTableCharset), rest @ ..]
            if rest.iter().all(|kind| kind == first) =>
        {
            *first
        }
        _ => MultiSchemaChange,
    }
}

/// Takes what is left of a clause, up to its comma. Partitioning may follow the last clause without one.
fn rest_of_clause(c: &mut Cursor<'_>, clauses: &mut Clauses) {
    while !c.at_end() && (clauses.takes_rest || !c.is_punct(0, ',')) {
        if clauses.takes_rest || !partitioning(c, clauses) {
            c.skip_value();
        }
    }
}

fn partitioning(c: &mut Cursor<'_>, clauses: &mut Clauses) -> bool {
    if c.eat(&["PARTITION", "BY"]) {
        clauses.kinds.push(AlterPartitioning);
    } else if c.eat(&["REMOVE", "PARTITIONING"]) {
        clauses.kinds.push(RemovePartitioning);
    } else {
        return false;
    }
    true
}

/// The head of one clause. `None`: it is not understood.
fn clause(c: &mut Cursor<'_>, clauses: &mut Clauses) -> Option<()> {
    if partitioning(c, clauses) || c.is_punct(0, ',') {
        return Some(());
    }
    let ordered = c.is_word(0, "ORDER");
    let Token::Word(word) = c.peek() else { return None };
    let kind = match word.to_ascii_uppercase().as_str() {
        "ADD" => return add(c, clauses),
        "DROP" => dropped(c),
        "MODIFY" | "CHANGE" => ModifyColumn,
        "RENAME" => return rename(c, clauses),
        "ALTER" => altered(c),
        "CONVERT" => return convert(c, clauses),
        "EXCHANGE" => return exchange(c, clauses),
        "TRUNCATE" if c.is_word(1, "PARTITION") => TruncatePartition,
        "REORGANIZE" | "COALESCE" => ReorganizePartition,
        "ANALYZE" | "CHECK" | "OPTIMIZE" | "REBUILD" | "REPAIR" if c.is_word(1, "PARTITION") => {
            clauses.maintenance = true;
            clauses.takes_rest = true;
            return Some(());
        }
        // How to do it, not what: no clauses of their own.
        "ALGORITHM" | "LOCK" | "WITH" | "WITHOUT" => return Some(()),
        "FORCE" | "ORDER" | "DISABLE" | "ENABLE" | "DISCARD" | "IMPORT" => AlterTableOther,
        _ => {
            options(c, clauses);
            return Some(());
        }
    };
    clauses.takes_rest = ordered || matches!(kind, DropPartition | TruncatePartition | ReorganizePartition);
    clauses.kinds.push(kind);
    Some(())
}

/// ADD [COLUMN] definition, or ADD [COLUMN] (definition, ..).
fn add(c: &mut Cursor<'_>, clauses: &mut Clauses) -> Option<()> {
    c.next();
    let column = c.eat(&["COLUMN"]);
    c.if_exists();
    if !c.eat_punct('(') {
        clauses.kinds.push(if column { AddColumn } else { added(c) });
        return Some(());
    }
    loop {
        clauses.kinds.push(added(c));
        while !c.is_punct(0, ',') && !c.is_punct(0, ')') {
            if c.at_end() {
                return None;
            }
            c.skip_value();
        }
        if c.next() == Token::Punct(')') {
            return Some(());
        }
    }
}

/// What the definition after ADD adds. Key words of definitions are reserved: a column of that name is quoted.
fn added(c: &mut Cursor<'_>) -> DdlKind {
    if c.is_any(0, &["INDEX", "KEY", "UNIQUE", "FULLTEXT", "SPATIAL"])
        || c.is_word(0, "VECTOR") && c.is_any(1, &["INDEX", "KEY"])
    {
        return CreateIndex;
    }
    if c.is_word(0, "PARTITION") {
        return AddPartition;
    }
    if c.is_word(0, "SYSTEM") && c.is_word(1, "VERSIONING") || c.is_word(0, "PERIOD") && c.is_word(1, "FOR") {
        return AlterTableOther;
    }
    // CONSTRAINT [name] PRIMARY KEY | UNIQUE | FOREIGN KEY | CHECK
    let constraint = c.is_word(0, "CONSTRAINT");
    let at = match constraint {
        false => 0,
        true if c.is_any(1, &["PRIMARY", "UNIQUE", "FOREIGN", "CHECK"]) => 1,
        true if c.is_word(1, "IF") => 5,
        true => 2,
    };
    if c.is_word(at, "PRIMARY") {
        AddPrimaryKey
    } else if c.is_word(at, "FOREIGN") {
        AddForeignKey
    } else if constraint && c.is_word(at, "UNIQUE") {
        CreateIndex
    } else if constraint || c.is_word(at, "CHECK") {
        AlterTableOther
    } else {
        AddColumn
    }
}

fn dropped(c: &mut Cursor<'_>) -> DdlKind {
    if c.is_word(1, "PRIMARY") && c.is_word(2, "KEY") {
        DropPrimaryKey
    } else if c.is_word(1, "FOREIGN") && c.is_word(2, "KEY") {
        DropForeignKey
    } else if c.is_any(1, &["INDEX", "KEY"]) {
        let name_at = if c.is_word(2, "IF") { 4 } else { 2 };
        match c.peek_at(name_at) {
            Token::Name(name) if name.eq_ignore_ascii_case("PRIMARY") => DropPrimaryKey,
            _ => DropIndex,
        }
    } else if c.is_word(1, "PARTITION") {
        DropPartition
    } else if c.is_any(1, &["CONSTRAINT", "CHECK"])
        || c.is_word(1, "SYSTEM") && c.is_word(2, "VERSIONING")
        || c.is_word(1, "PERIOD") && c.is_word(2, "FOR")
    {
        AlterTableOther
    } else {
        DropColumn
    }
}

/// ALTER COLUMN, ALTER INDEX, ALTER CHECK.
fn altered(c: &mut Cursor<'_>) -> DdlKind {
    c.next();
    if c.is_any(0, &["INDEX", "KEY"]) {
        return AlterIndexVisibility;
    }
    if c.is_any(0, &["CHECK", "CONSTRAINT"]) {
        return AlterTableOther;
    }
    c.eat(&["COLUMN"]);
    c.if_exists();
    c.next();
    if c.is_any(0, &["SET", "DROP"]) && c.is_word(1, "DEFAULT") {
        SetDefault
    } else {
        AlterTableOther
    }
}

/// RENAME COLUMN, RENAME INDEX, RENAME [TO | AS | =] table.
fn rename(c: &mut Cursor<'_>, clauses: &mut Clauses) -> Option<()> {
    c.next();
    // RENAME column: the table's new name is "column" when nothing comes after it.
    let more = !matches!(c.peek_at(1), Token::End | Token::Punct(','));
    if more && c.is_word(0, "COLUMN") {
        clauses.kinds.push(ModifyColumn);
    } else if more && c.is_any(0, &["INDEX", "KEY"]) {
        clauses.kinds.push(RenameIndex);
    } else {
        let _ = c.eat_any(&["TO", "AS"]) || c.eat_punct('=');
        clauses.renamed_to = Some(c.table_name()?);
        clauses.kinds.push(RenameTable);
    }
    Some(())
}

/// CONVERT TO CHARACTER SET; MariaDB's CONVERT TABLE t TO PARTITION and CONVERT PARTITION p TO TABLE t.
fn convert(c: &mut Cursor<'_>, clauses: &mut Clauses) -> Option<()> {
    c.next();
    if c.eat(&["TO"]) {
        clauses.kinds.push(ModifyTableCharset);
        return Some(());
    }
    let from_partition = c.eat(&["PARTITION"]);
    if from_partition {
        c.name()?;
        c.eat(&["TO"]);
    }
    if !c.eat(&["TABLE"]) {
        return None;
    }
    clauses.others.push(c.table_name()?);
    clauses.kinds.push(AlterTableOther);
    Some(())
}

fn exchange(c: &mut Cursor<'_>, clauses: &mut Clauses) -> Option<()> {
    while !c.eat(&["WITH", "TABLE"]) {
        if c.at_end() {
            return None;
        }
        c.next();
    }
    clauses.others.push(c.table_name()?);
    clauses.kinds.push(ExchangePartition);
    Some(())
}

/// Table options, which need no comma between them.
fn options(c: &mut Cursor<'_>, clauses: &mut Clauses) {
    while !c.at_end() && !c.is_punct(0, ',') {
        if partitioning(c, clauses) {
            return;
        }
        c.eat(&["DEFAULT"]);
        let kind = if c.eat(&["CHARACTER", "SET"]) || c.eat_any(&["CHARSET", "COLLATE"]) {
            ModifyTableCharset
        } else if c.eat(&["COMMENT"]) {
            ModifyTableComment
        } else if c.eat(&["AUTO_INCREMENT"]) {
            RebaseAutoId
        } else {
            let _ = c.eat_any(&["DATA", "INDEX"]);
            c.next();
            AlterTableOther
        };
        clauses.kinds.push(kind);
        c.eat_punct('=');
        if !c.is_punct(0, ',') {
            c.skip_value();
        }
    }
}
