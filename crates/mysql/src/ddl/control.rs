//! Transaction control.

use super::token::{Cursor, Token};
use super::types::{Control, Xid};

/// BEGIN, START, COMMIT, ROLLBACK, SAVEPOINT, RELEASE, XA.
pub(super) fn parse(c: &mut Cursor<'_>) -> Option<Control> {
    if c.eat(&["BEGIN"]) {
        // BEGIN NOT ATOMIC opens a compound statement.
        return (c.at_end() || c.is_word(0, "WORK")).then_some(Control::Begin);
    }
    if c.eat(&["START", "TRANSACTION"]) {
        return Some(Control::Begin);
    }
    if c.eat(&["COMMIT"]) {
        return Some(Control::Commit);
    }
    if c.eat(&["SAVEPOINT"]) {
        return c.name().map(Control::Savepoint);
    }
    if c.eat(&["RELEASE", "SAVEPOINT"]) {
        return c.name().map(Control::Release);
    }
    if c.eat(&["ROLLBACK"]) {
        c.eat(&["WORK"]);
        if !c.eat(&["TO"]) {
            return Some(Control::Rollback);
        }
        // A savepoint may itself be called "savepoint".
        if c.is_word(0, "SAVEPOINT") && *c.peek_at(1) != Token::End {
            c.next();
        }
        return c.name().map(Control::RollbackTo);
    }
    if c.eat(&["XA"]) { xa(c) } else { None }
}

fn xa(c: &mut Cursor<'_>) -> Option<Control> {
    let Token::Word(verb) = c.next() else { return None };
    let xid = xid(c)?;
    let is = |word: &str| verb.eq_ignore_ascii_case(word);
    if is("START") || is("BEGIN") {
        Some(Control::XaStart(xid))
    } else if is("END") {
        Some(Control::XaEnd(xid))
    } else if is("PREPARE") {
        Some(Control::XaPrepare(xid))
    } else if is("COMMIT") {
        let one_phase = c.eat(&["ONE", "PHASE"]);
        Some(Control::XaCommit { xid, one_phase })
    } else if is("ROLLBACK") {
        Some(Control::XaRollback(xid))
    } else {
        None
    }
}

fn xid(c: &mut Cursor<'_>) -> Option<Xid> {
    let gtrid = xid_bytes(c)?;
    let bqual = if c.eat_punct(',') {
        xid_bytes(c)?
    } else {
        Vec::new()
    };
    let format_id = match c.eat_punct(',').then(|| c.next()) {
        None => 1,
        Some(Token::Word(number)) => match number.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        },
        Some(_) => return None,
    };
    Some(Xid {
        gtrid,
        bqual,
        format_id,
    })
}

/// `'text'`, `X'hex'` or `0xhex`.
fn xid_bytes(c: &mut Cursor<'_>) -> Option<Vec<u8>> {
    match c.next() {
        Token::Str(text) => Some(unescape(text)),
        Token::Word(prefix) if prefix.eq_ignore_ascii_case("x") => match c.next() {
            Token::Str(hex) => unhex(hex),
            _ => None,
        },
        Token::Word(word) => unhex(word.strip_prefix("0x")?),
        _ => None,
    }
}

/// Undoes doubled quotes and backslashes; transaction ids hold nothing more exotic.
fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' | b'\'' => out.push(bytes.next().unwrap_or(byte)),
            _ => out.push(byte),
        }
    }
    out
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect()
}
