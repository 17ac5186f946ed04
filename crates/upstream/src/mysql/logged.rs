//! Statements as the binlog has them: text, character set, session settings.

use std::borrow::Cow;
use std::sync::Arc;

use tidegate_model::DdlSession;
use tidegate_mysql::binlog::{Charset, CollationTable, Query};
use tidegate_mysql::ddl::Ddl;

use super::group::LoggedDdl;

/// The statement's text as UTF-8.
pub(crate) fn statement_text<'a>(query: &'a Query, collations: &CollationTable) -> Cow<'a, str> {
    let client = query
        .status
        .client_collation
        .and_then(|id| collations.get(u32::from(id)));
    match client {
        // A binary client sends what it has; nearly always UTF-8.
        Some(collation) if collation.charset != Charset::Binary => collation.charset.decode(&query.text),
        _ => String::from_utf8_lossy(&query.text),
    }
}

/// Keeps what somebody who runs the statement elsewhere has to know.
pub(crate) fn logged_ddl(
    ddl: Ddl,
    text: &str,
    query: &Query,
    collations: &CollationTable,
    timestamp_seconds: u32,
) -> LoggedDdl {
    let text = ddl
        .start_transaction_at
        .and_then(|at| text.get(..at))
        .unwrap_or(text);
    let status = &query.status;
    let by_id = |id: Option<u16>| id.and_then(|id| collations.get(u32::from(id)));
    let name = |id: Option<u16>| by_id(id).map(|collation| Arc::clone(&collation.name));
    LoggedDdl {
        query: text.trim_end().into(),
        schema: String::from_utf8_lossy(&query.schema).into(),
        session: DdlSession {
            sql_mode: status.sql_mode.map(|bits| sql_mode_names(bits).into()),
            charset: by_id(status.client_collation).map(|collation| Arc::clone(&collation.charset_name)),
            collation: name(status.connection_collation),
            server_collation: name(status.server_collation),
            time_zone: status
                .time_zone
                .as_ref()
                .map(|zone| String::from_utf8_lossy(zone).into()),
            timestamp_seconds,
        },
        ddl,
    }
}

/// Names of the SQL mode bits from bit 0 on. Empty: a bit whose meaning differs between the flavours or versions,
/// or a mode that only stands for others, which are set too.
const SQL_MODES: [&str; 32] = [
    "REAL_AS_FLOAT",
    "PIPES_AS_CONCAT",
    "ANSI_QUOTES",
    "IGNORE_SPACE",
    "",
    "ONLY_FULL_GROUP_BY",
    "NO_UNSIGNED_SUBTRACTION",
    "NO_DIR_IN_CREATE",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "NO_AUTO_VALUE_ON_ZERO",
    "NO_BACKSLASH_ESCAPES",
    "STRICT_TRANS_TABLES",
    "STRICT_ALL_TABLES",
    "NO_ZERO_IN_DATE",
    "NO_ZERO_DATE",
    "ALLOW_INVALID_DATES",
    "ERROR_FOR_DIVISION_BY_ZERO",
    "",
    "",
    "HIGH_NOT_PRECEDENCE",
    "NO_ENGINE_SUBSTITUTION",
    "PAD_CHAR_TO_FULL_LENGTH",
];

fn sql_mode_names(bits: u64) -> String {
    let names: Vec<&str> = SQL_MODES
        .iter()
        .enumerate()
        .filter(|(bit, name)| !name.is_empty() && bits >> bit & 1 == 1)
        .map(|(_, name)| *name)
        .collect();
    names.join(",")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tidegate_mysql::binlog::QueryStatus;
    use tidegate_mysql::ddl::{Classified, classify};

    use super::*;

    #[test]
    fn a_statement_is_read_in_the_clients_character_set() {
        let collations = CollationTable::builtin();
        let text = |id: u16, bytes: &'static [u8]| {
            let query = Query {
                thread_id: 1,
                error_code: 0,
                schema: Bytes::new(),
                text: Bytes::from_static(bytes),
                status: QueryStatus {
                    client_collation: Some(id),
                    ..QueryStatus::default()
                },
            };
            statement_text(&query, &collations).into_owned()
        };
        assert_eq!(text(8, b"caf\xe9"), "caf\u{e9}");
        assert_eq!(text(45, "café".as_bytes()), "caf\u{e9}");
        assert_eq!(text(9999, b"a\xff"), "a\u{fffd}");
    }

    #[test]
    fn the_session_keeps_the_collations_of_connection_and_server() {
        let query = Query {
            thread_id: 1,
            error_code: 0,
            schema: Bytes::new(),
            text: Bytes::from_static(b"CREATE DATABASE d"),
            status: QueryStatus {
                connection_collation: Some(45),
                server_collation: Some(8),
                ..QueryStatus::default()
            },
        };
        let Classified::Ddl(ddl) = classify("CREATE DATABASE d", "", false) else {
            panic!("a schema change");
        };
        let logged = logged_ddl(ddl, "CREATE DATABASE d", &query, &CollationTable::builtin(), 0);
        assert_eq!(logged.session.collation.as_deref(), Some("utf8mb4_general_ci"));
        assert_eq!(
            logged.session.server_collation.as_deref(),
            Some("latin1_swedish_ci")
        );
    }

    #[test]
    fn sql_modes_are_named() {
        assert_eq!(
            sql_mode_names(1 << 21 | 1 << 26 | 4),
            "ANSI_QUOTES,STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO"
        );
        assert_eq!(sql_mode_names(0), "");
    }
}
