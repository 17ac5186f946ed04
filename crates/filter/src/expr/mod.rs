//! Value expressions: SQL conditions over the columns of one row.
//!
//! A text is parsed once ([`Expression`]), compiled once for each version of a table ([`Condition`]) and evaluated
//! for each row image, without allocation unless a function makes a new text. Semantics are those of MySQL; where
//! MySQL, MariaDB and TiDB differ, `docs/filters.md` says which one it is.

mod arith;
mod calls;
mod collation;
mod compare;
mod compile;
mod convert;
mod decimal;
mod dialect;
mod eval;
mod functions;
mod json;
mod kinds;
mod like;
mod literals;
mod node;
mod parse;
mod temporal;
mod value;

#[cfg(test)]
mod judge;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;

pub(crate) use compile::Condition;
pub(crate) use eval::EvalError;
pub(crate) use parse::Expression;
