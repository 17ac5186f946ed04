//! Lines of data files as values for SQL.

use serde_json::Value;

use super::consumer::Columns;

/// What a line says: values as SQL literals, in the order of the columns.
#[derive(Debug)]
pub(super) struct Change {
    /// The row that is no more.
    pub(super) gone: Option<Vec<String>>,
    /// The row that is there now.
    pub(super) is: Option<Vec<String>>,
}

pub(super) fn canal_json(text: &str, columns: &Columns) -> Vec<Change> {
    text.lines()
        .map(|line| {
            let message: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            let image = |member: &str| -> Vec<String> {
                let image = &message[member][0];
                let literal = |(name, ty): (&String, &String)| canal_literal(&image[name], ty);
                columns.names.iter().zip(&columns.types).map(literal).collect()
            };
            match message["type"].as_str().unwrap() {
                "INSERT" => Change {
                    gone: None,
                    is: Some(image("data")),
                },
                "DELETE" => Change {
                    gone: Some(image("data")),
                    is: None,
                },
                "UPDATE" => Change {
                    gone: Some(image("old")),
                    is: Some(image("data")),
                },
                other => panic!("{other}"),
            }
        })
        .collect()
}

fn canal_literal(value: &Value, ty: &str) -> String {
    let Some(text) = value.as_str() else {
        return "NULL".to_owned();
    };
    match ty {
        "ENUM" | "SET" | "BIT" => text.to_owned(),
        ty if is_binary(ty) => {
            let bytes: Vec<String> = text.chars().map(|c| format!("{:02X}", u32::from(c))).collect();
            format!("X'{}'", bytes.concat())
        }
        _ => quoted(text),
    }
}

/// The three fields before the values are operation, table and schema.
pub(super) fn csv(text: &str, columns: &Columns) -> Vec<Change> {
    lines(text)
        .into_iter()
        .map(|fields| {
            let literal = |(field, ty): (&Field, &String)| match field {
                Field::Bare(text) if text == "\\N" => "NULL".to_owned(),
                Field::Bare(text) => text.clone(),
                Field::Quoted(text) if is_binary(ty) => format!("FROM_BASE64('{text}')"),
                Field::Quoted(text) => quoted(text),
            };
            assert_eq!(fields.len(), columns.names.len() + 3, "{fields:?}");
            let values = || Some(fields[3..].iter().zip(&columns.types).map(literal).collect());
            match &fields[0] {
                Field::Quoted(op) if op == "D" => Change {
                    gone: values(),
                    is: None,
                },
                Field::Quoted(op) if op == "I" || op == "U" => Change {
                    gone: None,
                    is: values(),
                },
                other => panic!("{other:?}"),
            }
        })
        .collect()
}

#[derive(Debug)]
enum Field {
    Bare(String),
    Quoted(String),
}

/// Fields of each line; a quoted one may hold line breaks.
fn lines(text: &str) -> Vec<Vec<Field>> {
    let mut lines = Vec::new();
    let mut fields = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_field(quoted),
            None => {
                let end = rest.find([',', '\r']).unwrap();
                (Field::Bare(rest[..end].to_owned()), &rest[end..])
            }
        };
        fields.push(field);
        rest = match after.strip_prefix(',') {
            Some(next) => next,
            None => {
                lines.push(std::mem::take(&mut fields));
                after
                    .strip_prefix("\r\n")
                    .unwrap_or_else(|| panic!("no end of line: {after:.80}"))
            }
        };
    }
    lines
}

fn quoted_field(text: &str) -> (Field, &str) {
    let mut value = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once('"').expect("a closing quote");
        value.push_str(before);
        match after.strip_prefix('"') {
            Some(more) => {
                value.push('"');
                rest = more;
            }
            None => return (Field::Quoted(value), after),
        }
    }
}

fn is_binary(ty: &str) -> bool {
    ty.ends_with("BINARY") || ty.ends_with("BLOB")
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}
