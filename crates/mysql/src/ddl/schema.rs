//! CREATE, DROP, RENAME and TRUNCATE.

use tidegate_model::{DdlKind, TableName};

use super::token::{Cursor, Token};
use super::types::{Classified, Ddl, Ignored, Target};

/// A change of `kind` to the tables.
pub(super) fn ddl(c: &Cursor<'_>, kind: DdlKind, tables: Vec<Target>) -> Ddl {
    Ddl {
        kind,
        tables,
        schema: None,
        like: None,
        has_select: false,
        start_transaction_at: None,
        or_replace: false,
        qualified: c.qualified,
    }
}

/// A table whose name stays.
pub(super) fn target(name: TableName) -> Target {
    Target { name, old_name: None }
}

/// Skips what CREATE and ALTER of stored objects and indexes may say before the kind of object.
pub(super) fn modifiers(c: &mut Cursor<'_>) {
    const PLAIN: &[&str] = &[
        "ONLINE",
        "OFFLINE",
        "IGNORE",
        "UNIQUE",
        "FULLTEXT",
        "SPATIAL",
        "VECTOR",
        "AGGREGATE",
        "UNDO",
    ];
    loop {
        if c.is_word(0, "SPATIAL") && c.is_word(1, "REFERENCE") {
            return;
        } else if c.eat(&["DEFINER"]) {
            c.eat_punct('=');
            c.next();
            if c.eat_punct('@') {
                c.next();
            } else if c.is_punct(0, '(') {
                c.skip_value();
            }
        } else if c.eat(&["ALGORITHM"]) {
            c.eat_punct('=');
            c.next();
        } else if c.eat(&["SQL", "SECURITY"]) {
            c.next();
        } else if !c.eat_any(PLAIN) {
            return;
        }
    }
}

/// Objects that are never replicated, by the word that names their kind.
pub(super) fn ignored_object(word: &str) -> Option<Ignored> {
    Some(match word {
        "TRIGGER" => Ignored::Trigger,
        "PROCEDURE" | "FUNCTION" | "PACKAGE" | "LIBRARY" => Ignored::Routine,
        "EVENT" => Ignored::Event,
        "SEQUENCE" => Ignored::Sequence,
        "USER" | "ROLE" => Ignored::Account,
        "SERVER" | "TABLESPACE" | "LOGFILE" | "RESOURCE" | "SPATIAL" | "INSTANCE" => Ignored::Server,
        "PREPARE" => Ignored::Session,
        _ => return None,
    })
}

/// After CREATE.
pub(super) fn create(c: &mut Cursor<'_>) -> Option<Classified> {
    let or_replace = c.eat(&["OR", "REPLACE"]);
    if c.eat(&["TEMPORARY"]) {
        return Some(Classified::Temporary);
    }
    modifiers(c);
    let Token::Word(object) = c.next() else {
        return None;
    };
    let object = object.to_ascii_uppercase();
    let mut change = match object.as_str() {
        "TABLE" => create_table(c)?,
        "INDEX" => {
            c.if_exists();
            index_on(c, DdlKind::CreateIndex)?
        }
        "VIEW" => {
            c.if_exists();
            view(c)?
        }
        "DATABASE" | "SCHEMA" => {
            c.if_exists();
            schema_level(c, DdlKind::CreateSchema)?
        }
        other => return ignored_object(other).map(Classified::Ignored),
    };
    change.or_replace = or_replace;
    Some(Classified::Ddl(change))
}

/// CREATE VIEW and ALTER VIEW, which replaces the definition too.
pub(super) fn view(c: &mut Cursor<'_>) -> Option<Ddl> {
    let name = c.table_name()?;
    c.qualified = false;
    Some(ddl(c, DdlKind::CreateView, vec![target(name)]))
}

fn schema_level(c: &mut Cursor<'_>, kind: DdlKind) -> Option<Ddl> {
    let schema = c.name()?;
    Some(Ddl {
        schema: Some(schema),
        ..ddl(c, kind, Vec::new())
    })
}

fn index_on(c: &mut Cursor<'_>, kind: DdlKind) -> Option<Ddl> {
    let index = c.name()?;
    while !c.at_end() && !c.eat(&["ON"]) {
        c.skip_value();
    }
    let table = c.table_name()?;
    let primary = kind == DdlKind::DropIndex && index.eq_ignore_ascii_case("PRIMARY");
    let kind = if primary { DdlKind::DropPrimaryKey } else { kind };
    Some(ddl(c, kind, vec![target(table)]))
}

fn create_table(c: &mut Cursor<'_>) -> Option<Ddl> {
    c.if_exists();
    let name = c.table_name()?;
    let parenthesised = c.is_punct(0, '(') && c.is_word(1, "LIKE");
    if parenthesised {
        c.next();
    }
    let like = if c.eat(&["LIKE"]) {
        Some(c.table_name()?)
    } else {
        None
    };
    let mut change = ddl(c, DdlKind::CreateTable, vec![target(name)]);
    if like.is_some() {
        change.like = like;
        return Some(change);
    }
    while !c.at_end() {
        if starts_query(c) {
            change.has_select = true;
            break;
        }
        if c.is_word(0, "START") && c.is_word(1, "TRANSACTION") {
            change.start_transaction_at = Some(c.position());
            break;
        }
        c.skip_value();
    }
    Some(change)
}

/// Whether a query comes next, perhaps in parentheses. Its first words are reserved, so no column can have them.
fn starts_query(c: &mut Cursor<'_>) -> bool {
    const PARENTHESES_MAX: usize = 64;
    let mut n = 0;
    while n < PARENTHESES_MAX && c.is_punct(n, '(') {
        n += 1;
    }
    // WITH at the top is left for the SELECT that follows it: MariaDB has WITH SYSTEM VERSIONING there.
    c.is_any(n, &["SELECT", "VALUES", "TABLE"]) || n > 0 && c.is_word(n, "WITH")
}

/// After DROP.
pub(super) fn drop(c: &mut Cursor<'_>) -> Option<Classified> {
    if c.eat(&["TEMPORARY"]) {
        return Some(Classified::Temporary);
    }
    modifiers(c);
    let Token::Word(object) = c.next() else {
        return None;
    };
    let object = object.to_ascii_uppercase();
    let change = match object.as_str() {
        "TABLE" | "TABLES" => drop_list(c, DdlKind::DropTable)?,
        "VIEW" => drop_list(c, DdlKind::DropView)?,
        "INDEX" => {
            c.if_exists();
            index_on(c, DdlKind::DropIndex)?
        }
        "DATABASE" | "SCHEMA" => {
            c.if_exists();
            schema_level(c, DdlKind::DropSchema)?
        }
        other => return ignored_object(other).map(Classified::Ignored),
    };
    Some(Classified::Ddl(change))
}

fn drop_list(c: &mut Cursor<'_>, kind: DdlKind) -> Option<Ddl> {
    c.if_exists();
    let mut tables = vec![target(c.table_name()?)];
    while c.eat_punct(',') {
        tables.push(target(c.table_name()?));
    }
    Some(ddl(c, kind, tables))
}

/// After RENAME.
pub(super) fn rename(c: &mut Cursor<'_>) -> Option<Classified> {
    if c.is_word(0, "USER") {
        return Some(Classified::Ignored(Ignored::Account));
    }
    if !c.eat_any(&["TABLE", "TABLES"]) {
        return None;
    }
    c.if_exists();
    let mut tables = Vec::new();
    loop {
        let old_name = c.table_name()?;
        c.wait();
        if !c.eat(&["TO"]) {
            return None;
        }
        tables.push(Target {
            name: c.table_name()?,
            old_name: Some(old_name),
        });
        if !c.eat_punct(',') {
            break;
        }
    }
    Some(Classified::Ddl(ddl(c, DdlKind::RenameTable, tables)))
}

/// After TRUNCATE.
pub(super) fn truncate(c: &mut Cursor<'_>) -> Option<Classified> {
    // A table may be called "table" only in quotes.
    c.eat(&["TABLE"]);
    let table = c.table_name()?;
    Some(Classified::Ddl(ddl(
        c,
        DdlKind::TruncateTable,
        vec![target(table)],
    )))
}
