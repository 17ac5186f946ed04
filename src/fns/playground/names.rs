//! Names of tables as people write them: `schema.table`, with backticks around what holds a dot.

/// Schema and table of a text. Takes the columns of the command-line client too, which puts a tab between them.
pub(crate) fn split(text: &str) -> Option<(String, String)> {
    let text = text.trim();
    if let Some((schema, table)) = text.split_once('\t').filter(|_| !text.contains('`')) {
        let (schema, table) = (schema.trim(), table.trim());
        return (!schema.is_empty() && !table.is_empty()).then(|| (schema.to_owned(), table.to_owned()));
    }
    let (schema, rest) = part(text)?;
    let (table, rest) = part(rest.strip_prefix('.')?)?;
    rest.is_empty().then_some((schema, table))
}

/// The text for schema and table.
pub(crate) fn join(schema: &str, table: &str) -> String {
    format!("{}.{}", quoted(schema), quoted(table))
}

fn quoted(name: &str) -> String {
    let is_plain = !name.contains(['.', '`', '\t']) && name.trim() == name;
    if is_plain {
        name.to_owned()
    } else {
        format!("`{}`", name.replace('`', "``"))
    }
}

/// A name and what follows it.
fn part(text: &str) -> Option<(String, &str)> {
    let Some(inner) = text.strip_prefix('`') else {
        let end = text.find('.').unwrap_or(text.len());
        return (end > 0).then(|| (text[..end].to_owned(), &text[end..]));
    };
    let mut name = String::new();
    let mut rest = inner;
    loop {
        let end = rest.find('`')?;
        name.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('`') {
            Some(after) => {
                name.push('`');
                rest = after;
            }
            None => return (!name.is_empty()).then_some((name, rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{join, split};

    #[test]
    fn names_are_read_as_people_write_them() {
        let check = |text: &str, expect: Option<(&str, &str)>| {
            let expect = expect.map(|(schema, table)| (schema.to_owned(), table.to_owned()));
            assert_eq!(split(text), expect, "{text}");
        };
        check(" shop.orders ", Some(("shop", "orders")));
        check("shop\torders", Some(("shop", "orders")));
        check("`a.b`.`c``d`", Some(("a.b", "c`d")));
        for bad in [
            "", "shop", "shop.", ".orders", "a.b.c", "`a.b", "`a`b.c", "``.a", "a\t",
        ] {
            check(bad, None);
        }
    }

    #[test]
    fn every_name_comes_back() {
        for (schema, table) in [
            ("shop", "orders"),
            ("a.b", "c"),
            ("`", "``"),
            (" a", "b\t"),
            ("a", "b\t"),
        ] {
            let text = join(schema, table);
            assert_eq!(
                split(&text),
                Some((schema.to_owned(), table.to_owned())),
                "{text}"
            );
        }
    }
}
