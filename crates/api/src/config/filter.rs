//! `filter`.

use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::json::null_default;

/// Which tables and events are replicated.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FilterConfig {
    /// Table rules, the last match decides; none means `*.*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// Transactions with these start-ts are dropped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignore_txn_start_ts: Vec<u64>,
    /// Rules that drop single events.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub event_filters: Vec<EventFilter>,
}

impl Default for FilterConfig {
    fn default() -> Self {
        FilterConfig {
            rules: vec!["*.*".to_owned()],
            ignore_txn_start_ts: Vec::new(),
            event_filters: Vec::new(),
        }
    }
}

/// One rule that drops events of the tables it matches. `None` and an empty list mean the same.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct EventFilter {
    /// Table rules.
    pub matcher: Option<Vec<String>>,
    /// Kinds of events to drop.
    pub ignore_event: Option<Vec<String>>,
    /// Regular expressions over the text of DDL.
    pub ignore_sql: Option<Vec<String>>,
    /// Condition on inserted rows.
    #[serde(default, deserialize_with = "expression")]
    pub ignore_insert_value_expr: String,
    /// Condition on the new row of updates.
    #[serde(default, deserialize_with = "expression")]
    pub ignore_update_new_value_expr: String,
    /// Condition on the old row of updates.
    #[serde(default, deserialize_with = "expression")]
    pub ignore_update_old_value_expr: String,
    /// Condition on deleted rows.
    #[serde(default, deserialize_with = "expression")]
    pub ignore_delete_value_expr: String,
}

/// A text; a list of one text is taken for it, because the published table calls these members arrays.
fn expression<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    null_default::<D, Expression>(deserializer).map(|expression| expression.0)
}

#[derive(Default)]
struct Expression(String);

impl<'de> Deserialize<'de> for Expression {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ExpressionVisitor).map(Expression)
    }
}

struct ExpressionVisitor;

impl<'de> Visitor<'de> for ExpressionVisitor {
    type Value = String;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("one SQL expression")
    }

    fn visit_str<E>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<String, A::Error> {
        let first = items.next_element::<String>()?.unwrap_or_default();
        match items.next_element::<String>()? {
            None => Ok(first),
            Some(_) => Err(serde::de::Error::custom(
                "more than one expression; join them with OR",
            )),
        }
    }
}
