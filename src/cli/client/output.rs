//! Printing answers.
#![allow(clippy::print_stdout, reason = "the answer of a command line tool")]

use serde::Serialize;
use tidegate_model::{ErrorCode, Result, ResultExt};

/// Prints JSON as the original's tool does: indented by two blanks.
pub(super) fn json(value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value)
        .code(ErrorCode::InternalServerError, "cannot encode the answer")?;
    println!("{text}");
    Ok(())
}

/// Prints a line as it is.
pub(super) fn text(line: &str) {
    println!("{line}");
}

/// Prints columns under their heads.
pub(super) fn table<const N: usize>(heads: [&str; N], rows: &[[String; N]]) {
    print!("{}", columns(heads, rows));
}

fn columns<const N: usize>(heads: [&str; N], rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([heads[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let heads = heads.map(str::to_owned);
    let mut text = String::new();
    for row in std::iter::once(&heads).chain(rows) {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width + 2 - cell.chars().count()));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let row = |a: &str, b: &str| [a.to_owned(), b.to_owned()];
        assert_eq!(
            columns(["ID", "STATE"], &[row("öl", "normal"), row("orders", "")]),
            "ID      STATE\nöl      normal\norders\n"
        );
    }
}
