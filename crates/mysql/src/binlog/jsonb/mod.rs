//! MySQL's binary JSON: to the text that SELECT prints, and with the diffs of partial updates applied.

mod diff;
mod scalar;
mod value;

pub(crate) use diff::apply_diffs;

use super::read::{Fault, Parse};
use scalar::{write_scalar, write_string};
use value::{Container, Value};

/// Most levels of nesting, a little above what MySQL accepts.
const DEPTH_MAX: usize = 128;

/// Appends the text of a binary document: keys in their binary order, `", "` and `": "` between.
pub(crate) fn write_text(document: &[u8], out: &mut Vec<u8>) -> Parse<()> {
    let mut writer = Writer::new(document.len(), out);
    writer.value(Value::root(document)?, 0)
}

/// Writes values and counts their bytes. Every value and key of a true document has bytes of its own, so one that
/// needs more than the document's length uses some of them twice, and could grow without end.
struct Writer<'o> {
    out: &'o mut Vec<u8>,
    budget: usize,
}

impl<'o> Writer<'o> {
    fn new(document_bytes: usize, out: &'o mut Vec<u8>) -> Self {
        Writer {
            out,
            budget: document_bytes + 1,
        }
    }

    fn spend(&mut self, bytes: usize) -> Parse<()> {
        self.budget = self
            .budget
            .checked_sub(bytes)
            .ok_or(Fault::Invalid("a JSON document uses bytes twice"))?;
        Ok(())
    }

    fn value(&mut self, value: Value<'_>, depth: usize) -> Parse<()> {
        match value.container()? {
            Some(container) => self.container(&container, depth + 1),
            None => {
                let used = write_scalar(value, self.out)?;
                self.spend(used)
            }
        }
    }

    fn container(&mut self, container: &Container<'_>, depth: usize) -> Parse<()> {
        if depth > DEPTH_MAX {
            return Err(Fault::Invalid("a JSON document is nested too deeply"));
        }
        self.spend(1)?;
        self.out.push(if container.is_object { b'{' } else { b'[' });
        for i in 0..container.count {
            if i > 0 {
                self.out.extend_from_slice(b", ");
            }
            if container.is_object {
                self.key(container.key(i)?)?;
            }
            self.value(container.value(i)?, depth)?;
        }
        self.out.push(if container.is_object { b'}' } else { b']' });
        Ok(())
    }

    fn key(&mut self, key: &[u8]) -> Parse<()> {
        self.spend(key.len())?;
        write_string(key, self.out);
        self.out.extend_from_slice(b": ");
        Ok(())
    }
}

#[cfg(test)]
mod tests;
