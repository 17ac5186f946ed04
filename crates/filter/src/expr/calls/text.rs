//! Functions of texts.

use std::borrow::Cow;

use tidegate_model::Image;

use super::count;
use crate::expr::collation::{Collation, lossy};
use crate::expr::eval::EvalError;
use crate::expr::functions::{Function, Side};
use crate::expr::node::Typed;
use crate::expr::value::Value;

pub(super) fn call<'v>(
    function: &Function,
    args: &'v [Typed],
    row: Image<'v>,
) -> Result<Value<'v>, EvalError> {
    if *function == Function::Concat {
        return concat(args, row);
    }
    let first = &args[0];
    let binary = first.kind.text().collation.is_binary();
    let Some(text) = first.text(row)? else {
        return Ok(Value::Null);
    };
    Ok(match function {
        Function::Length => length(text.len()),
        Function::CharLength => length(if binary {
            text.len()
        } else {
            lossy(&text).chars().count()
        }),
        Function::Lower if !binary => Value::Text(mapped(&text, char::to_lowercase)),
        Function::Upper if !binary => Value::Text(mapped(&text, char::to_uppercase)),
        Function::Left | Function::Right | Function::Substring => {
            return cut(function, text, binary, &args[1..], row);
        }
        Function::Trim(side) => match args.get(1) {
            Some(what) => match what.text(row)? {
                Some(what) => Value::Text(trimmed(text, &what, *side)),
                None => Value::Null,
            },
            None => Value::Text(trimmed(text, b" ", *side)),
        },
        Function::Locate | Function::Instr => {
            let second = &args[1];
            let Some(other) = second.text(row)? else {
                return Ok(Value::Null);
            };
            let collation = first
                .kind
                .text()
                .merge(second.kind.text())
                .map_or(crate::expr::collation::BINARY, |text| text.collation);
            let (needle, haystack) = if *function == Function::Locate {
                (&text, &other)
            } else {
                (&other, &text)
            };
            length(position(needle, haystack, collation))
        }
        // LOWER and UPPER of bytes.
        _ => Value::Text(text),
    })
}

fn length(length: usize) -> Value<'static> {
    Value::Int(i64::try_from(length).unwrap_or(i64::MAX))
}

fn concat<'v>(args: &'v [Typed], row: Image<'v>) -> Result<Value<'v>, EvalError> {
    let mut all = Vec::new();
    for arg in args {
        match arg.text(row)? {
            Some(text) => all.extend_from_slice(&text),
            None => return Ok(Value::Null),
        }
    }
    Ok(Value::Text(Cow::Owned(all)))
}

/// Each character on its own; one that would become several stays as it is.
fn mapped<I: Iterator<Item = char>>(text: &[u8], map: impl Fn(char) -> I) -> Cow<'static, [u8]> {
    let one = |c: char| {
        let mut to = map(c);
        match (to.next(), to.next()) {
            (Some(to), None) => to,
            _ => c,
        }
    };
    let mapped: String = lossy(text).chars().map(one).collect();
    Cow::Owned(mapped.into_bytes())
}

fn cut<'v>(
    function: &Function,
    text: Cow<'v, [u8]>,
    binary: bool,
    args: &[Typed],
    row: Image<'_>,
) -> Result<Value<'v>, EvalError> {
    let Some(first) = count(&args[0], row)? else {
        return Ok(Value::Null);
    };
    let size = |n: i64| usize::try_from(n).unwrap_or(if n < 0 { 0 } else { usize::MAX });
    let total = || if binary { text.len() } else { starts(&text).count() };
    let (start, length) = match function {
        Function::Left => (0, size(first)),
        Function::Right => {
            let length = size(first);
            (total().saturating_sub(length), length)
        }
        _ => {
            let length = match args.get(1) {
                Some(arg) => match count(arg, row)? {
                    Some(length) => size(length),
                    None => return Ok(Value::Null),
                },
                None => usize::MAX,
            };
            let start = match first {
                0 => return Ok(Value::Text(Cow::Borrowed(b""))),
                1.. => size(first - 1),
                _ => match total().checked_sub(size(first.saturating_neg())) {
                    Some(start) => start,
                    None => return Ok(Value::Text(Cow::Borrowed(b""))),
                },
            };
            (start, length)
        }
    };
    Ok(Value::Text(part(text, binary, start, length)))
}

/// Where characters begin.
fn starts(text: &[u8]) -> impl Iterator<Item = usize> + '_ {
    text.iter()
        .enumerate()
        .filter(|(_, byte)| **byte & 0xc0 != 0x80)
        .map(|(at, _)| at)
}

/// `length` characters (or bytes) from `start` on, as far as there are any.
pub(super) fn part(text: Cow<'_, [u8]>, binary: bool, start: usize, length: usize) -> Cow<'_, [u8]> {
    let (from, to) = if binary {
        let from = start.min(text.len());
        (from, from.saturating_add(length).min(text.len()))
    } else {
        let mut starts = starts(&text);
        let from = starts.nth(start).unwrap_or(text.len());
        let to = match length {
            0 => from,
            _ => starts.nth(length - 1).unwrap_or(text.len()),
        };
        (from, to)
    };
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[from..to]),
        Cow::Owned(text) => Cow::Owned(text[from..to].to_vec()),
    }
}

fn trimmed<'v>(text: Cow<'v, [u8]>, what: &[u8], side: Side) -> Cow<'v, [u8]> {
    if what.is_empty() {
        return text;
    }
    let (mut from, mut to) = (0, text.len());
    while side != Side::Trailing && text[from..to].starts_with(what) {
        from += what.len();
    }
    while side != Side::Leading && text[from..to].ends_with(what) {
        to -= what.len();
    }
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[from..to]),
        Cow::Owned(text) => Cow::Owned(text[from..to].to_vec()),
    }
}

/// Where a text stands in another one, from 1 in characters; 0 for nowhere.
fn position(needle: &[u8], haystack: &[u8], collation: Collation) -> usize {
    if collation.is_binary() {
        let mut places = 0..=haystack.len().saturating_sub(needle.len());
        return places
            .find(|at| haystack[*at..].starts_with(needle))
            .map_or(0, |at| at + 1);
    }
    let (needle, haystack) = (lossy(needle), lossy(haystack));
    let mut rest = haystack.chars();
    for place in 1.. {
        let mut ahead = rest.clone();
        if needle
            .chars()
            .all(|c| ahead.next().is_some_and(|other| collation.same_char(c, other)))
        {
            return place;
        }
        if rest.next().is_none() {
            break;
        }
    }
    0
}
