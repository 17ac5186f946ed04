//! From the API's types to what the pages show. Pure.

use crate::fns::data::{FeedDetail, FeedRow, FeedState, History, Problem, RulePreview, TableVerdict, Vitals};
use tidegate_api::{ChangefeedDetail, ChangefeedLive, FilterPreview, LiveSnapshot};
use tidegate_model::{ErrorCode, Ts, mask_uri};

/// Tables shown of a preview.
const TABLES_MAX: usize = 500;

/// The moving part of a changefeed.
pub(crate) fn vitals(live: &ChangefeedLive, now_ms: u64) -> Vitals {
    let state = FeedState::from_wire(&live.state);
    let problem = live
        .error
        .as_ref()
        .filter(|_| matches!(state, FeedState::Warning | FeedState::Failed));
    Vitals {
        state,
        checkpoint_ts: live.checkpoint_ts,
        resolved_ts: live.resolved_ts,
        lag_ms: live.checkpoint_lag_ms,
        resolved_lag_ms: (live.resolved_ts > 0).then_some(live.resolved_lag_ms),
        rows_per_s: live.rows_per_second,
        bytes_per_s: live.bytes_per_second,
        problem: problem.map(|error| problem_of(&error.code, &error.message, &error.time)),
        blocked: live.reason.as_deref().map(sentence),
        retry_in_ms: live.retry_at_ms.map(|at_ms| at_ms.saturating_sub(now_ms)),
        attempt: live.attempt,
        tables: live.tables,
    }
}

/// The figures of a changefeed and when they were taken; none for one that is newer than the snapshot.
pub(crate) fn figures<'a>(
    detail: &ChangefeedDetail,
    snapshot: &'a LiveSnapshot,
) -> Option<(&'a ChangefeedLive, u64)> {
    let mut all = snapshot.changefeeds.iter();
    let live = all.find(|live| live.namespace == detail.namespace && live.id == detail.id)?;
    Some((live, snapshot.unix_ms))
}

/// A row of the list without a history: the detail for what stays, the figures for what moves.
pub(crate) fn row(
    detail: &ChangefeedDetail,
    figures: Option<(&ChangefeedLive, u64)>,
    now_ms: u64,
) -> FeedRow {
    let mut vitals = match figures {
        Some((live, at_ms)) => vitals(live, at_ms),
        None => first_vitals(detail, now_ms),
    };
    // The detail is the newer of the two: a page after a pause must not say "normal".
    vitals.state = FeedState::from_wire(&detail.state);
    if !matches!(vitals.state, FeedState::Warning | FeedState::Failed) {
        vitals.problem = None;
    }
    FeedRow {
        namespace: detail.namespace.clone(),
        id: detail.id.clone(),
        sink: mask_uri(&detail.sink_uri),
        vitals,
        history: History::default(),
    }
}

/// The last `seconds` of a changefeed.
pub(crate) fn history(figures: Option<(&ChangefeedLive, u64)>, seconds: usize) -> History {
    let Some((live, end_ms)) = figures else {
        return History::default();
    };
    let count = live.lag_history.len().min(live.rows_history.len());
    let last = count.min(seconds);
    History {
        end_ms,
        lag_ms: live.lag_history[count - last..count].to_vec(),
        // A tenth is more than a line of a chart shows.
        rows_per_s: live.rows_history[count - last..count]
            .iter()
            .map(|rows| ((rows * 10.0).round() / 10.0) as f32)
            .collect(),
    }
}

/// Everything about one changefeed.
pub(crate) fn detail(detail: &ChangefeedDetail, snapshot: &LiveSnapshot, now_ms: u64) -> FeedDetail {
    let config = detail.config.as_ref().map(|config| config.masked());
    let config_json = config.and_then(|config| serde_json::to_string_pretty(&config).ok());
    let figures = figures(detail, snapshot);
    FeedDetail {
        row: row(detail, figures, now_ms),
        start_ts: detail.start_ts,
        target_ts: (detail.target_ts > 0).then_some(detail.target_ts),
        created: detail.create_time.clone(),
        creator_version: detail.creator_version.clone(),
        config_json: config_json.unwrap_or_default(),
    }
}

/// What rules select, with the reason for each table.
pub(crate) fn preview(preview: FilterPreview, rule_count: usize) -> RulePreview {
    let decided: std::collections::HashSet<usize> =
        preview.tables.iter().filter_map(|table| table.rule).collect();
    let total = preview.tables.len();
    let mut tables: Vec<TableVerdict> = preview
        .tables
        .into_iter()
        .map(|table| {
            let note = match (table.accepted, table.unsupported, table.eligible) {
                (false, ..) => String::new(),
                (true, Some(why), _) => why,
                (true, None, false) => "no key that identifies rows".to_owned(),
                (true, None, true) => String::new(),
            };
            TableVerdict {
                schema: table.schema,
                table: table.table,
                accepted: table.accepted,
                rule: table.rule.map(|rule| rule + 1),
                note,
            }
        })
        .collect();
    let accepted = tables.iter().filter(|table| table.accepted).count();
    // Stable: by name inside each group.
    tables.sort_by_key(|table| !table.accepted);
    tables.truncate(TABLES_MAX);
    let idle_rules = (0..rule_count)
        .filter(|rule| total > 0 && !decided.contains(rule))
        .map(|rule| rule + 1)
        .collect();
    RulePreview {
        total,
        accepted,
        idle_rules,
        tables,
    }
}

/// An error with the remedy of its code.
fn problem_of(code: &str, message: &str, time: &str) -> Problem {
    let known = ErrorCode::ALL.iter().find(|known| known.as_str() == code);
    Problem {
        code: code.to_owned(),
        message: message
            .strip_prefix(&format!("[{code}]"))
            .unwrap_or(message)
            .to_owned(),
        remedy: known.map(|known| known.remedy().to_owned()).unwrap_or_default(),
        time: time.to_owned(),
    }
}

/// The engine's fragment as a sentence.
fn sentence(fragment: &str) -> String {
    let mut letters = fragment.chars();
    let Some(first) = letters.next() else {
        return String::new();
    };
    let end = if fragment.ends_with('.') { "" } else { "." };
    format!("{}{}{end}", first.to_uppercase(), letters.as_str())
}

fn first_vitals(detail: &ChangefeedDetail, now_ms: u64) -> Vitals {
    let age_ms = |ts: u64| now_ms.saturating_sub(Ts::from_u64(ts).physical_ms());
    Vitals {
        state: FeedState::from_wire(&detail.state),
        checkpoint_ts: detail.checkpoint_ts,
        resolved_ts: detail.resolved_ts,
        lag_ms: age_ms(detail.checkpoint_ts),
        resolved_lag_ms: (detail.resolved_ts > 0).then(|| age_ms(detail.resolved_ts)),
        rows_per_s: 0.0,
        bytes_per_s: 0.0,
        problem: detail
            .error
            .as_ref()
            .map(|error| problem_of(&error.code, &error.message, "")),
        blocked: None,
        retry_in_ms: None,
        attempt: None,
        tables: detail.task_status.iter().map(|task| task.table_ids.len()).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_api::{FilterPreviewTable, RunningError};

    fn live() -> ChangefeedLive {
        ChangefeedLive {
            namespace: "default".to_owned(),
            id: "a".to_owned(),
            state: "pending".to_owned(),
            lag_history: vec![3, 2, 1],
            rows_history: vec![30.0, 20.0, 10.0],
            error: Some(RunningError {
                time: "t".to_owned(),
                addr: "x".to_owned(),
                code: "CDC:ErrMySQLConnectionError".to_owned(),
                message: "[CDC:ErrMySQLConnectionError]cannot connect".to_owned(),
            }),
            reason: Some("retrying in 3 s".to_owned()),
            retry_at_ms: Some(13_000),
            ..ChangefeedLive::default()
        }
    }

    fn summary() -> ChangefeedDetail {
        ChangefeedDetail {
            namespace: "default".to_owned(),
            id: "a".to_owned(),
            state: "pending".to_owned(),
            sink_uri: "mysql://u:secret@h/".to_owned(),
            ..ChangefeedDetail::default()
        }
    }

    #[test]
    fn a_problem_has_its_remedy_and_no_code_in_the_message() {
        let vitals = vitals(&live(), 10_000);
        let problem = vitals.problem.unwrap();
        assert_eq!(problem.message, "cannot connect");
        assert_eq!(problem.remedy, ErrorCode::MySQLConnectionError.remedy());
        assert_eq!(
            (vitals.retry_in_ms, vitals.blocked.as_deref()),
            (Some(3_000), Some("Retrying in 3 s."))
        );
    }

    #[test]
    fn histories_end_now_and_are_cut() {
        let snapshot = LiveSnapshot {
            unix_ms: 10_000,
            changefeeds: vec![live()],
        };
        let figures = figures(&summary(), &snapshot);
        let history = history(figures, 2);
        assert_eq!((history.end_ms, &history.lag_ms[..]), (10_000, &[2, 1][..]));
        assert_eq!(history.rows_per_s, [20.0, 10.0]);
        assert_eq!(row(&summary(), figures, 10_000).sink, "mysql://u:xxxxx@h/");
    }

    #[test]
    fn a_state_that_changed_since_the_snapshot_wins() {
        let snapshot = LiveSnapshot {
            unix_ms: 10_000,
            changefeeds: vec![live()],
        };
        let paused = ChangefeedDetail {
            state: "stopped".to_owned(),
            ..summary()
        };
        let row = row(&paused, figures(&paused, &snapshot), 10_000);
        assert_eq!((row.vitals.state, row.vitals.problem), (FeedState::Stopped, None));
    }

    #[test]
    fn a_preview_names_idle_rules_and_tables_without_a_key() {
        let table = |table: &str, accepted, rule, eligible| FilterPreviewTable {
            schema: "s".to_owned(),
            table: table.to_owned(),
            accepted,
            rule,
            eligible,
            unsupported: None,
        };
        let tables = vec![table("a", false, None, true), table("b", true, Some(0), false)];
        let shown = preview(FilterPreview { tables }, 2);
        assert_eq!((shown.total, shown.accepted, shown.idle_rules), (2, 1, vec![2]));
        assert_eq!(
            (shown.tables[0].table.as_str(), shown.tables[0].rule),
            ("b", Some(1))
        );
        assert!(shown.tables[0].note.contains("no key"));
    }
}
