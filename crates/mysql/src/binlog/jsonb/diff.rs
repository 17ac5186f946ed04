//! Diffs of `binlog_row_value_options=PARTIAL_JSON`: replace, insert or remove at a path.

use std::borrow::Cow;

use super::value::Value;
use super::{DEPTH_MAX, Writer};
use crate::binlog::read::{Fault, Parse, Reader};

const NO_FIT: Fault = Fault::PartialJson("a JSON diff does not fit the document before it");
const BAD_PATH: Fault = Fault::PartialJson("a JSON diff has a path that cannot be read");

/// Appends the text of `document` after `diffs`.
pub(crate) fn apply_diffs(document: &[u8], diffs: &[u8], out: &mut Vec<u8>) -> Parse<()> {
    let mut root = Node::Raw(Value::root(document)?);
    let mut reader = Reader::new(diffs);
    while !reader.is_empty() {
        let operation = reader.u8()?;
        let path = parse_path(reader.lenenc_bytes()?)?;
        let value = match operation {
            REPLACE | INSERT => Some(Node::Raw(Value::root(reader.lenenc_bytes()?)?)),
            REMOVE => None,
            _ => return Err(Fault::Invalid("a JSON diff has an unknown operation")),
        };
        apply(&mut root, &path, operation, value)?;
    }
    // Values inserted by diffs have bytes of their own among the diffs.
    let mut writer = Writer::new(document.len() + diffs.len(), out);
    write_node(&mut writer, &root, 0)
}

const REPLACE: u8 = 0;
const INSERT: u8 = 1;
const REMOVE: u8 = 2;

/// A document of which only the parts on some diff's path are unfolded.
#[derive(Clone, Debug)]
enum Node<'a> {
    Raw(Value<'a>),
    Array(Vec<Node<'a>>),
    Object(Vec<(Cow<'a, [u8]>, Node<'a>)>),
}

/// One step of a path.
#[derive(Debug, PartialEq)]
enum Leg<'a> {
    Member(Cow<'a, [u8]>),
    Cell(usize),
}

impl Node<'_> {
    fn unfold(&mut self) -> Parse<()> {
        let Node::Raw(value) = *self else {
            return Ok(());
        };
        let Some(container) = value.container()? else {
            return Ok(());
        };
        *self = if container.is_object {
            let entry = |i| Ok((Cow::Borrowed(container.key(i)?), Node::Raw(container.value(i)?)));
            Node::Object((0..container.count).map(entry).collect::<Parse<_>>()?)
        } else {
            let cell = |i| Ok(Node::Raw(container.value(i)?));
            Node::Array((0..container.count).map(cell).collect::<Parse<_>>()?)
        };
        Ok(())
    }
}

fn apply<'a>(root: &mut Node<'a>, path: &[Leg<'a>], operation: u8, value: Option<Node<'a>>) -> Parse<()> {
    let Some((last, legs)) = path.split_last() else {
        *root = value.filter(|_| operation == REPLACE).ok_or(NO_FIT)?;
        return Ok(());
    };
    let mut node = root;
    for leg in legs {
        node.unfold()?;
        node = child(node, leg)?;
    }
    node.unfold()?;
    match (operation, value) {
        (REPLACE, Some(value)) => *child(node, last)? = value,
        (INSERT, Some(value)) => insert(node, last, value)?,
        _ => remove(node, last)?,
    }
    Ok(())
}

fn child<'n, 'a>(node: &'n mut Node<'a>, leg: &Leg<'_>) -> Parse<&'n mut Node<'a>> {
    let found = match (node, leg) {
        (Node::Object(members), Leg::Member(key)) => members
            .iter_mut()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value),
        (Node::Array(cells), &Leg::Cell(at)) => cells.get_mut(at),
        // A path may take a scalar for an array of one.
        (scalar @ Node::Raw(_), Leg::Cell(0)) => Some(scalar),
        _ => None,
    };
    found.ok_or(NO_FIT)
}

/// Members stand in the order of their keys' lengths, then bytes; a cell pushes those behind it on.
fn insert<'a>(node: &mut Node<'a>, leg: &Leg<'a>, value: Node<'a>) -> Parse<()> {
    match (node, leg) {
        (Node::Object(members), Leg::Member(key)) => {
            match members.binary_search_by(|(name, _)| (name.len(), name).cmp(&(key.len(), key))) {
                Ok(_) => return Err(NO_FIT),
                Err(at) => members.insert(at, (key.clone(), value)),
            }
        }
        (Node::Array(cells), &Leg::Cell(at)) => cells.insert(at.min(cells.len()), value),
        _ => return Err(NO_FIT),
    }
    Ok(())
}

fn remove(node: &mut Node<'_>, leg: &Leg<'_>) -> Parse<()> {
    match (node, leg) {
        (Node::Object(members), Leg::Member(key)) => {
            let at = members.iter().position(|(name, _)| name == key).ok_or(NO_FIT)?;
            members.remove(at);
        }
        (Node::Array(cells), &Leg::Cell(at)) if at < cells.len() => {
            cells.remove(at);
        }
        _ => return Err(NO_FIT),
    }
    Ok(())
}

fn write_node(writer: &mut Writer<'_>, node: &Node<'_>, depth: usize) -> Parse<()> {
    if depth > DEPTH_MAX {
        return Err(Fault::Invalid("a JSON document is nested too deeply"));
    }
    match node {
        Node::Raw(value) => return writer.value(*value, depth),
        Node::Array(cells) => {
            writer.out.push(b'[');
            for (i, cell) in cells.iter().enumerate() {
                if i > 0 {
                    writer.out.extend_from_slice(b", ");
                }
                write_node(writer, cell, depth + 1)?;
            }
            writer.out.push(b']');
        }
        Node::Object(members) => {
            writer.out.push(b'{');
            for (i, (key, value)) in members.iter().enumerate() {
                if i > 0 {
                    writer.out.extend_from_slice(b", ");
                }
                writer.key(key)?;
                write_node(writer, value, depth + 1)?;
            }
            writer.out.push(b'}');
        }
    }
    Ok(())
}

/// `$`, then `.name`, `."quoted name"` and `[number]`.
fn parse_path(path: &[u8]) -> Parse<Vec<Leg<'_>>> {
    let mut rest = path.strip_prefix(b"$").ok_or(BAD_PATH)?;
    let mut legs = Vec::new();
    while let Some((&first, behind)) = rest.split_first() {
        let (leg, left) = match (first, behind.first()) {
            (b'[', _) => parse_cell(behind)?,
            (b'.', Some(b'"')) => parse_quoted(behind)?,
            (b'.', Some(_)) => {
                let end = behind
                    .iter()
                    .position(|byte| b".[".contains(byte))
                    .unwrap_or(behind.len());
                let (name, left) = behind.split_at(end);
                (Leg::Member(Cow::Borrowed(name)), left)
            }
            _ => return Err(BAD_PATH),
        };
        if legs.len() >= DEPTH_MAX {
            return Err(BAD_PATH);
        }
        legs.push(leg);
        rest = left;
    }
    Ok(legs)
}

fn parse_cell(text: &[u8]) -> Parse<(Leg<'_>, &[u8])> {
    let end = text.iter().position(|&byte| byte == b']').ok_or(BAD_PATH)?;
    let number = std::str::from_utf8(&text[..end])
        .ok()
        .and_then(|number| number.trim().parse().ok());
    Ok((Leg::Cell(number.ok_or(BAD_PATH)?), &text[end + 1..]))
}

/// A JSON string.
fn parse_quoted(text: &[u8]) -> Parse<(Leg<'_>, &[u8])> {
    let mut end = 1;
    loop {
        match text.get(end).ok_or(BAD_PATH)? {
            b'"' => break,
            b'\\' => end += 2,
            _ => end += 1,
        }
    }
    let (quoted, left) = text.split_at_checked(end + 1).ok_or(BAD_PATH)?;
    let inner = &quoted[1..end];
    let name = if inner.contains(&b'\\') {
        Cow::Owned(unescape(inner)?)
    } else {
        Cow::Borrowed(inner)
    };
    Ok((Leg::Member(name), left))
}

fn unescape(text: &[u8]) -> Parse<Vec<u8>> {
    let mut reader = Reader::new(text);
    let mut out = Vec::with_capacity(text.len());
    while !reader.is_empty() {
        let byte = reader.u8()?;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        match reader.u8()? {
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => {
                let mut unit = unescape_unit(&mut reader)?;
                if (0xd800..0xdc00).contains(&unit) && reader.rest().starts_with(b"\\u") {
                    reader.take(2)?;
                    let low = unescape_unit(&mut reader)?;
                    unit = 0x1_0000 + ((unit - 0xd800) << 10) + (low.wrapping_sub(0xdc00) & 0x3ff);
                }
                let c = char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER);
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            other => out.push(other),
        }
    }
    Ok(out)
}

fn unescape_unit(reader: &mut Reader<'_>) -> Parse<u32> {
    let digits = std::str::from_utf8(reader.take(4)?).map_err(|_| BAD_PATH)?;
    u32::from_str_radix(digits, 16).map_err(|_| BAD_PATH)
}
