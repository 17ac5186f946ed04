//! A real MariaDB as the judge: random expressions over random rows have the values that it gives them.
//!
//! The same ones each time, so that a change is judged and not luck: `TIDEGATE_EXPR_SEED=random` looks for more,
//! another number repeats such a run, and `TIDEGATE_EXPR_CASES` makes it longer.

mod writer;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tidegate_mariadb::{Server, ServerOptions};
use tidegate_model::RowBlock;

use super::collation::Collation;
use super::samples::{block, bound, samples, shown, table};
use super::value::Kind;
use writer::Writer;

const SEED: u64 = 20_250_131;
const CASES: usize = 600;
const ROWS: usize = 24;
const DEPTH: u32 = 3;
/// Expressions in one question to the server.
const AT_ONCE: usize = 32;

fn seed() -> u64 {
    match std::env::var("TIDEGATE_EXPR_SEED") {
        Ok(text) => text.parse().unwrap_or_else(|_| rand::random()),
        Err(_) => SEED,
    }
}

fn cases() -> usize {
    let cases = std::env::var("TIDEGATE_EXPR_CASES").ok();
    cases.map_or(CASES, |cases| cases.parse().unwrap())
}

/// Rows and the statements that make them.
fn rows(rng: &mut StdRng) -> (Vec<Vec<usize>>, String) {
    let samples = samples();
    let columns: Vec<String> = samples
        .iter()
        .map(|sample| format!("{} {}", sample.name, sample.sql))
        .collect();
    let mut sql = format!("CREATE TABLE w.t (id INT PRIMARY KEY, {});\n", columns.join(", "));
    let rows: Vec<Vec<usize>> = (0..ROWS)
        .map(|_| {
            samples
                .iter()
                .map(|sample| rng.random_range(0..sample.values.len()))
                .collect()
        })
        .collect();
    for (id, row) in rows.iter().enumerate() {
        let values = samples.iter().zip(row).map(|(sample, at)| sample.values[*at]);
        let values: Vec<&str> = values.collect();
        sql.push_str(&format!(
            "INSERT INTO w.t VALUES ({id}, {});\n",
            values.join(", ")
        ));
    }
    (rows, sql)
}

const SESSION: &str = "SET NAMES utf8mb4 COLLATE utf8mb4_bin; SET time_zone = '+00:00'; SET sql_mode = '';\n";

/// What the server says to some expressions: a value for each row, or an error.
async fn judged(server: &Server, expressions: &[String]) -> Vec<Result<Vec<String>, String>> {
    let columns: Vec<String> = expressions
        .iter()
        .map(|text| format!("HEX(CONCAT({text}))"))
        .collect();
    let query = format!("{SESSION} SELECT {} FROM w.t ORDER BY id;", columns.join(", "));
    match server.sql(&query).await {
        Ok(answer) => {
            let column = |index: usize| {
                answer
                    .lines()
                    .map(|line| unhex(line.split('\t').nth(index).unwrap()))
                    .collect()
            };
            (0..expressions.len()).map(|index| Ok(column(index))).collect()
        }
        Err(error) if expressions.len() == 1 => vec![Err(error.to_string())],
        // One of them fails: which?
        Err(_) => {
            let (left, right) = expressions.split_at(expressions.len() / 2);
            let mut answers = Box::pin(judged(server, left)).await;
            answers.extend(Box::pin(judged(server, right)).await);
            answers
        }
    }
}

fn unhex(digits: &str) -> String {
    if digits == "NULL" {
        return digits.to_owned();
    }
    let bytes: Vec<u8> = (0..digits.len() / 2)
        .map(|i| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).unwrap())
        .collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What we say, and the kind of it.
fn ours(expression: &str, block: &RowBlock) -> Result<(Kind, Vec<String>), String> {
    let condition = bound(expression, block.table()).map_err(|error| error.to_string())?;
    let kind = condition.kind();
    let values = (0..block.len()).map(|row| shown(&condition, block, row, kind));
    let values: Result<Vec<String>, _> = values.collect();
    Ok((kind, values.map_err(|error| error.to_string())?))
}

/// Numbers may be printed with more or fewer digits; texts made of them may not.
fn agree(kind: Kind, ours: &str, theirs: &str) -> bool {
    if ours == theirs {
        return true;
    }
    let (Ok(a), Ok(b)) = (ours.parse::<f64>(), theirs.parse::<f64>()) else {
        return false;
    };
    let tolerance = match kind {
        Kind::Double | Kind::Float => 1e-4,
        Kind::Text(_) | Kind::Dual(_) => return false,
        _ => 1e-6,
    };
    (a - b).abs() <= a.abs().max(b.abs()).max(1.0) * tolerance
}

#[tokio::test]
async fn expressions_have_the_values_that_a_real_server_gives_them() {
    let (seed, cases) = (seed(), cases());
    let mut rng = StdRng::seed_from_u64(seed);
    let server = Server::start(ServerOptions::default()).await.unwrap();
    let (rows, sql) = rows(&mut rng);
    server
        .sql(&format!("CREATE DATABASE w;\n{SESSION}{sql}"))
        .await
        .unwrap();
    let block = block(&table(), &rows);
    let mut writer = Writer { rng };
    let expressions: Vec<String> = (0..cases).map(|_| writer.any(DEPTH)).collect();
    let mut differing = Vec::new();
    let mut compared = 0;
    for some in expressions.chunks(AT_ONCE) {
        for (expression, theirs) in some.iter().zip(judged(&server, some).await) {
            match (ours(expression, &block), theirs) {
                (Ok((kind, ours)), Ok(theirs)) => {
                    compared += 1;
                    let differs = ours.iter().zip(&theirs).position(|(a, b)| !agree(kind, a, b));
                    if let Some(row) = differs {
                        let (ours, theirs) = (&ours[row], &theirs[row]);
                        differing.push(format!(
                            "{expression}\n    row {row}: {ours} ({kind:?}), the server {theirs}"
                        ));
                    }
                }
                // Out of range, or collations that do not go together.
                (Err(_), Err(_)) => {}
                // The server finds out only when it compares, or not at all, because it skips another part.
                (Err(error), Ok(_))
                    if error.contains("collations do not") || error.contains("out of range") => {}
                // It looks at parts that do not matter.
                (Ok(_), Err(error)) if error.contains("out of range") => {}
                (ours, theirs) => {
                    differing.push(format!("{expression}\n    {ours:?}\n    the server {theirs:?}"))
                }
            }
        }
    }
    assert!(
        differing.is_empty(),
        "TIDEGATE_EXPR_SEED={seed}: {} of {cases} differ:\n{}",
        differing.len(),
        differing.join("\n")
    );
    assert!(
        compared > cases * 3 / 4,
        "TIDEGATE_EXPR_SEED={seed}: only {compared} of {cases} were compared"
    );
}

/// The weights that are built in are those of the server, character by character.
#[tokio::test]
async fn texts_are_ordered_as_a_real_server_orders_them() {
    let server = Server::start(ServerOptions::default()).await.unwrap();
    let ranges = [
        (0x20, 0x1100),
        (0x1e00, 0x2070),
        (0x3040, 0x3100),
        (0x4e00, 0x4e40),
        (0xff01, 0xffa0),
    ];
    let chars: Vec<char> = ranges
        .into_iter()
        .flat_map(|(from, to)| (from..to).filter_map(char::from_u32))
        .collect();
    let values: Vec<String> = chars
        .iter()
        .map(|c| format!("({},_utf8mb4 0x{})", *c as u32, hex(*c)))
        .collect();
    for name in [
        "utf8mb4_general_ci",
        "utf8mb4_unicode_ci",
        "utf8mb4_unicode_520_ci",
        "utf8mb4_uca1400_ai_ci",
        "utf8mb4_bin",
    ] {
        let query = format!(
            "SET NAMES utf8mb4; CREATE OR REPLACE DATABASE w; CREATE TABLE w.c (n INT, c VARCHAR(1) CHARACTER SET utf8mb4 \
             COLLATE {name}); INSERT INTO w.c VALUES {}; SELECT n, DENSE_RANK() OVER (ORDER BY CONCAT('a', c, 'b')) \
             FROM w.c ORDER BY 2, 1;",
            values.join(",")
        );
        let answer = server.sql(&query).await.unwrap();
        let collation = Collation::by_name(name).unwrap();
        let ranked: Vec<(char, u32)> = answer.lines().map(ranked).collect();
        for pair in ranked.windows(2) {
            let [(a, a_rank), (b, b_rank)] = [pair[0], pair[1]];
            let ordering = collation.compare(format!("a{a}b").as_bytes(), format!("a{b}b").as_bytes());
            assert_eq!(ordering, a_rank.cmp(&b_rank), "{name}: {a:?} and {b:?}");
        }
        assert_eq!(ranked.len(), chars.len());
    }
}

fn ranked(line: &str) -> (char, u32) {
    let (code, rank) = line.split_once('\t').unwrap();
    (
        char::from_u32(code.parse().unwrap()).unwrap(),
        rank.parse().unwrap(),
    )
}

fn hex(c: char) -> String {
    c.to_string().bytes().map(|byte| format!("{byte:02x}")).collect()
}
