//! Quoted identifiers.

use tidegate_model::TableName;

/// Appends `name` in back quotes, back quotes inside doubled.
pub fn push_ident(out: &mut Vec<u8>, name: &str) {
    out.push(b'`');
    for byte in name.bytes() {
        if byte == b'`' {
            out.push(b'`');
        }
        out.push(byte);
    }
    out.push(b'`');
}

/// Appends `` `schema`.`table` ``.
pub fn push_table(out: &mut Vec<u8>, name: &TableName) {
    push_ident(out, &name.schema);
    out.push(b'.');
    push_ident(out, &name.table);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_quotes_are_doubled() {
        let mut out = Vec::new();
        push_table(&mut out, &TableName::new("sh`op", "bestell``ungen ü"));
        assert_eq!(String::from_utf8(out).unwrap(), "`sh``op`.`bestell````ungen ü`");
    }
}
