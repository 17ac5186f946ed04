//! What an error of a changefeed means, what usually causes it, and which pages help: one table for the console and for
//! `/api/tidegate/v1/errors/{code}`. The next step in words is the code's own [`ErrorCode::remedy`].

use tidegate_model::ErrorCode;

/// Something to do about an error, as a button.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Action {
    /// Go on from the checkpoint.
    Resume,
    /// Open the form of changes at a field; the text is the button's.
    Edit(&'static str, &'static str),
    /// Make another one like it that starts now.
    CloneNow,
    /// Try the table rules out.
    TryRules,
    /// Try the event filters out.
    TryFilters,
    /// Look at the tables and their keys.
    Tables,
    /// Delete it.
    Remove,
}

use Action::{CloneNow, Edit, Remove, Resume, Tables, TryFilters, TryRules};

const SINK: Action = Edit("Edit sink URI", "sink_uri");
const RULES: Action = Edit("Edit table rules", "rules");
const EVENTS: Action = Edit("Edit event filters", "events");
const DELIVERY: Action = Edit("Edit delivery settings", "delivery");

/// What is said about one code.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Help {
    /// What has happened.
    pub(crate) meaning: &'static str,
    /// What usually causes it.
    pub(crate) cause: &'static str,
    pub(crate) actions: &'static [Action],
}

/// What is known of a code; `None` for those that no changefeed fails with.
pub(crate) fn help(code: ErrorCode) -> Option<Help> {
    let (meaning, cause, actions) = upstream(code)
        .or_else(|| destination(code))
        .or_else(|| settings(code))
        .or_else(|| any_setting(code))?;
    Some(Help {
        meaning,
        cause,
        actions,
    })
}

type Row = (&'static str, &'static str, &'static [Action]);

/// The change log and the server that keeps it.
fn upstream(code: ErrorCode) -> Option<Row> {
    Some(match code {
        ErrorCode::StartTsBeforeGC | ErrorCode::SnapshotLostByGC => (
            "The upstream no longer keeps the change log from the checkpoint on.",
            "The changefeed was paused, or failed, for longer than the upstream keeps its binlog, or the binlog was purged by hand.",
            &[CloneNow, Remove],
        ),
        ErrorCode::GCTTLExceeded => (
            "It was paused for longer than the change log is held back for it.",
            "A paused or failed changefeed was forgotten.",
            &[CloneNow, Remove],
        ),
        ErrorCode::UpstreamLogExpiring => (
            "The change log that it still needs will be purged soon.",
            "It is paused, or far behind, and the upstream keeps its binlog for a short time only.",
            &[Resume],
        ),
        ErrorCode::UpstreamConnection => (
            "The upstream database does not answer.",
            "It is being restarted or is overloaded, or the network between it and this server is broken.",
            &[],
        ),
        ErrorCode::UpstreamAccessDenied => (
            "The upstream refuses the replication user.",
            "The user lacks a privilege, or its password was changed.",
            &[Resume],
        ),
        ErrorCode::UpstreamMisconfigured => (
            "The upstream does not write what replication needs.",
            "A setting of the upstream's binlog was changed; the message has the SQL that mends it.",
            &[Resume],
        ),
        ErrorCode::UpstreamIncident | ErrorCode::UpstreamDiverged => (
            "The upstream's change log does not go on where it was read last.",
            "The upstream crashed and lost part of its log, or another server took its place that has other transactions.",
            &[CloneNow, Remove],
        ),
        ErrorCode::StatementBinlog | ErrorCode::PartialRowImage | ErrorCode::PartialJSON => (
            "The upstream logged a change without the rows that replication needs.",
            "A session of the upstream used another binlog_format, binlog_row_image or binlog_row_value_options.",
            &[Resume, CloneNow],
        ),
        ErrorCode::BinlogDecode | ErrorCode::CorruptedDataMutation => (
            "An event of the change log cannot be read.",
            "The log is damaged, or the event is of a kind that this version does not know.",
            &[RULES, CloneNow],
        ),
        ErrorCode::DuplicateServerId => (
            "Another replica uses the server_id of this server.",
            "Two servers were started with the same --server-id.",
            &[Resume],
        ),
        ErrorCode::TxnTooLarge => (
            "One transaction of the upstream is larger than the limit.",
            "A bulk load or an update of a whole table in one transaction.",
            &[SINK, Resume],
        ),
        ErrorCode::SchemaSnapshotNotFound | ErrorCode::SyncRenameTableFailed => (
            "The table's definition at that time is not known.",
            "A table was renamed into the rules, or the schema history before the start point is gone.",
            &[RULES, CloneNow],
        ),
        ErrorCode::XAPrepareNotFound => (
            "An XA transaction is committed whose rows were logged before the start point.",
            "The changefeed started between prepare and commit.",
            &[CloneNow, Resume],
        ),
        _ => return None,
    })
}

/// Databases and storages that are written to.
fn destination(code: ErrorCode) -> Option<Row> {
    Some(match code {
        ErrorCode::MySQLConnectionError => (
            "The downstream database does not answer, or refuses the login.",
            "It is down or unreachable from this server, or user, password, host or port in the sink URI are wrong.",
            &[SINK, Resume],
        ),
        ErrorCode::MySQLTxnError => (
            "The downstream refused a transaction.",
            "The table does not exist there, has other columns, or somebody else changed its rows.",
            &[Tables, Resume, Edit("Turn on safe mode", "sink_uri")],
        ),
        ErrorCode::MySQLDuplicateEntry => (
            "A row with the same unique value is already there downstream.",
            "Rows were copied before the start point, or somebody else writes to the table.",
            &[Edit("Turn on safe mode", "sink_uri"), Resume],
        ),
        ErrorCode::MySQLQueryError => (
            "The downstream refused a query.",
            "The user of the sink URI lacks a privilege, or the server is being shut down.",
            &[SINK, Resume],
        ),
        ErrorCode::ExecDDLFailed | ErrorCode::HandleDDLFailed => (
            "A schema change could not be made downstream.",
            "The table is different there, the statement is not known to that version, or the user lacks a privilege.",
            &[Resume, EVENTS],
        ),
        ErrorCode::ExternalStorageAPI => (
            "The storage refused a file.",
            "The bucket or folder does not exist, the keys are wrong, or there is no space left.",
            &[SINK, Resume],
        ),
        ErrorCode::StorageSinkInvalidFileName => (
            "The storage holds files that do not belong there.",
            "Another changefeed or program writes to the same folder.",
            &[SINK, Resume],
        ),
        ErrorCode::LostAck => (
            "A batch was dropped without an answer; it will be sent again.",
            "The connection to the destination broke in the middle.",
            &[Resume],
        ),
        ErrorCode::ChangefeedUnretryable => (
            "It tried again for too long without getting any further.",
            "The cause in the message was not mended within changefeed_error_stuck_duration.",
            &[Resume, SINK],
        ),
        ErrorCode::MetaStore => (
            "Its progress cannot be stored.",
            "The disk of this server's data directory is full or read-only.",
            &[Resume],
        ),
        ErrorCode::OwnerUnknown | ErrorCode::ProcessorUnknown => (
            "It ended in a way that was not foreseen.",
            "The log of this server around that time says more.",
            &[Resume],
        ),
        _ => return None,
    })
}

/// What is asked for.
fn settings(code: ErrorCode) -> Option<Row> {
    Some(match code {
        ErrorCode::SinkURIInvalid | ErrorCode::MySQLInvalidConfig | ErrorCode::SinkInvalidConfig => (
            "The sink URI, or a setting of the destination, cannot be used.",
            "A typing mistake, or characters of a password that are not escaped.",
            &[SINK],
        ),
        ErrorCode::SameUpstreamDownstream => (
            "The destination is the upstream itself.",
            "Host and port of the sink URI are those of the upstream.",
            &[SINK],
        ),
        ErrorCode::StorageSinkInvalidConfig => (
            "The storage's address or one of its options is wrong.",
            "A path that does not exist, or an option that this kind of storage does not have.",
            &[SINK, DELIVERY],
        ),
        ErrorCode::IncompatibleSinkConfig => (
            "Sink URI and config say different things.",
            "An option stands in both places with different values.",
            &[SINK, DELIVERY],
        ),
        ErrorCode::SinkUnknownProtocol | ErrorCode::CodecInvalidConfig => (
            "The message format or one of its options cannot be used.",
            "The destination does not take this protocol, or an option is misspelt.",
            &[DELIVERY, SINK],
        ),
        ErrorCode::KafkaInvalidConfig | ErrorCode::KafkaNewProducer => (
            "Settings of Kafka do not fit together.",
            "The broker's limits are smaller than those of the changefeed, or the topic has other settings.",
            &[SINK, DELIVERY],
        ),
        ErrorCode::TableIneligible => (
            "Some of the tables have no key that identifies rows.",
            "A table without a primary key or NOT NULL unique key matches the rules.",
            &[
                Tables,
                TryRules,
                Edit("Leave such tables out", "ignore_ineligible_table"),
                Edit("Replicate them all the same", "force_replicate"),
            ],
        ),
        ErrorCode::FilterRuleInvalid => (
            "A table rule cannot be read.",
            "A rule is misspelt; the message names the place.",
            &[TryRules, RULES],
        ),
        ErrorCode::InvalidFilterExpression
        | ErrorCode::ExpressionColumnNotFound
        | ErrorCode::FailedToFilterDML
        | ErrorCode::InvalidIgnoreEventType => (
            "An event filter does not work for one of the tables.",
            "An expression is misspelt, or names a column that the table does not have (any more).",
            &[TryFilters, EVENTS, Resume],
        ),
        ErrorCode::DispatcherFailed | ErrorCode::ColumnSelectorFailed => (
            "A rule about messages or columns does not work for one of the tables.",
            "It names a column or an index that the table does not have.",
            &[DELIVERY, Resume],
        ),
        ErrorCode::ChangefeedUpdateRefused => (
            "The change was not made.",
            "Only a paused or failed changefeed can be changed.",
            &[Resume],
        ),
        _ => return None,
    })
}

fn any_setting(code: ErrorCode) -> Option<Row> {
    let is_setting = matches!(code, ErrorCode::InvalidReplicaConfig | ErrorCode::NotSupported);
    is_setting.then_some((
        "A setting cannot be used.",
        "It is misspelt, out of range, or not known to this version.",
        &[DELIVERY],
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The codes of the design's table that this server raises.
    #[test]
    fn every_code_that_people_meet_is_explained() {
        for code in [
            ErrorCode::StartTsBeforeGC,
            ErrorCode::SnapshotLostByGC,
            ErrorCode::GCTTLExceeded,
            ErrorCode::MySQLConnectionError,
            ErrorCode::MySQLTxnError,
            ErrorCode::TableIneligible,
            ErrorCode::KafkaInvalidConfig,
            ErrorCode::StorageSinkInvalidConfig,
            ErrorCode::SinkURIInvalid,
            ErrorCode::FilterRuleInvalid,
            ErrorCode::ExpressionColumnNotFound,
            ErrorCode::InvalidFilterExpression,
            ErrorCode::DispatcherFailed,
            ErrorCode::ColumnSelectorFailed,
            ErrorCode::ChangefeedUpdateRefused,
            ErrorCode::UpstreamMisconfigured,
            ErrorCode::UpstreamAccessDenied,
            ErrorCode::StatementBinlog,
        ] {
            assert!(help(code).is_some(), "{code}");
        }
    }

    #[test]
    fn texts_are_sentences() {
        for help in ErrorCode::ALL.iter().filter_map(|code| help(*code)) {
            assert!(
                help.meaning.ends_with('.') && help.cause.ends_with('.'),
                "{help:?}"
            );
        }
        assert_eq!(help(ErrorCode::CliAborted), None);
    }
}
