//! Random expressions over the columns of the samples.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

/// Writes an expression.
pub(super) struct Writer {
    pub(super) rng: StdRng,
}

impl Writer {
    fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list.choose(&mut self.rng).copied().unwrap()
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.rng.random_range(0..100) < percent
    }

    pub(super) fn any(&mut self, depth: u32) -> String {
        match self.rng.random_range(0..10) {
            0..4 => self.condition(depth),
            4..7 => self.number(depth),
            7..9 => self.text(depth),
            _ => self.date(depth),
        }
    }

    fn condition(&mut self, depth: u32) -> String {
        if depth == 0 {
            return self.comparison(0);
        }
        let depth = depth - 1;
        match self.rng.random_range(0..14) {
            0 => format!("({} AND {})", self.condition(depth), self.condition(depth)),
            1 => format!("({} OR {})", self.condition(depth), self.condition(depth)),
            2 => format!("({} XOR {})", self.condition(depth), self.condition(depth)),
            3 => format!("NOT {}", self.condition(depth)),
            4 => {
                let test = self.pick(&["IS NULL", "IS NOT NULL", "IS TRUE", "IS NOT FALSE", "IS UNKNOWN"]);
                format!("({} {test})", self.any(depth))
            }
            5 => {
                let not = self.pick(&["", "NOT "]);
                let (a, b, c) = (self.number(depth), self.number(depth), self.number(depth));
                format!("({a} {not}IN ({b}, {c}, NULL))")
            }
            6 => {
                let not = self.pick(&["", "NOT "]);
                let (a, b, c) = (self.number(depth), self.number(depth), self.number(depth));
                format!("({a} {not}BETWEEN {b} AND {c})")
            }
            7 => {
                let pattern = self.pick(&[
                    "'a%'", "'%b%'", "'_'", "'%X%X%'", "'ABC%'", "'%\\\\_'", "'stra_e'", "'%5%'",
                ]);
                format!("({} LIKE {pattern})", self.text(depth))
            }
            8 => {
                let pattern = self.pick(&["'^a'", "'[0-9]+'", "'X.*X'", "'e$'"]);
                format!("({} REGEXP {pattern})", self.text(depth))
            }
            9 => format!(
                "({} > {})",
                self.date(depth),
                self.pick(&["'2020-06-01'", "20210101", "'2021-12-31 10:00:00'"])
            ),
            10 => {
                let (a, b) = (
                    self.pick(&["h", "'10:00:00'", "'-1:00'"]),
                    self.pick(&["h", "'12:30:45'"]),
                );
                format!("(h <= {a} AND {b} <=> h)")
            }
            _ => self.comparison(depth),
        }
    }

    fn comparison(&mut self, depth: u32) -> String {
        let op = self.pick(&["=", "<>", "<", "<=", ">", ">=", "<=>"]);
        match self.rng.random_range(0..7) {
            0..3 => format!("({} {op} {})", self.number(depth), self.number(depth)),
            3..5 => format!("({} {op} {})", self.text(depth), self.text(depth)),
            // Not with texts made of numbers: the server compares some of them as whole numbers.
            5 => format!("({} {op} {})", self.text(0), self.number(depth)),
            _ => format!("({} {op} {})", self.date(depth), self.date(depth)),
        }
    }

    #[allow(clippy::too_many_lines, reason = "one long table")]
    fn number(&mut self, depth: u32) -> String {
        if depth == 0 || self.chance(15) {
            return self
                .pick(&[
                    "i", "b", "u", "n", "f", "(y+0)", "e+0", "i", "n", "0", "1", "-1", "2", "3", "1.5",
                    "0.25", "-2.5e0", "1e1", "10", "0x1F", "b'101'", "TRUE",
                ])
                .to_owned();
        }
        let depth = depth - 1;
        match self.rng.random_range(0..19) {
            0..4 => {
                let op = self.pick(&["+", "-", "*", "/", "DIV"]);
                // How many digits of a tiny quotient count depends on what the server does with it.
                let right = if op == "/" {
                    self.pick(&["3", "7", "-0.25", "8e0", "0", "NULLIF(y, 1999)"])
                        .to_owned()
                } else {
                    self.number(depth)
                };
                format!("({} {op} {right})", self.number(depth))
            }
            // The server's remainder of a negative DECIMAL can be a zero with a sign, unequal to zero.
            4 => {
                let op = self.pick(&["%", "MOD"]);
                format!("(ABS({}) {op} {})", self.number(depth), self.number(depth))
            }
            // No DOUBLE with a fraction: how the server rounds it depends on where it comes from.
            5 => {
                let op = self.pick(&["&", "|", "^"]);
                let operands = ["i", "b", "u", "n", "1.5", "0x0F", "(i + n)", "(b DIV 3)"];
                format!("({} {op} {})", self.pick(&operands), self.pick(&operands))
            }
            6 => format!("(-{})", self.number(depth)),
            7 => {
                let op = self.pick(&["<<", ">>"]);
                format!(
                    "(~{} {op} {})",
                    self.pick(&["i", "b", "u", "n"]),
                    self.pick(&["0", "1", "1.5", "63", "64"])
                )
            }
            8 => {
                let function = self.pick(&["ABS", "SIGN", "ROUND", "FLOOR", "CEIL"]);
                format!("{function}({})", self.number(depth))
            }
            9 => {
                let function = self.pick(&["ROUND", "TRUNCATE"]);
                format!(
                    "{function}({}, {})",
                    self.number(depth),
                    self.pick(&["0", "1", "2"])
                )
            }
            10 => {
                let function = self.pick(&["LENGTH", "CHAR_LENGTH"]);
                format!("{function}({})", self.text(depth))
            }
            11 => format!(
                "IF({}, {}, {})",
                self.condition(depth),
                self.number(depth),
                self.number(depth)
            ),
            12 => {
                let function = self.pick(&["IFNULL", "COALESCE", "NULLIF"]);
                format!("{function}({}, {})", self.number(depth), self.number(depth))
            }
            13 => {
                let (a, b, c) = (self.number(depth), self.number(depth), self.number(depth));
                format!("(CASE {a} WHEN {b} THEN {c} WHEN 1 THEN 2 ELSE {a} END)")
            }
            14 => {
                let ty = self.pick(&["SIGNED", "UNSIGNED", "DECIMAL(12,2)", "DOUBLE", "DECIMAL(5,0)"]);
                let inner = if self.chance(50) {
                    self.number(depth)
                } else {
                    self.text(depth)
                };
                // Below zero the server goes by how the number was made.
                let inner = if ty == "UNSIGNED" {
                    format!("ABS({inner})")
                } else {
                    inner
                };
                format!("CAST({inner} AS {ty})")
            }
            15 => {
                let function = self.pick(&[
                    "YEAR",
                    "MONTH",
                    "DAY",
                    "HOUR",
                    "MINUTE",
                    "DAYOFWEEK",
                    "WEEKDAY",
                    "QUARTER",
                ]);
                format!("{function}({})", self.date(depth))
            }
            16 => format!("DATEDIFF({}, {})", self.date(depth), self.date(depth)),
            17 => format!("UNIX_TIMESTAMP({})", self.pick(&["d", "t", "s"])),
            _ => format!(
                "LOCATE({}, {})",
                self.pick(&["'b'", "'X'", "'B'", "''", "'5'"]),
                self.text(depth)
            ),
        }
    }

    fn text(&mut self, depth: u32) -> String {
        if depth == 0 || self.chance(20) {
            return self
                .pick(&[
                    "v",
                    "w",
                    "v",
                    "e",
                    "'a'",
                    "'ABC'",
                    "'10'",
                    "'2.5'",
                    "''",
                    "NULL",
                    "'straße'",
                    "x",
                    "'ß'",
                    "'Ä '",
                ])
                .to_owned();
        }
        let depth = depth - 1;
        match self.rng.random_range(0..12) {
            0 => format!("CONCAT({}, {})", self.text(depth), self.text(depth)),
            1 => format!("CONCAT({}, {})", self.text(depth), self.exact(depth)),
            2 => format!("LOWER({})", self.text(depth)),
            3 => format!("UPPER({})", self.text(depth)),
            4 => {
                let function = self.pick(&["LEFT", "RIGHT"]);
                format!(
                    "{function}({}, {})",
                    self.text(depth),
                    self.pick(&["0", "1", "2", "9", "-1"])
                )
            }
            5 => format!(
                "SUBSTRING({}, {}, {})",
                self.text(depth),
                self.pick(&["0", "1", "2", "-1", "-2", "9"]),
                self.pick(&["0", "1", "3", "-1"])
            ),
            6 => format!("TRIM({})", self.text(depth)),
            7 => format!(
                "TRIM({} 'a' FROM {})",
                self.pick(&["LEADING", "TRAILING", "BOTH"]),
                self.text(depth)
            ),
            8 => format!(
                "IF({}, {}, {})",
                self.condition(depth),
                self.text(depth),
                self.text(depth)
            ),
            9 => format!("COALESCE({}, {})", self.text(depth), self.text(depth)),
            10 => format!("CAST({} AS CHAR)", self.exact(depth)),
            _ => format!(
                "JSON_UNQUOTE(JSON_EXTRACT(j, '{}'))",
                self.pick(&["$.a", "$.b", "$.c[1]", "$.d.e", "$[0]", "$.none"])
            ),
        }
    }

    /// Numbers and times whose text does not depend on how floating point numbers are printed.
    fn exact(&mut self, depth: u32) -> String {
        match self.rng.random_range(0..6) {
            0 => "n".to_owned(),
            1 => format!(
                "(n {} {})",
                self.pick(&["+", "-", "*", "/"]),
                self.pick(&["n", "i", "1.25", "3"])
            ),
            2 => self.date(depth),
            3 => format!("ROUND(n, {})", self.pick(&["0", "1", "2"])),
            4 => "IF(i > 1, n, i)".to_owned(),
            _ => self.pick(&["i", "u", "b", "h", "y"]).to_owned(),
        }
    }

    fn date(&mut self, depth: u32) -> String {
        if depth == 0 || self.chance(40) {
            return self
                .pick(&[
                    "d",
                    "t",
                    "s",
                    "d",
                    "DATE'2021-01-31'",
                    "TIMESTAMP'2020-02-29 10:00:00'",
                ])
                .to_owned();
        }
        let depth = depth - 1;
        match self.rng.random_range(0..4) {
            0 => format!("DATE({})", self.date(depth)),
            1 => {
                let unit = self.pick(&[
                    "DAY", "MONTH", "YEAR", "HOUR", "MINUTE", "SECOND", "WEEK", "QUARTER",
                ]);
                let function = self.pick(&["DATE_ADD", "DATE_SUB"]);
                format!(
                    "{function}({}, INTERVAL {} {unit})",
                    self.date(depth),
                    self.pick(&["1", "13", "-5", "i % 30"])
                )
            }
            2 => {
                let date = self.date(depth);
                let op = self.pick(&["+", "-"]);
                format!("({date} {op} INTERVAL {} DAY)", self.pick(&["1", "31", "400"]))
            }
            _ => format!(
                "CAST({} AS {})",
                self.date(depth),
                self.pick(&["DATE", "DATETIME", "DATETIME(3)"])
            ),
        }
    }
}
