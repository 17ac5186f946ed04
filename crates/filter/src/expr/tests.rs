//! What expressions say about one row, and what is refused before there is any.

use tidegate_model::{ErrorCode, RowBlock};

use super::samples::{block, bound, samples, shown, table};
use super::value::Value;

/// One row: for each column the value of its list that is named, NULL for the others.
fn row(values: &[(&str, &str)]) -> RowBlock {
    let positions = samples().into_iter().map(|sample| {
        let wanted = values
            .iter()
            .find(|(name, _)| *name == sample.name)
            .map_or("NULL", |(_, value)| value);
        let position = sample.values.iter().position(|value| *value == wanted);
        position.unwrap_or_else(|| panic!("{wanted} is no value of {}", sample.name))
    });
    block(&table(), &[positions.collect()])
}

fn full() -> RowBlock {
    row(&[
        ("i", "5"),
        ("b", "7"),
        ("u", "3"),
        ("n", "2.005"),
        ("f", "1.5"),
        ("v", "'abc'"),
        ("w", "'ABC '"),
        ("x", "'straße'"),
        ("d", "'2020-02-29'"),
        ("t", "'2021-12-31 23:59:59'"),
        ("s", "'2020-02-29 10:00:00.500000'"),
        ("h", "'12:30:45'"),
        ("y", "2020"),
        ("e", "'Y'"),
        (
            "j",
            r#"'{"a": 5, "b": "text", "c": [1, 2.5, null], "d": {"e": true}}'"#,
        ),
    ])
}

fn check(block: &RowBlock, cases: &[(&str, &str)]) {
    for (text, expect) in cases {
        let condition = bound(text, block.table()).unwrap_or_else(|error| panic!("{text}: {error}"));
        let found = shown(&condition, block, 0, condition.kind());
        assert_eq!(found.as_deref(), Ok(*expect), "{text}");
    }
}

#[test]
fn logic_has_three_values() {
    let rows = row(&[]);
    check(
        &rows,
        &[
            ("1 AND NULL", "NULL"),
            ("0 AND NULL", "0"),
            ("NULL AND 0", "0"),
            ("1 OR NULL", "1"),
            ("0 OR NULL", "NULL"),
            ("NULL XOR 1", "NULL"),
            ("NOT NULL", "NULL"),
            ("i = 1", "NULL"),
            ("i <> 1", "NULL"),
            ("i <=> NULL", "1"),
            ("i <=> 1", "0"),
            ("i IS NULL", "1"),
            ("i IS NOT NULL", "0"),
            ("(i = 1) IS UNKNOWN", "1"),
            ("(i = 1) IS NOT TRUE", "1"),
            ("2 IN (1, NULL)", "NULL"),
            ("2 IN (2, NULL)", "1"),
            ("2 NOT IN (1, NULL)", "NULL"),
            ("2 BETWEEN 3 AND NULL", "0"),
            ("2 BETWEEN 1 AND NULL", "NULL"),
            ("v LIKE 'a'", "NULL"),
            ("1 && 0 || 1", "1"),
            ("COALESCE(i, v, 3)", "3"),
            ("IF(i = 1, 'yes', 'no')", "no"),
            ("CASE WHEN i = 1 THEN 1 END", "NULL"),
        ],
    );
}

#[test]
fn operators_bind_as_in_mysql() {
    check(
        &full(),
        &[
            ("2 + 3 * 4", "14"),
            ("2 * 3 ^ 1", "4"),
            ("-2 ^ 0", "18446744073709551614"),
            ("1 | 2 & 3", "3"),
            ("1 << 1 + 1", "4"),
            ("1 = 1 XOR 2 = 3", "1"),
            ("1 OR 1 XOR 1", "1"),
            ("1 XOR 1 AND 0", "1"),
            ("NOT 1 = 2", "1"),
            ("!1 = 0", "1"),
            ("NOT i BETWEEN 1 AND 9", "0"),
            ("1 = 2 IS NULL", "0"),
            ("3 = 3 = 1", "1"),
            ("1 = 5 IN (5, 6)", "1"),
            ("'a' LIKE 'a' = 1", "1"),
            ("i BETWEEN 4 AND 6 AND 1", "1"),
            ("7 DIV 2 * 2", "6"),
            ("7 MOD 4 + 1", "4"),
            ("i mod (4) + MOD(7, 4) div 3", "2"),
            ("CASE WHEN MOD(i, 2) THEN MOD(i, 3) END MOD 2", "0"),
            ("~0 = 18446744073709551615", "1"),
            ("BINARY v = 'ABC'", "0"),
            ("v = 'ABC' || 0", "1"),
        ],
    );
}

#[test]
fn values_are_converted_as_they_are_compared() {
    check(
        &full(),
        &[
            ("i = '5x'", "1"),
            ("i > '10'", "0"),
            ("v = 0", "1"),
            ("v = 'ABC'", "1"),
            ("w = 'abc'", "0"),
            ("w = 'ABC'", "1"),
            ("x = 'STRASSE'", "1"),
            ("v COLLATE utf8mb4_bin = 'ABC'", "0"),
            ("e = 'y'", "1"),
            ("e = 2", "1"),
            ("y = 20", "1"),
            ("y > 99", "1"),
            ("y BETWEEN 19 AND 21", "1"),
            ("n = 2.005", "1"),
            ("n = '2.0050'", "1"),
            ("f = 1.5", "1"),
            ("d = '2020-02-29'", "1"),
            ("d = '20200229'", "1"),
            ("d = 20200229", "1"),
            ("d < '2020-02-29 00:00:01'", "1"),
            ("t > 20211231", "1"),
            ("t BETWEEN '2021-12-31' AND '2022-01-01'", "1"),
            ("s = '2020-02-29 10:00:00.5'", "1"),
            ("h > '12:30'", "1"),
            ("h = 123045", "1"),
            ("u - 3 = 0", "1"),
            ("x'41' = 'A'", "1"),
            ("x'41' + 1", "66"),
            ("b'101' = 5", "1"),
            ("TRUE", "1"),
            ("1 / 3 = 0.3333", "1"),
            ("samples.i = 5", "1"),
            ("shop.samples.`i` = 5", "1"),
        ],
    );
}

#[test]
fn functions_have_their_values() {
    check(
        &full(),
        &[
            ("LENGTH(x)", "7"),
            ("CHAR_LENGTH(x)", "6"),
            ("UPPER(v)", "ABC"),
            ("SUBSTRING(x, -3, 2)", "aß"),
            ("SUBSTRING(v FROM 2 FOR 1)", "b"),
            ("MID(v, 2)", "bc"),
            ("CONCAT(v, i, n)", "abc52.005"),
            ("TRIM(BOTH 'a' FROM 'aba')", "b"),
            ("RTRIM(w)", "ABC"),
            ("LOCATE('B', v)", "2"),
            ("INSTR(w, 'b')", "0"),
            ("POSITION('c' IN v)", "3"),
            ("ROUND(n, 2)", "2.01"),
            ("ROUND(155, -1)", "160"),
            ("ROUND(2.5e0)", "2"),
            ("FLOOR(-1.5)", "-2"),
            ("CEILING(n)", "3"),
            ("MOD(7, 0)", "NULL"),
            ("7 / 0", "NULL"),
            ("YEAR(d) * 100 + MONTH(d)", "202002"),
            ("EXTRACT(DAY FROM d)", "29"),
            ("HOUR(h)", "12"),
            ("DAYOFWEEK(d)", "7"),
            ("DATE(t)", "2021-12-31"),
            ("d + INTERVAL 1 DAY", "2020-03-01"),
            ("DATE_ADD(d, INTERVAL 1 YEAR)", "2021-02-28"),
            ("DATE_SUB(t, INTERVAL 90 MINUTE)", "2021-12-31 22:29:59"),
            ("DATEDIFF(t, d)", "671"),
            ("UNIX_TIMESTAMP(t)", "1640995199"),
            ("CAST('12abc' AS SIGNED)", "12"),
            ("CAST(n AS DECIMAL(5,1))", "2.0"),
            ("CONVERT(v, CHAR(2))", "ab"),
            ("CAST(t AS DATE)", "2021-12-31"),
            ("IFNULL(NULL, v)", "abc"),
            ("NULLIF(i, 5)", "NULL"),
            ("ISNULL(i)", "0"),
            ("j -> '$.b'", "\"text\""),
            ("j ->> '$.b'", "text"),
            ("j -> '$.b' = 'text'", "1"),
            ("JSON_EXTRACT(j, '$.c[1]') > 2", "1"),
            ("JSON_EXTRACT(j, '$.none') IS NULL", "1"),
            ("j ->> '$.d.e'", "true"),
            ("v REGEXP '^A.C$'", "1"),
            ("w NOT RLIKE '^a'", "1"),
            ("v LIKE 'A!%' ESCAPE '!'", "0"),
            (
                "CASE i WHEN 4 THEN 'four' WHEN 5 THEN 'five' ELSE 'many' END",
                "five",
            ),
        ],
    );
}

/// Only the whole number 1 drops a row.
#[test]
fn a_condition_is_met_by_the_number_one_only() {
    let rows = full();
    for (text, expect) in [
        ("i = 5", true),
        ("1", true),
        ("i - 4", true),
        ("0", false),
        ("2", false),
        ("i", false),
        ("NULL", false),
        ("'1'", false),
        ("1.0", false),
        ("1e0", false),
        ("v", false),
        ("i <> 0", true),
    ] {
        let condition = bound(text, rows.table()).unwrap();
        let image = rows.row(0).after().unwrap();
        assert_eq!(condition.is_met(image), Ok(expect), "{text}");
    }
}

#[test]
fn what_is_not_built_is_refused_by_name() {
    let check = |text: &str, what: &str| {
        let error =
            super::Expression::parse("filter.event_filters[0].ignore_insert_value_expr", text).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidFilterExpression, "{text}");
        let message = error.message();
        assert!(
            message
                .starts_with("invalid filter expression filter.event_filters[0].ignore_insert_value_expr: ")
                && message.contains(what)
                && (text.len() > 100 || message.ends_with(&format!("in: '{text}'"))),
            "{message}"
        );
    };
    check("i = (SELECT 1)", "a subquery is not supported");
    check("EXISTS (SELECT 1)", "a subquery is not supported");
    check("i IN (SELECT 1)", "a subquery is not supported");
    check("i > ALL (SELECT 1)", "a subquery is not supported");
    check("NOW() > d", "the function NOW is not supported");
    check(
        "CURRENT_TIMESTAMP > d",
        "the function CURRENT_TIMESTAMP is not supported",
    );
    check("SUM(i) > 1", "the function SUM is not supported");
    check(
        "ROW_NUMBER() OVER () = 1",
        "the function ROW_NUMBER is not supported",
    );
    check("COUNT(*) > 1", "the function COUNT is not supported");
    check("shop.f(i)", "the function SHOP.F is not supported");
    check("(1, 2) = (1, 2)", "(1, 2) is not supported");
    check("v LIKE w", "a pattern that is no literal is not supported");
    check("v REGEXP '('", "bad regular expression");
    check(
        "v COLLATE utf8mb4_czech_ci = 'a'",
        "the collation utf8mb4_czech_ci is not supported",
    );
    check("CAST(i AS JSON)", "CAST AS JSON is not supported");
    check("LENGTH(v, w)", "LENGTH has the wrong number of arguments");
    check("IF(1, 2)", "IF has the wrong number of arguments");
    check("d + INTERVAL '1:2' HOUR_MINUTE", "");
    check(
        "JSON_EXTRACT(j, '$.*') = 1",
        "the JSON path '$.*' is not supported",
    );
    check("9223372036854775807 + 1", "a BIGINT value is out of range");
    check("i = ", "syntax error");
    check("i = 1 ORDER BY i", "nothing may follow the condition");
    check("i = 1; DROP TABLE t", "nothing may follow the condition");
    check("", "syntax error");
    check("@a = 1", "");
    check("? = 1", "");
    check(
        &format!("{}1{}", "(".repeat(60), ")".repeat(60)),
        "its brackets nest too deeply",
    );
    check(&format!("1{}", " + 1".repeat(300)), "it nests too deeply");
    check(&format!("i = '{}'", "x".repeat(65 << 10)), "it is longer than");
}

/// Long lists of alternatives are what people write.
#[test]
fn chains_of_and_and_or_may_be_long() {
    let text = format!("i = 0{}", " OR i = 5 AND b = 7".repeat(240));
    check(&full(), &[(&text, "1")]);
}

#[test]
fn a_table_that_does_not_suit_is_named() {
    let table = table();
    let check = |text: &str, code: ErrorCode, what: &str| {
        let error = bound(text, &table).unwrap_err();
        assert_eq!(error.code(), code, "{text}");
        assert!(error.message().contains(what), "{error}");
    };
    let missing = "Cannot find column 'q' from table 'shop.samples' in: q = 1 (test)";
    check("q = 1", ErrorCode::ExpressionColumnNotFound, missing);
    check(
        "other.i = 1",
        ErrorCode::ExpressionColumnNotFound,
        "Cannot find column 'other.i' from table 'shop.samples'",
    );
    check(
        "v = x",
        ErrorCode::InvalidFilterExpression,
        "collations do not go together (for shop.samples)",
    );
    check(
        "d = 'tomorrow'",
        ErrorCode::InvalidFilterExpression,
        "'tomorrow' is no date or time",
    );
    check(
        "d > h",
        ErrorCode::InvalidFilterExpression,
        "depends on the current day",
    );
}

/// The parser makes a tree as deep as a chain is long. Neither reading one nor letting go of it may need a stack that a
/// thread of a server does not have.
#[test]
fn a_chain_of_the_longest_text_does_not_exhaust_the_stack() {
    let parse = |text: &str| super::Expression::parse("test", text).is_ok();
    for length in [1000, 1001, 20_000] {
        for link in ["+1", "||1", "&&1", " DIV 1", "=1", "+i", " XOR i"] {
            let flat = matches!(link, "||1" | "&&1");
            let parsed = parse(&format!("1{}", link.repeat(length)));
            assert_eq!(parsed, flat && length == 1000, "{link} {length} times");
            assert!(!parse(&format!("1{} )", link.repeat(length))), "{link}");
        }
        for prefix in ["-", "NOT ", "~", "!", "BINARY ", "(", "IF(", "CASE ", "LOWER("] {
            assert!(!parse(&format!("{}1", prefix.repeat(length))), "{prefix}");
        }
    }
}

/// Every collation has texts that can be looked at; only some have an order.
#[test]
fn texts_of_unknown_order_are_compared_in_another_one() {
    let mut table = (*table()).clone();
    let v = table.column_index("v").unwrap();
    table.columns[v].collation = Some("utf8mb4_czech_ci".into());
    for text in [
        "v = 'a'",
        "v IN ('a')",
        "v LIKE 'a%'",
        "LOCATE('a', v) = 1",
        "v REGEXP 'a'",
    ] {
        let error = bound(text, &table).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidFilterExpression, "{text}");
        assert!(
            error.message().contains("use CAST(.. AS BINARY) or COLLATE"),
            "{error}"
        );
    }
    for text in [
        "v IS NULL",
        "CAST(v AS BINARY) = 'a'",
        "v COLLATE utf8mb4_bin = 'a'",
        "LENGTH(v) = 3",
        "v = 5",
        "CONCAT(v, 'a') COLLATE utf8mb4_general_ci LIKE 'A%'",
    ] {
        bound(text, &table).unwrap_or_else(|error| panic!("{text}: {error}"));
    }
}

#[test]
fn names_of_columns_ignore_case() {
    check(&full(), &[("I = 5", "1"), ("`V` = 'abc'", "1")]);
}

#[test]
fn a_number_that_leaves_its_range_is_an_error() {
    let rows = full();
    let condition = bound("u - 5 > 0", rows.table()).unwrap();
    let error = condition.is_met(rows.row(0).after().unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "a BIGINT value is out of range");
}

/// What is the same for every row is computed once.
#[test]
fn constants_are_folded() {
    let table = table();
    let condition = bound("UPPER(CONCAT('a', 1 + 2))", &table).unwrap();
    assert!(matches!(condition.node(), super::node::Node::Const(Value::Text(text)) if **text == *b"A3"));
}
