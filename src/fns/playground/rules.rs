//! What table rules do with the tables of the upstream, or with those of a pasted list. All but reading the tables is
//! pure.

use tidegate_api::FilterPreviewTable;
use tidegate_filter::{RuleError, TableFilter};

use super::names;
use super::{Place, TriedOut};
use crate::app::playground::rules as view;
use crate::fns::context::Console;
use crate::fns::error::ConsoleError;
use crate::fns::form;
use crate::fns::query::Query;

/// Tables shown at once.
const SHOWN_MAX: usize = 200;
/// Tables in a pasted list.
const PASTED_MAX: usize = 2_000;

/// What the address asks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    /// All of it, to make other addresses from.
    pub(crate) query: Query,
    /// One a line, numbered from 1, comments included.
    pub(crate) rules: Vec<String>,
    pub(crate) case_sensitive: bool,
    /// Tables to use instead of the upstream's, as pasted.
    pub(crate) pasted: String,
    /// A table whose verdict is explained.
    pub(crate) name: String,
    /// In lower case: only tables that hold this are shown.
    pub(crate) find: String,
    /// Position from 0: only tables that this rule matches are shown.
    pub(crate) rule: Option<usize>,
    /// Whether only selected tables are shown, or only the others.
    pub(crate) selected: Option<bool>,
}

impl Asked {
    pub(crate) fn of(query: Query) -> Self {
        let rule: Option<usize> = query.get("rule").parse().ok();
        Asked {
            rules: form::rules(query.get("rules")),
            case_sensitive: query.get("case") == "true",
            pasted: query.get("tables").to_owned(),
            name: query.get("name").trim().to_owned(),
            find: query.get("find").trim().to_lowercase(),
            rule: rule.and_then(|rule| rule.checked_sub(1)),
            selected: match query.get("show") {
                "selected" => Some(true),
                "rest" => Some(false),
                _ => None,
            },
            query,
        }
    }

    /// The address with something changed.
    pub(crate) fn address(&self, name: &str, value: &str) -> String {
        self.query.with(name, value).address(Place::Filter.address())
    }

    /// The address with other rules. What was chosen by the number of a rule is chosen no more.
    pub(crate) fn address_with_rules(&self, rules: &[String]) -> String {
        let query = self.query.with("rules", &rules.join("\n")).with("rule", "");
        query.address(Place::Filter.address())
    }

    /// The rules with one of them switched off, or on again: a rule that is off is a comment.
    pub(crate) fn toggled(&self, rule: usize) -> Vec<String> {
        let mut rules = self.rules.clone();
        let text = &mut rules[rule];
        *text = match text.strip_prefix('#') {
            Some(rest) => rest.trim_start().to_owned(),
            None => format!("# {text}"),
        };
        rules
    }

    /// The rules with one of them one place up.
    pub(crate) fn lifted(&self, rule: usize) -> Vec<String> {
        let mut rules = self.rules.clone();
        rules.swap(rule, rule - 1);
        rules
    }

    /// The rules that are in force.
    pub(crate) fn in_force(&self) -> Vec<&str> {
        let rules = self.rules.iter().map(String::as_str);
        rules.filter(|rule| !rule.starts_with('#')).collect()
    }
}

/// What a rule does to the tables.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct RuleUse {
    /// A comment.
    pub(crate) is_off: bool,
    /// How many tables it matches.
    pub(crate) matches: usize,
    /// About how many of them it decides: no later rule matches them.
    pub(crate) decides: usize,
}

/// What becomes of a table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Verdict {
    pub(crate) schema: String,
    pub(crate) table: String,
    pub(crate) accepted: bool,
    /// Positions from 0 of the rules that match it; the last one decides.
    pub(crate) matching: Vec<usize>,
    /// Why it is not replicated whatever the rules say, or will be refused; may be empty.
    pub(crate) note: String,
}

/// The answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Trial {
    pub(crate) rules: Vec<RuleUse>,
    /// Some of the tables that were asked for, selected ones first.
    pub(crate) shown: Vec<Verdict>,
    /// How many were asked for.
    pub(crate) matching: usize,
    pub(crate) accepted: usize,
    pub(crate) total: usize,
    /// The table that is explained: it need not exist.
    pub(crate) explained: Option<Explained>,
}

/// The table that is explained.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Explained {
    /// The text is no name.
    NoName,
    /// What becomes of it, and whether there is such a table.
    Table { verdict: Verdict, exists: bool },
}

/// The page for a query.
///
/// # Errors
/// Those of the upstream, and of [`Query::parse`].
pub(super) async fn answer(console: &Console, query: &str) -> Result<TriedOut, ConsoleError> {
    let asked = Asked::of(Query::parse(query)?);
    let tables = if asked.pasted.trim().is_empty() {
        let tables = console.tables().await;
        tables.map_err(|error| error.message)
    } else {
        pasted(&asked.pasted).map(Into::into)
    };
    let outcome = tables
        .map_err(Problem::Tables)
        .and_then(|tables| try_rules(&asked, &tables).map_err(Problem::Rule));
    Ok(view::page(&asked, &outcome))
}

/// Why there is no answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Problem {
    /// There are no tables to try the rules on, with the reason.
    Tables(String),
    /// A rule cannot be read.
    Rule(RuleError),
}

/// Tries the rules.
///
/// # Errors
/// The first rule that cannot be read.
pub(crate) fn try_rules(asked: &Asked, tables: &[FilterPreviewTable]) -> Result<Trial, RuleError> {
    let filter = TableFilter::parse(&asked.rules, asked.case_sensitive)?;
    let mut rules: Vec<RuleUse> = asked
        .rules
        .iter()
        .map(|rule| RuleUse {
            is_off: rule.starts_with('#'),
            matches: 0,
            decides: 0,
        })
        .collect();
    let mut verdicts: Vec<Verdict> = tables.iter().map(|table| verdict(&filter, table)).collect();
    for verdict in &verdicts {
        verdict.matching.iter().for_each(|rule| rules[*rule].matches += 1);
        if let Some(rule) = verdict.matching.last() {
            rules[*rule].decides += 1;
        }
    }
    let accepted = verdicts.iter().filter(|verdict| verdict.accepted).count();
    let explained = explained(asked, &filter, &verdicts);
    verdicts.retain(|verdict| is_asked_for(asked, verdict));
    let matching = verdicts.len();
    // Stable: by name inside each group.
    verdicts.sort_by_key(|verdict| !verdict.accepted);
    verdicts.truncate(SHOWN_MAX);
    Ok(Trial {
        rules,
        shown: verdicts,
        matching,
        accepted,
        total: tables.len(),
        explained,
    })
}

fn verdict(filter: &TableFilter, table: &FilterPreviewTable) -> Verdict {
    let explanation = filter.explain(&table.schema, &table.table);
    let note = match (&table.unsupported, explanation.accepted) {
        _ if explanation.system_schema => "a system schema: no rule can select it".to_owned(),
        (_, false) => String::new(),
        (Some(why), true) => why.clone(),
        (None, true) if !table.eligible => "no key that identifies rows".to_owned(),
        (None, true) => String::new(),
    };
    Verdict {
        schema: table.schema.clone(),
        table: table.table.clone(),
        accepted: explanation.accepted,
        matching: filter.matching(&table.schema, &table.table),
        note,
    }
}

fn explained(asked: &Asked, filter: &TableFilter, verdicts: &[Verdict]) -> Option<Explained> {
    if asked.name.is_empty() {
        return None;
    }
    let Some((schema, table)) = names::split(&asked.name) else {
        return Some(Explained::NoName);
    };
    let known = verdicts
        .iter()
        .find(|known| known.schema == schema && known.table == table);
    let verdict = known
        .cloned()
        .unwrap_or_else(|| verdict(filter, &unknown(schema, table)));
    Some(Explained::Table {
        verdict,
        exists: known.is_some(),
    })
}

fn is_asked_for(asked: &Asked, verdict: &Verdict) -> bool {
    asked.selected.is_none_or(|selected| selected == verdict.accepted)
        && asked.rule.is_none_or(|rule| verdict.matching.contains(&rule))
        && (asked.find.is_empty()
            || names::join(&verdict.schema, &verdict.table)
                .to_lowercase()
                .contains(&asked.find))
}

/// A table of which only the name is known.
fn unknown(schema: String, table: String) -> FilterPreviewTable {
    FilterPreviewTable {
        schema,
        table,
        accepted: false,
        rule: None,
        eligible: true,
        unsupported: None,
    }
}

/// The tables of a pasted list, in its order, and what is wrong with it.
fn pasted(text: &str) -> Result<Vec<FilterPreviewTable>, String> {
    let mut tables = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let Some((schema, table)) = names::split(line) else {
            return Err(format!(
                "Line {} of the list is no table: write schema.table.",
                number + 1
            ));
        };
        tables.push(unknown(schema, table));
    }
    if tables.len() > PASTED_MAX {
        return Err(format!("The list has more than {PASTED_MAX} tables."));
    }
    Ok(tables)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str) -> Asked {
        Asked::of(Query::parse(query).unwrap())
    }

    fn tables() -> Vec<FilterPreviewTable> {
        pasted("shop.orders\nshop.tmp_1\nlogs.a\nmysql.user").unwrap()
    }

    fn tried(query: &str) -> Trial {
        try_rules(&asked(query), &tables()).unwrap()
    }

    fn names(trial: &Trial) -> Vec<String> {
        let shown = trial.shown.iter();
        shown
            .map(|verdict| names::join(&verdict.schema, &verdict.table))
            .collect()
    }

    #[test]
    fn each_rule_says_what_it_matches_and_decides() {
        let trial = tried("rules=*.*%0A!shop.tmp_*%0A%23+logs.*%0Anone.*");
        let uses: Vec<_> = trial
            .rules
            .iter()
            .map(|rule| (rule.is_off, rule.matches, rule.decides))
            .collect();
        assert_eq!(uses, [(false, 3, 2), (false, 1, 1), (true, 0, 0), (false, 0, 0)]);
        assert_eq!((trial.accepted, trial.total), (2, 4));
        assert_eq!(
            names(&trial),
            ["shop.orders", "logs.a", "shop.tmp_1", "mysql.user"]
        );
        assert!(trial.shown[3].note.contains("system schema"));
    }

    #[test]
    fn tables_are_chosen_by_rule_verdict_and_text() {
        assert_eq!(names(&tried("rules=*.*%0A!shop.tmp_*&rule=2")), ["shop.tmp_1"]);
        assert_eq!(names(&tried("rules=shop.*&show=rest")), ["logs.a", "mysql.user"]);
        let found = tried("rules=shop.*&find=ORD");
        assert_eq!(
            (names(&found), found.matching),
            (vec!["shop.orders".to_owned()], 1)
        );
    }

    #[test]
    fn a_table_is_explained_whether_it_exists_or_not() {
        let explained = |query: &str| match tried(query).explained.unwrap() {
            Explained::Table { verdict, exists } => (verdict.accepted, verdict.matching, exists),
            Explained::NoName => panic!("{query}"),
        };
        let rules = "rules=shop.*%0A!shop.tmp_*";
        assert_eq!(
            explained(&format!("{rules}&name=shop.tmp_1")),
            (false, vec![0, 1], true)
        );
        assert_eq!(
            explained(&format!("{rules}&name=shop.new")),
            (true, vec![0], false)
        );
        assert_eq!(
            explained("case=true&rules=Shop.*&name=shop.new"),
            (false, vec![], false)
        );
        assert_eq!(tried("name=shop").explained, Some(Explained::NoName));
    }

    #[test]
    fn rules_are_switched_and_moved_by_address() {
        let asked = asked("rules=a.*%0A%23+b.*&rule=1&case=true");
        assert_eq!(asked.toggled(0), ["# a.*", "# b.*"]);
        assert_eq!(asked.toggled(1), ["a.*", "b.*"]);
        assert_eq!(asked.lifted(1), ["# b.*", "a.*"]);
        assert_eq!(asked.in_force(), ["a.*"]);
        assert_eq!(
            asked.address_with_rules(&asked.lifted(1)),
            "/ui/playground/filter?rules=%23%20b.%2A%0Aa.%2A&case=true"
        );
    }

    #[test]
    fn a_pasted_list_is_read_or_its_fault_told() {
        assert_eq!(pasted("a.b\n\n`c.d`.e\n").unwrap().len(), 2);
        assert!(pasted("a.b\nc").unwrap_err().contains("Line 2"));
        assert!(pasted(&"a.b\n".repeat(PASTED_MAX + 1)).is_err());
    }
}
