//! Tells what a logged statement does, without understanding more of SQL than it needs.
//!
//! Reads words, names, strings and parentheses, not column definitions, so that it keeps up with every version of
//! both servers. Content of `/*! .. */` and `/*M! .. */` counts as executed, whatever its version number says.

mod alter;
mod control;
mod dml;
mod schema;
mod token;
mod types;

use token::{Cursor, Token};
pub use types::{Classified, Control, Ddl, Dml, Ignored, Target, Xid};

/// Classifies one statement as the binlog carries it.
///
/// `default_schema` is the schema of the session (empty if it had none), given to names that the text does not
/// qualify. `ansi_quotes`: whether `"` quotes names (SQL mode ANSI_QUOTES) rather than strings. Never fails and never
/// panics: what is not understood comes back as [`Classified::Other`].
pub fn classify(query: &str, default_schema: &str, ansi_quotes: bool) -> Classified {
    let mut cursor = Cursor::new(query, default_schema, ansi_quotes, true);
    let first = statement(&mut cursor);
    if !cursor.is_broken() {
        return first;
    }
    // A string that never ends: the session had NO_BACKSLASH_ESCAPES, where a backslash is only itself.
    let mut cursor = Cursor::new(query, default_schema, ansi_quotes, false);
    let second = statement(&mut cursor);
    if cursor.is_broken() { first } else { second }
}

fn statement(c: &mut Cursor<'_>) -> Classified {
    // SET STATEMENT name = value, .. FOR statement
    if c.eat(&["SET", "STATEMENT"]) {
        while !c.at_end() && !c.eat(&["FOR"]) {
            c.skip_value();
        }
    }
    if c.at_end() {
        return Classified::Ignored(Ignored::Empty);
    }
    let head = head(c);
    parse(c).unwrap_or(Classified::Other(head))
}

/// Words that are safe to show: the verb, and for some verbs the kind of object.
fn head(c: &mut Cursor<'_>) -> String {
    const LENGTH_MAX: usize = 32;
    let word = |token: &Token<'_>| match token {
        Token::Word(word) if word.len() <= LENGTH_MAX && word.is_ascii() => Some(word.to_ascii_uppercase()),
        _ => None,
    };
    let Some(verb) = word(c.peek()) else {
        return String::new();
    };
    let object = if matches!(
        verb.as_str(),
        "CREATE" | "ALTER" | "DROP" | "RENAME" | "LOAD" | "XA" | "START" | "STOP"
    ) {
        word(c.peek_at(1))
    } else {
        None
    };
    object.map_or_else(|| verb.clone(), |object| format!("{verb} {object}"))
}

fn parse(c: &mut Cursor<'_>) -> Option<Classified> {
    let Token::Word(verb) = c.peek() else { return None };
    let verb = verb.to_ascii_uppercase();
    match verb.as_str() {
        "CREATE" | "ALTER" | "DROP" | "RENAME" | "TRUNCATE" => {
            c.next();
            match verb.as_str() {
                "CREATE" => schema::create(c),
                "ALTER" => alter::parse(c),
                "DROP" => schema::drop(c),
                "RENAME" => schema::rename(c),
                _ => schema::truncate(c),
            }
        }
        "BEGIN" | "START" | "COMMIT" | "ROLLBACK" | "SAVEPOINT" | "RELEASE" | "XA" => {
            control::parse(c).map(Classified::Control)
        }
        "INSERT" | "REPLACE" | "UPDATE" | "DELETE" | "LOAD" | "CALL" | "SELECT" | "DO" | "WITH" => {
            dml::parse(c).map(Classified::Dml)
        }
        _ => ignored(c, &verb).map(Classified::Ignored),
    }
}

fn ignored(c: &mut Cursor<'_>, verb: &str) -> Option<Ignored> {
    Some(match verb {
        "GRANT" | "REVOKE" => Ignored::Account,
        "SET" if c.is_any(1, &["PASSWORD", "ROLE"]) || c.is_word(1, "DEFAULT") && c.is_word(2, "ROLE") => {
            Ignored::Account
        }
        "ANALYZE" | "OPTIMIZE" | "REPAIR" | "CHECK" | "CHECKSUM" | "FLUSH" | "CACHE" | "RESET" | "PURGE"
        | "KILL" => Ignored::Maintenance,
        "INSTALL" | "UNINSTALL" | "SHUTDOWN" | "RESTART" | "CLONE" => Ignored::Server,
        "SET" | "USE" | "LOCK" | "UNLOCK" | "PREPARE" | "EXECUTE" | "DEALLOCATE" | "SHOW" | "EXPLAIN"
        | "DESCRIBE" | "DESC" | "HELP" | "HANDLER" => Ignored::Session,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
