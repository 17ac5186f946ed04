//! The published truth tables, errors with their places, and a comparison with a naive matcher.

use proptest::prelude::*;

use super::*;
use Verdict::{Error, No, Yes};

#[derive(Copy, Clone, PartialEq, Debug)]
enum Verdict {
    Yes,
    No,
    Error,
}

fn list(rules: &[&str]) -> Vec<String> {
    rules.iter().map(|&rule| rule.to_owned()).collect()
}

fn filter(rules: &[&str]) -> TableFilter {
    TableFilter::new(&list(rules), false).unwrap()
}

/// Number, rules, case-sensitive, schema, table, verdict.
type TruthRow = (
    u32,
    &'static [&'static str],
    bool,
    &'static str,
    &'static str,
    Verdict,
);

#[rustfmt::skip]
const TRUTH: &[TruthRow] = &[
    (1, &["*.*"], false, "shop", "orders", Yes),
    (2, &["shop.*"], false, "shop", "orders", Yes),
    (3, &["shop.*"], false, "shop2", "orders", No),
    (4, &["shop.orders"], false, "SHOP", "Orders", Yes),
    (5, &["shop.orders"], true, "SHOP", "orders", No),
    (6, &["Shop.Orders"], false, "shop", "orders", Yes),
    (7, &["Shop.Orders"], true, "Shop", "Orders", Yes),
    (8, &["sh?p.*"], false, "shop", "x", Yes),
    (9, &["sh?p.*"], false, "shp", "x", No),
    (10, &["*.ord*s"], false, "a", "orders", Yes),
    (11, &["*.ord*s"], false, "a", "ords", Yes),
    (12, &["db[0-9].t"], false, "db7", "t", Yes),
    (13, &["db[0-9].t"], false, "db17", "t", No),
    (14, &["db[!0-9].t"], false, "dbx", "t", Yes),
    (15, &["db[!0-9].t"], false, "db5", "t", No),
    (16, &["db[^a].t"], false, "db^", "t", Yes),
    (17, &["db[^a].t"], false, "dbb", "t", No),
    (18, &["db[a\\-c].t"], false, "db-", "t", Yes),
    (19, &["db[ab]*.t"], false, "dbaXYZ", "t", Yes),
    (20, &["*.*", "!shop.*"], false, "shop", "orders", No),
    (21, &["!shop.*", "*.*"], false, "shop", "orders", Yes),
    (22, &["!shop.*"], false, "crm", "lead", No),
    (23, &["shop.*", "!shop.tmp_*"], false, "shop", "tmp_1", No),
    (24, &["shop.*", "!shop.tmp_*", "shop.tmp_keep"], false, "shop", "tmp_keep", Yes),
    (25, &["shop.*", "!*.log"], false, "crm", "log", No),
    (26, &["\"a.b\".t"], false, "a.b", "t", Yes),
    (27, &["a\\.b.t"], false, "a.b", "t", Yes),
    (28, &["`we``ird`.t"], false, "we`ird", "t", Yes),
    (29, &["\"q\"\"x\".\"*\""], false, "q\"x", "*", Yes),
    (30, &["\"q\".\"*\""], false, "q", "abc", No),
    (31, &["/^db\\d{2}$/./^t_/"], false, "db42", "t_x", Yes),
    (32, &["/^db\\d{2}$/./^t_/"], false, "db420", "t_x", No),
    (33, &["/b/.t"], false, "abc", "t", Yes),
    (34, &["/^A$/.t"], false, "a", "t", Yes),
    (35, &["/^A$/.t"], true, "a", "t", No),
    (36, &["/a\\/b/.t"], false, "a/b", "t", Yes),
    (37, &["/^(us|eu)$/.*"], false, "us", "t", Yes),
    (38, &["/^us$/.`o-1`"], false, "us", "o-1", Yes),
    (39, &["  shop.*\t"], false, "shop", "t", Yes),
    (40, &["# shop.*", "crm.*"], false, "shop", "t", No),
    (41, &["", "crm.*"], false, "crm", "t", Yes),
    (42, &["магазин.*"], false, "магазин", "x", Yes),
    (43, &["caf?.t"], false, "café", "t", Yes),
    (44, &["d$_1.t"], false, "d$_1", "t", Yes),
    (45, &["a-b.t"], false, "a-b", "t", Error),
    (46, &["\"a-b\".t"], false, "a-b", "t", Yes),
    (47, &["shop"], false, "shop", "t", Error),
    (48, &["shop.t x"], false, "shop", "t", Error),
    (49, &["shop.\"t\"x"], false, "shop", "t", Error),
    (50, &["shop.t\\"], false, "shop", "t", Error),
    (51, &["shop.\\d"], false, "shop", "d", Error),
    (52, &["shop.[]"], false, "shop", "t", Error),
    (53, &["shop.[!]"], false, "shop", "!", Error),
    (54, &["shop./unclosed"], false, "shop", "t", Error),
    (55, &["shop.\"\""], false, "shop", "t", Error),
    (56, &["shop.*.x"], false, "shop", "x", Error),
    (57, &["*.*"], false, "mysql", "user", No),
    (58, &["mysql.user"], false, "mysql", "user", No),
    (59, &["*.*"], true, "INFORMATION_SCHEMA", "t", No),
    (60, &["tidb_cdc.*"], false, "tidb_cdc", "syncpoint_v1", No),
];

#[test]
fn the_truth_table_of_tables() {
    assert_eq!(TRUTH.len(), 60);
    for &(number, rules, case_sensitive, schema, table, expect) in TRUTH {
        let verdict = match TableFilter::new(&list(rules), case_sensitive) {
            Err(error) => {
                assert_eq!(error.code(), tidegate_model::ErrorCode::FilterRuleInvalid);
                Error
            }
            Ok(filter) if filter.matches_table(schema, table) => Yes,
            Ok(_) => No,
        };
        assert_eq!(verdict, expect, "row {number}: {rules:?} on {schema}.{table}");
    }
}

#[test]
fn the_truth_table_of_schemas() {
    let check = |rules: &[&str], schema: &str, expect: bool| {
        assert_eq!(
            filter(rules).matches_schema(schema),
            expect,
            "{rules:?} on {schema}"
        );
    };
    check(&["shop.*"], "shop", true);
    check(&["shop.orders"], "shop", true);
    check(&["*.*", "!shop.orders"], "shop", true);
    check(&["*.*", "!shop.*"], "shop", false);
    check(&["*.*", "!shop.**"], "shop", true);
    check(&["!shop.*"], "crm", false);
    check(&["*.*"], "sys", false);
    check(&["*.*", "!shop.*", "shop.vip"], "shop", true);
    check(&["*.*", "!/^sh/./.*/"], "shop", true);
    check(&["*.*", "!shop./(?s)^.*$/"], "shop", false);
    check(&[], "shop", true);
    check(&["# nothing"], "shop", false);
}

#[test]
fn an_explanation_names_the_deciding_rule_by_its_place_in_the_list() {
    let filter = filter(&["", "shop.*", "# comment", "!shop.tmp_*"]);
    let check = |schema: &str, table: &str, accepted: bool, rule: Option<usize>, system_schema: bool| {
        let expect = Explanation {
            accepted,
            rule,
            system_schema,
        };
        assert_eq!(filter.explain(schema, table), expect, "{schema}.{table}");
    };
    check("shop", "orders", true, Some(1), false);
    check("shop", "tmp_1", false, Some(3), false);
    check("crm", "lead", false, None, false);
    check("MySQL", "user", false, None, true);
    let everything = TableFilter::new(&[], false).unwrap();
    let expect = Explanation {
        accepted: true,
        rule: None,
        system_schema: false,
    };
    assert_eq!(everything.explain("crm", "lead"), expect);
}

#[test]
fn errors_name_rule_column_and_what_was_expected() {
    let check = |rules: &[&str], rule: usize, column: usize, says: &str| {
        let error = TableFilter::parse(&list(rules), false).unwrap_err();
        assert_eq!((error.rule, error.column), (rule, column), "{error}");
        assert!(error.problem.contains(says), "{error}");
    };
    check(&["*.*", "shop.t x"], 1, 7, "a name, a pattern");
    check(&["shop"], 0, 5, "'.' between schema and table, found the end");
    check(&["  shop.\"t\"x"], 0, 11, "the end of the rule, found 'x'");
    check(&["shop."], 0, 6, "a name or a pattern, found the end");
    check(&["! shop.*"], 0, 2, "found ' '");
    check(&["shop.\\d"], 0, 6, "reserved");
    check(&["shop.t\\"], 0, 7, "a character after");
    check(&["shop./unclosed"], 0, 6, "closing '/'");
    check(&["shop.//"], 0, 7, "between the slashes");
    check(&["shop./(/"], 0, 7, "unclosed group");
    check(&["shop./\\C/"], 0, 7, "\\C");
    check(&["shop./(?x)a/"], 0, 7, "(?x");
    check(&["shop./[a/"], 0, 7, "without its ']'");
    check(&["é.[z-a]"], 0, 3, "ascending");
    check(&["é.[ab"], 0, 3, "closing ']'");
    check(&["\"a.b"], 0, 1, "closing quote");
    check(&["@/etc/passwd"], 0, 1, "cannot be imported");
    check(&["shop./a{1000}{1000}/"], 0, 7, "too large");
    check(&[&"x".repeat(9000)], 0, 1, "bytes");
}

#[test]
fn regular_expressions_keep_the_meaning_they_have_in_go() {
    let check = |expression: &str, yes: &[&str], no: &[&str]| {
        let rules = [format!("/{expression}/.*")];
        let filter = TableFilter::new(&rules, true).unwrap_or_else(|e| panic!("{expression}: {e}"));
        for name in yes {
            assert!(filter.matches_table(name, "t"), "{expression} on {name}");
        }
        for name in no {
            assert!(!filter.matches_table(name, "t"), "{expression} on {name}");
        }
    };
    check("^[a&&b]$", &["a", "&", "b"], &["c"]);
    check("^[[a]$", &["[", "a"], &["]"]);
    check("^[]a]$", &["]", "a"], &["b"]);
    check("^[^]a]$", &["b"], &["]", "a"]);
    check("^[a~~b]$", &["~"], &["c"]);
    check("^[+--]$", &["+", ",", "-"], &["."]);
    check("^[a-]$", &["a", "-"], &["b"]);
    check("^[\\d-z]$", &["5", "-", "z"], &["x"]);
    check("^[\\x61-\\x63]$", &["a", "b", "c"], &["x", "6"]);
    check("^[\\x{e9}]$", &["é"], &["e", "x"]);
    check("^[\\pL-]$", &["é", "-"], &["1"]);
    check("^[[:digit:]x]+$", &["12x"], &["d", ":"]);
    check("^\\d$", &["7"], &["٣"]);
    check("^\\w+$", &["a_1"], &["é"]);
    check("^[\\W]$", &["é", "-"], &["a"]);
    check("^\\Qa.b*\\E+$", &["a.b*", "a.b**"], &["axb"]);
    check("^\\Qa.b", &["a.bc"], &["axb"]);
    check("^\\<a\\>$", &["<a>"], &["a"]);
    check("\\bdb\\b", &["a-db-1"], &["adb1"]);
    check("^a.b$", &["axb"], &["a\nb"]);
    check("(?i)^A(?-i:b)$", &["ab", "Ab"], &["AB"]);
    check("^(?P<x>a)(?:b)$", &["ab"], &["a"]);
    check("a$", &["ba"], &["a\n"]);
}

#[test]
fn letters_fold_alike_in_rules_and_names() {
    for (rule, name) in [
        ("ÄB.*", "äb"),
        ("äb.*", "ÄB"),
        ("Σ*.*", "ΑΣ".chars().last().map(String::from).unwrap().as_str()),
    ] {
        assert!(filter(&[rule]).matches_table(name, "t"), "{rule} on {name}");
    }
    assert!(filter(&["/^É/.*"]).matches_table("été", "t"));
    assert!(filter(&["[A-C].*"]).matches_table("b", "t"));
}

/// The grammar's globs matched by plain recursion.
fn naive(glob: &[Token], name: &[char]) -> bool {
    match (glob.split_first(), name.split_first()) {
        (None, rest) => rest.is_none(),
        (Some((Token::Run, rest)), _) => (0..=name.len()).any(|skip| naive(rest, &name[skip..])),
        (Some(_), None) => false,
        (Some((token, rest)), Some((&c, after))) => {
            let fits = match token {
                Token::Char(expect) => *expect == c,
                Token::Class(negated, members) => {
                    members.iter().any(|&(low, high)| low <= c && c <= high) != *negated
                }
                Token::Any | Token::Run => true,
            };
            fits && naive(rest, after)
        }
    }
}

#[derive(Clone, Debug)]
enum Token {
    Char(char),
    Any,
    Run,
    Class(bool, Vec<(char, char)>),
}

fn token_text(token: &Token) -> String {
    let escaped = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_string()
        } else {
            format!("\\{c}")
        }
    };
    match token {
        Token::Char(c) => escaped(*c),
        Token::Any => "?".to_owned(),
        Token::Run => "*".to_owned(),
        Token::Class(negated, members) => {
            let members: String = members
                .iter()
                .map(|&(low, high)| format!("{}-{}", escaped(low), escaped(high)))
                .collect();
            format!("[{}{members}]", if *negated { "!" } else { "" })
        }
    }
}

fn letters() -> impl Strategy<Value = char> {
    prop::sample::select("ab1_-.]^[&~\\ é\n".chars().collect::<Vec<_>>())
}

fn tokens() -> impl Strategy<Value = Vec<Token>> {
    let bounds = (letters(), letters()).prop_map(|(a, b)| (a.min(b), a.max(b)));
    let token = prop_oneof![
        4 => letters().prop_map(Token::Char),
        1 => Just(Token::Any),
        2 => Just(Token::Run),
        2 => (any::<bool>(), prop::collection::vec(bounds, 1..4)).prop_map(|(n, m)| Token::Class(n, m)),
    ];
    prop::collection::vec(token, 1..6)
}

proptest! {
    #[test]
    fn globs_match_as_a_naive_matcher_does(glob in tokens(), name in prop::collection::vec(letters(), 0..6)) {
        let rule = format!("{}.*", glob.iter().map(token_text).collect::<String>());
        let filter = TableFilter::new(std::slice::from_ref(&rule), true).unwrap();
        let text: String = name.iter().collect();
        prop_assert_eq!(filter.matches_table(&text, "t"), naive(&glob, &name), "{} on {:?}", rule, text);
    }

    #[test]
    fn lists_are_decided_by_the_last_match(
        rules in prop::collection::vec((any::<bool>(), "[ab*]", "[ab*]"), 1..6), schema in "[ab]", table in "[ab]",
    ) {
        let texts: Vec<String> =
            rules.iter().map(|(p, s, t)| format!("{}{s}.{t}", if *p { "" } else { "!" })).collect();
        let expect = rules.iter().rev().find(|(_, s, t)| (s == "*" || *s == schema) && (t == "*" || *t == table));
        let filter = TableFilter::new(&texts, false).unwrap();
        prop_assert_eq!(filter.matches_table(&schema, &table), expect.is_some_and(|(positive, ..)| *positive));
        let matching = filter.matching(&schema, &table);
        prop_assert!(matching.is_sorted());
        prop_assert_eq!(matching.last().copied(), filter.explain(&schema, &table).rule);
    }

    #[test]
    fn no_rule_panics(rule in "\\PC{0,24}", class in "/[\\[\\]\\\\QE&~^a-c(){}?:-]{0,12}/.*", cs: bool) {
        let _ignored = TableFilter::new(&[rule, class], cs);
    }
}
