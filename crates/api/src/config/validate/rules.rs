//! Applies the rule of a setting to a value.

use std::fmt::Display;

use tidegate_model::{CdcError, ErrorCode, Result};

use crate::config::Findings;
use crate::config::settings::{Rule, setting_at};
use crate::duration::GoDuration;

/// Checks a text against its setting's words.
pub(super) fn check_text(path: &str, value: Option<&str>, findings: &mut Findings) -> Result<()> {
    let Some(value) = value else { return Ok(()) };
    let (words, known) = match setting_at(path).rule {
        Rule::OneOf(words) => (words, words.contains(&value)),
        Rule::OneOfAnyCase(words) => (words, words.iter().any(|word| word.eq_ignore_ascii_case(value))),
        _ => return Ok(()),
    };
    if known {
        return Ok(());
    }
    let words: Vec<&str> = words.iter().copied().filter(|word| !word.is_empty()).collect();
    let (last, first) = words.split_last().unwrap_or((&"", &[]));
    let text = if first.is_empty() {
        format!("{value:?} is not {last}")
    } else {
        format!("{value:?} is not {} or {last}", first.join(", "))
    };
    fault(path, text, findings)
}

/// Checks a number against its setting's lower bound. Upper bounds cut, which is the sink's business.
pub(super) fn check_number(path: &str, value: Option<i64>, findings: &mut Findings) -> Result<()> {
    let min = match setting_at(path).rule {
        Rule::Min(min) | Rule::Cut(min, _) => min,
        _ => return Ok(()),
    };
    match value {
        Some(value) if value < min => fault(path, format!("{value} must be at least {min}"), findings),
        _ => Ok(()),
    }
}

/// Checks a duration against its setting's lower bound.
pub(super) fn check_duration(path: &str, value: Option<GoDuration>, findings: &mut Findings) -> Result<()> {
    match (setting_at(path).rule, value) {
        (Rule::MinDuration(min), Some(value)) if value < min => {
            fault(path, format!("{value} must be at least {min}"), findings)
        }
        _ => Ok(()),
    }
}

/// Notes that a setting is wrong: its name, the reason, and the words with which its code begins.
pub(super) fn fault(path: &str, reason: impl Display, findings: &mut Findings) -> Result<()> {
    let setting = setting_at(path);
    let error = match setting.code {
        ErrorCode::InvalidReplicaConfig => format!("invalid replica config, {path}: {reason}"),
        ErrorCode::SinkInvalidConfig => format!("sink config invalid: {path}: {reason}"),
        _ => format!("{path}: {reason}"),
    };
    findings.error(setting.pointer(), CdcError::new(setting.code, error))
}
