//! Statement-based writes.

use tidegate_model::TableName;

use super::token::{Cursor, Token};
use super::types::Dml;

const MODIFIERS: &[&str] = &[
    "LOW_PRIORITY",
    "DELAYED",
    "HIGH_PRIORITY",
    "QUICK",
    "IGNORE",
    "CONCURRENT",
    "LOCAL",
];
/// What can follow the table references of an UPDATE or DELETE.
const AFTER_REFERENCES: &[&str] = &["SET", "WHERE", "ORDER", "LIMIT", "RETURNING", "FOR"];

/// INSERT, REPLACE, UPDATE, DELETE, LOAD, CALL, SELECT, DO, WITH.
pub(super) fn parse(c: &mut Cursor<'_>) -> Option<Dml> {
    if c.eat(&["WITH"]) {
        let verbs = ["INSERT", "REPLACE", "UPDATE", "DELETE", "SELECT"];
        while !c.at_end() && !c.is_any(0, &verbs) {
            c.skip_value();
        }
    }
    let one = |table: TableName| vec![table];
    let Token::Word(verb) = c.next() else { return None };
    let (verb, tables) = match verb.to_ascii_uppercase().as_str() {
        "INSERT" => ("INSERT", insert_target(c).map(one)?),
        "REPLACE" => ("REPLACE", insert_target(c).map(one)?),
        "UPDATE" => {
            while c.eat_any(MODIFIERS) {}
            ("UPDATE", references(c))
        }
        "DELETE" => ("DELETE", deleted(c)),
        "LOAD" if c.eat_any(&["DATA", "XML"]) => {
            while !c.at_end() && !c.eat(&["INTO", "TABLE"]) {
                c.next();
            }
            ("LOAD", c.table_name().map(one)?)
        }
        "CALL" => ("CALL", Vec::new()),
        "SELECT" => ("SELECT", Vec::new()),
        "DO" => ("DO", Vec::new()),
        _ => return None,
    };
    Some(Dml { verb, tables })
}

fn insert_target(c: &mut Cursor<'_>) -> Option<TableName> {
    while c.eat_any(MODIFIERS) {}
    c.eat(&["INTO"]);
    c.table_name()
}

fn deleted(c: &mut Cursor<'_>) -> Vec<TableName> {
    while c.eat_any(MODIFIERS) {}
    // DELETE a, b FROM references: targets are among the references, perhaps by an alias.
    while !c.at_end() && !c.eat(&["FROM"]) {
        c.next();
    }
    let tables = references(c);
    if c.eat(&["USING"]) { references(c) } else { tables }
}

/// The tables of a list with joins. Sub-queries are only read, so they do not count.
fn references(c: &mut Cursor<'_>) -> Vec<TableName> {
    let mut tables = Vec::new();
    let mut expecting = true;
    while !c.at_end() && !c.is_any(0, AFTER_REFERENCES) {
        if c.is_word(0, "USING") && !c.is_punct(1, '(') {
            break;
        }
        if c.is_punct(0, '(') {
            if expecting && !c.is_any(1, &["SELECT", "WITH", "VALUES"]) {
                c.next();
            } else {
                c.skip_value();
                expecting = false;
            }
        } else if c.eat_punct(',') || c.eat_any(&["JOIN", "STRAIGHT_JOIN"]) {
            expecting = true;
        } else if expecting && matches!(c.peek(), Token::Word(_) | Token::Name(_)) {
            tables.extend(c.table_name());
            expecting = false;
        } else {
            c.next();
        }
    }
    tables
}
