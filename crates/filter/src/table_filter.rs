//! The list of rules and its verdicts.

use std::borrow::Cow;

use tidegate_model::Result;

use crate::parse::{Rule, RuleError, parse_rule};
use crate::pattern::fold;

/// Most rules in one list: keeps the memory of a filter bounded.
const RULES_MAX: usize = 10_000;

/// Schemas that no rule can select: the servers' own ones, and those in which replication tools keep their books.
const SYSTEM_SCHEMAS: [&str; 11] = [
    "information_schema",
    "performance_schema",
    "mysql",
    "sys",
    "metrics_schema",
    "inspection_schema",
    "dm_heartbeat",
    "tidb_cdc",
    "lightning_task_info",
    "workload_schema",
    "ndbinfo",
];

/// Whether `schema` is one that no rule can select. Ignores case.
pub fn is_system_schema(schema: &str) -> bool {
    SYSTEM_SCHEMAS
        .iter()
        .any(|system| system.eq_ignore_ascii_case(schema))
}

/// A compiled list of table rules. The last rule that matches decides; no match rejects.
#[derive(Clone, Debug)]
pub struct TableFilter {
    rules: Vec<(usize, Rule)>,
    /// The list was empty, which stands for `*.*`.
    everything: bool,
    case_sensitive: bool,
}

/// Why a table is in or out.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Explanation {
    /// The verdict.
    pub accepted: bool,
    /// Position in the list (from 0) of the rule that decided. `None`: no rule matched, or the list is empty and
    /// stands for `*.*`, or the schema is a system schema.
    pub rule: Option<usize>,
    /// The schema is one that no rule can select.
    pub system_schema: bool,
}

impl TableFilter {
    /// Compiles `rules`; an empty list means `*.*`. With `case_sensitive` false, letters match in either case.
    ///
    /// # Errors
    /// `FilterRuleInvalid`, naming the rule, the column and what was expected there.
    pub fn new(rules: &[String], case_sensitive: bool) -> Result<Self> {
        Self::parse(rules, case_sensitive).map_err(Into::into)
    }

    /// As [`TableFilter::new`], with the error in parts, for editors that point at the place.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn parse(rules: &[String], case_sensitive: bool) -> Result<Self, RuleError> {
        if rules.len() > RULES_MAX {
            return Err(RuleError::whole(
                RULES_MAX,
                format!("expected at most {RULES_MAX} rules"),
            ));
        }
        let mut compiled = Vec::with_capacity(rules.len());
        for (index, text) in rules.iter().enumerate() {
            if let Some(rule) = parse_rule(index, text, case_sensitive)? {
                compiled.push((index, rule));
            }
        }
        Ok(TableFilter {
            rules: compiled,
            everything: rules.is_empty(),
            case_sensitive,
        })
    }

    /// Whether rows and table-level statements of the table are replicated.
    pub fn matches_table(&self, schema: &str, table: &str) -> bool {
        self.explain(schema, table).accepted
    }

    /// Whether schema-level statements (CREATE, ALTER, DROP DATABASE) on `schema` are replicated: a rule counts when
    /// it accepts some table of the schema, or rejects all of them by the table pattern `*`.
    pub fn matches_schema(&self, schema: &str) -> bool {
        if is_system_schema(schema) {
            return false;
        }
        let schema = self.folded(schema);
        self.rules
            .iter()
            .rev()
            .map(|(_, rule)| rule)
            .find(|rule| (rule.positive || rule.table.is_match_all()) && rule.schema.matches(&schema))
            .map_or(self.everything, |rule| rule.positive)
    }

    /// The verdict on a table, with the rule that gave it.
    pub fn explain(&self, schema: &str, table: &str) -> Explanation {
        if is_system_schema(schema) {
            return Explanation {
                accepted: false,
                rule: None,
                system_schema: true,
            };
        }
        let schema = self.folded(schema);
        let table = self.folded(table);
        let decided = self
            .rules
            .iter()
            .rev()
            .find(|(_, rule)| rule.schema.matches(&schema) && rule.table.matches(&table));
        Explanation {
            accepted: decided.map_or(self.everything, |(_, rule)| rule.positive),
            rule: decided.map(|(index, _)| *index),
            system_schema: false,
        }
    }

    /// Positions in the list, ascending, of the rules that match a table, whether they select it or leave it out; the
    /// last of them decides. None in a system schema.
    pub fn matching(&self, schema: &str, table: &str) -> Vec<usize> {
        if is_system_schema(schema) {
            return Vec::new();
        }
        let schema = self.folded(schema);
        let table = self.folded(table);
        self.rules
            .iter()
            .filter(|(_, rule)| rule.schema.matches(&schema) && rule.table.matches(&table))
            .map(|(index, _)| *index)
            .collect()
    }

    fn folded<'a>(&self, name: &'a str) -> Cow<'a, str> {
        if self.case_sensitive {
            Cow::Borrowed(name)
        } else {
            fold(name)
        }
    }
}

#[cfg(test)]
mod tests;
