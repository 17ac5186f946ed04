//! Just enough SQL to run what the MySQL sink writes for tables of whole numbers.

use crate::downstream::{Table, Tables};

/// A statement that writes rows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Statement {
    /// INSERT or REPLACE.
    Insert {
        table: String,
        columns: Vec<String>,
        rows: Vec<Vec<i64>>,
        replace: bool,
    },
    /// Each key with what it sets.
    Update {
        table: String,
        rows: Vec<(i64, Vec<(String, i64)>)>,
    },
    /// By primary key.
    Delete { table: String, keys: Vec<i64> },
    /// BEGIN.
    Begin,
    /// COMMIT.
    Commit,
}

/// Why a statement did not run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Refusal {
    /// The server's error number.
    pub(crate) code: u16,
    /// Set when no right sink comes to it.
    pub(crate) complaint: Option<String>,
}

const DUPLICATE: u16 = 1062;
const NO_TABLE: u16 = 1146;
const UNKNOWN_COLUMN: u16 = 1054;

/// Reads a text of statements.
///
/// # Errors
/// The statement that is not understood.
pub(crate) fn parse(text: &[u8]) -> Result<Vec<Statement>, String> {
    let text = std::str::from_utf8(text).map_err(|error| error.to_string())?;
    let statements = text.split(';').filter(|statement| !statement.is_empty());
    statements
        .map(|statement| {
            let mut tokens = Tokens::new(statement);
            let parsed = tokens.statement();
            parsed
                .filter(|_| tokens.0.is_empty())
                .ok_or_else(|| format!("not understood: {statement}"))
        })
        .collect()
}

/// Runs one statement.
pub(crate) fn run(tables: &mut Tables, statement: &Statement) -> Result<(), Refusal> {
    match statement {
        Statement::Begin | Statement::Commit => Ok(()),
        Statement::Insert {
            table,
            columns,
            rows,
            replace,
        } => {
            let table = find(tables, table)?;
            let expected = (0..table.columns).map(column_name);
            if !columns.iter().cloned().eq(expected) {
                return Err(other_schema(columns));
            }
            rows.iter().try_for_each(|row| insert(table, row, *replace))
        }
        Statement::Update { table, rows } => {
            let table = find(tables, table)?;
            rows.iter().try_for_each(|(key, sets)| update(table, *key, sets))
        }
        Statement::Delete { table, keys } => {
            let table = find(tables, table)?;
            for key in keys {
                table.rows.remove(key);
            }
            Ok(())
        }
    }
}

fn find<'a>(tables: &'a mut Tables, name: &str) -> Result<&'a mut Table, Refusal> {
    tables.get_mut(name).ok_or_else(|| Refusal {
        code: NO_TABLE,
        complaint: Some(format!("a row for {name}, which does not exist")),
    })
}

fn column_name(index: usize) -> String {
    if index == 0 {
        "id".to_owned()
    } else {
        format!("c{index}")
    }
}

fn other_schema(columns: &[String]) -> Refusal {
    Refusal {
        code: UNKNOWN_COLUMN,
        complaint: Some(format!("a row of another schema: {columns:?}")),
    }
}

/// The row that has the key or the unique value of `row`, if any.
fn rival(table: &Table, row: &[i64]) -> Option<i64> {
    if table.rows.contains_key(&row[0]) {
        return Some(row[0]);
    }
    let same = |other: &&Vec<i64>| table.unique && other[1] == row[1];
    table.rows.values().find(same).map(|other| other[0])
}

fn insert(table: &mut Table, row: &[i64], replace: bool) -> Result<(), Refusal> {
    while let Some(key) = rival(table, row) {
        if !replace {
            return Err(duplicate());
        }
        table.rows.remove(&key);
    }
    table.rows.insert(row[0], row.to_vec());
    Ok(())
}

fn update(table: &mut Table, key: i64, sets: &[(String, i64)]) -> Result<(), Refusal> {
    let Some(old) = table.rows.remove(&key) else {
        return Ok(());
    };
    let mut row = old.clone();
    for (column, value) in sets {
        let index = (0..table.columns).find(|index| column_name(*index) == *column);
        let Some(index) = index else {
            return Err(other_schema(std::slice::from_ref(column)));
        };
        row[index] = *value;
    }
    if rival(table, &row).is_some() {
        table.rows.insert(key, old);
        return Err(duplicate());
    }
    table.rows.insert(row[0], row);
    Ok(())
}

fn duplicate() -> Refusal {
    Refusal {
        code: DUPLICATE,
        complaint: None,
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Token<'a> {
    Word(&'a str),
    Name(&'a str),
    Number(i64),
    Sign(char),
}

struct Tokens<'a>(std::collections::VecDeque<Token<'a>>);

impl<'a> Tokens<'a> {
    fn new(text: &'a str) -> Self {
        let mut tokens = std::collections::VecDeque::new();
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let end = |from: usize, stop: fn(char) -> bool| {
                rest[from..].find(stop).map_or(rest.len(), |at| from + at)
            };
            let (token, len) = match first {
                '`' => {
                    let end = end(1, |c| c == '`');
                    (Token::Name(&rest[1..end]), end + 1)
                }
                '-' | '0'..='9' => {
                    let end = end(1, |c| !c.is_ascii_digit());
                    (rest[..end].parse().map_or(Token::Sign('-'), Token::Number), end)
                }
                'A'..='Z' => {
                    let end = end(1, |c| !c.is_ascii_uppercase());
                    (Token::Word(&rest[..end]), end)
                }
                other => (Token::Sign(other), other.len_utf8()),
            };
            tokens.push_back(token);
            rest = rest.get(len..).unwrap_or_default().trim_start();
        }
        Tokens(tokens)
    }

    fn take(&mut self, token: Token<'_>) -> bool {
        let found = self.0.front() == Some(&token);
        if found {
            self.0.pop_front();
        }
        found
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.take(Token::Word(word)).then_some(())
    }

    fn sign(&mut self, sign: char) -> Option<()> {
        self.take(Token::Sign(sign)).then_some(())
    }

    fn name(&mut self) -> Option<String> {
        match self.0.pop_front()? {
            Token::Name(name) => Some(name.to_owned()),
            _ => None,
        }
    }

    fn number(&mut self) -> Option<i64> {
        match self.0.pop_front()? {
            Token::Number(number) => Some(number),
            _ => None,
        }
    }

    /// `` `schema`.`table` ``
    fn table(&mut self) -> Option<String> {
        self.name()?;
        self.sign('.')?;
        self.name()
    }

    /// `(a,b,..)`
    fn list<T>(&mut self, item: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        self.sign('(')?;
        let mut items = vec![item(self)?];
        while self.take(Token::Sign(',')) {
            items.push(item(self)?);
        }
        self.sign(')')?;
        Some(items)
    }

    fn statement(&mut self) -> Option<Statement> {
        match self.0.pop_front()? {
            Token::Word("BEGIN") => Some(Statement::Begin),
            Token::Word("COMMIT") => Some(Statement::Commit),
            Token::Word("INSERT") => self.insert(false),
            Token::Word("REPLACE") => self.insert(true),
            Token::Word("DELETE") => self.delete(),
            Token::Word("UPDATE") => self.update(),
            _ => None,
        }
    }

    fn insert(&mut self, replace: bool) -> Option<Statement> {
        self.word("INTO")?;
        let table = self.table()?;
        let columns = self.list(Tokens::name)?;
        self.word("VALUES")?;
        let row = |tokens: &mut Self| tokens.list(Tokens::number);
        let mut rows = vec![row(self)?];
        while self.take(Token::Sign(',')) {
            rows.push(row(self)?);
        }
        Some(Statement::Insert {
            table,
            columns,
            rows,
            replace,
        })
    }

    fn delete(&mut self) -> Option<Statement> {
        self.word("FROM")?;
        let table = self.table()?;
        self.word("WHERE")?;
        Some(Statement::Delete {
            table,
            keys: self.keys()?,
        })
    }

    /// `` `id` IN (1,2) `` or `` `id`=1 LIMIT 1 ``
    fn keys(&mut self) -> Option<Vec<i64>> {
        (self.name()? == "id").then_some(())?;
        if self.take(Token::Word("IN")) {
            return self.list(Tokens::number);
        }
        self.sign('=')?;
        let key = self.number()?;
        self.word("LIMIT")?;
        self.number()?;
        Some(vec![key])
    }

    fn update(&mut self) -> Option<Statement> {
        let table = self.table()?;
        self.word("SET")?;
        let mut sets = vec![self.assignment()?];
        while self.take(Token::Sign(',')) {
            sets.push(self.assignment()?);
        }
        self.word("WHERE")?;
        let keys = self.keys()?;
        let row = |key: i64| {
            let sets = sets
                .iter()
                .map(|(column, value)| Some((column.clone(), value.of(key)?)));
            Some((key, sets.collect::<Option<Vec<_>>>()?))
        };
        let rows = keys.into_iter().map(row).collect::<Option<Vec<_>>>()?;
        Some(Statement::Update { table, rows })
    }

    /// `` `c`=1 `` or `` `c`=CASE `id` WHEN 1 THEN 2 .. END ``
    fn assignment(&mut self) -> Option<(String, Value)> {
        let column = self.name()?;
        self.sign('=')?;
        if !self.take(Token::Word("CASE")) {
            return Some((column, Value::Same(self.number()?)));
        }
        (self.name()? == "id").then_some(())?;
        let mut cases = Vec::new();
        while self.take(Token::Word("WHEN")) {
            let key = self.number()?;
            self.word("THEN")?;
            cases.push((key, self.number()?));
        }
        self.word("END")?;
        Some((column, Value::ByKey(cases)))
    }
}

enum Value {
    Same(i64),
    ByKey(Vec<(i64, i64)>),
}

impl Value {
    fn of(&self, key: i64) -> Option<i64> {
        match self {
            Value::Same(value) => Some(*value),
            Value::ByKey(cases) => cases.iter().find(|(of, _)| *of == key).map(|(_, value)| *value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_the_sink_writes_is_understood() {
        let text = b"BEGIN;INSERT INTO `s`.`t` (`id`,`c1`) VALUES (1,-2),(3,4);REPLACE INTO `s`.`t` (`id`) VALUES (1);\
            DELETE FROM `s`.`t` WHERE `id` IN (1,2);UPDATE `s`.`t` SET `c1`=5,`id`=6 WHERE `id`=7 LIMIT 1;\
            UPDATE `s`.`t` SET `c1`=CASE `id` WHEN 1 THEN 2 WHEN 3 THEN 4 END WHERE `id` IN (1,3);COMMIT";
        let found = parse(text).expect("understood");
        assert_eq!(found.len(), 7);
        let set = |value| vec![("c1".to_owned(), value)];
        let update = Statement::Update {
            table: "t".to_owned(),
            rows: vec![(1, set(2)), (3, set(4))],
        };
        assert_eq!(found[5], update);
        for text in [
            "SELECT 1",
            "INSERT INTO `s`.`t` (`id`) VALUES (1) x",
            "UPDATE `t` SET `a`=1",
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
