//! One taxonomy of errors: code, HTTP class, retry class, remedy.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// `Result` with the taxonomy's error.
pub type Result<T, E = CdcError> = std::result::Result<T, E>;

/// What the state machine does with an error.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum RetryClass {
    /// Try again with back-off: the world may mend itself.
    Retry,
    /// Stop in state `failed`: someone has to act.
    Fail,
    /// As `Fail`; the start point is gone, so the changefeed stops holding back garbage collection.
    GcFail,
}

macro_rules! error_codes {
    ($($variant:ident $http:literal $retry:ident $remedy:literal;)+) => {
        /// Codes as they stand on the wire, each `CDC:Err<Variant>`.
        #[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
        #[allow(missing_docs, reason = "the name is the meaning; the remedy text explains")]
        pub enum ErrorCode { $($variant,)+ }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$variant),+];

            /// Wire text, `CDC:Err...`.
            pub const fn as_str(self) -> &'static str {
                match self { $(ErrorCode::$variant => concat!("CDC:Err", stringify!($variant)),)+ }
            }

            /// HTTP status of an answer that carries it. 400 wherever the caller can mend the request, 500 for
            /// faults of ours or of the upstream.
            pub const fn http_status(self) -> u16 {
                match self { $(ErrorCode::$variant => $http),+ }
            }

            /// What a running changefeed does with it.
            pub const fn retry_class(self) -> RetryClass {
                match self { $(ErrorCode::$variant => RetryClass::$retry),+ }
            }

            /// The next step for the reader, one sentence.
            pub const fn remedy(self) -> &'static str {
                match self { $(ErrorCode::$variant => $remedy),+ }
            }
        }
    };
}

error_codes! {
    APIInvalidParam 400 Fail "Correct the named parameter and send the request again.";
    ChangeFeedNotExists 400 Fail "List the changefeeds of the namespace to see which exist.";
    ChangeFeedAlreadyExists 400 Fail "Choose another changefeed id, or remove the existing one first.";
    ChangefeedUpdateRefused 400 Fail "Pause the changefeed, or correct the named setting, then update it again.";
    TargetTsBeforeStartTs 400 Fail "Choose a target_ts later than start_ts.";
    StartTsBeforeGC 400 GcFail "Start later: the upstream no longer keeps the change log of that time.";
    GCTTLExceeded 400 GcFail "Recreate the changefeed from a newer start point after a fresh copy of the data.";
    SnapshotLostByGC 400 GcFail "Recreate the changefeed from a newer start point after a fresh copy of the data.";
    SinkURIInvalid 400 Fail "Correct the sink URI.";
    SameUpstreamDownstream 400 Fail "Choose another destination: this one is the upstream itself.";
    SinkInvalidConfig 400 Fail "Correct the named sink setting.";
    SinkUnknownProtocol 400 Fail "Use one of the protocols named in the message.";
    StorageSinkInvalidConfig 400 Fail "Correct the named storage setting.";
    StorageSinkInvalidFileName 500 Retry "Check the index files below the sink's directory for foreign content.";
    IncompatibleSinkConfig 400 Fail "Say the same in the sink URI and in the config, or leave one of them out.";
    CodecInvalidConfig 400 Fail "Correct the named option of the message format.";
    KafkaInvalidConfig 400 Fail "Correct the named Kafka setting.";
    KafkaNewProducer 400 Fail "Correct the named Kafka setting.";
    KafkaTopicExprInvalid 400 Fail "Write the topic with letters, digits, '.', '_', '-' and the placeholders {schema} and {table}, in this order.";
    PulsarInvalidConfig 400 Fail "Correct the named Pulsar setting.";
    PulsarTopicExprInvalid 400 Fail "Write the topic as persistent://tenant/namespace/topic, or as a name without a slash.";
    InvalidGlueSchemaRegistryConfig 400 Fail "Give registry_name and region, and access_key together with secret_access_key.";
    ConsistentStorage 400 Fail "Use a storage URI with one of the schemes named.";
    InvalidReplicaConfig 400 Fail "Correct the named member of replica_config.";
    FilterRuleInvalid 400 Fail "Correct the filter rule at the position named.";
    InvalidIgnoreEventType 400 Fail "Use an event type from the documented list.";
    InvalidFilterExpression 400 Fail "Correct the expression.";
    ExpressionColumnNotFound 400 Fail "Name a column that the table has.";
    FailedToFilterDML 500 Retry "Check the filter expression against the row named.";
    DispatcherFailed 400 Fail "Correct the dispatcher rule.";
    ColumnSelectorFailed 400 Fail "Correct the column selector.";
    TableIneligible 400 Fail "Add a primary key or a NOT NULL unique key, leave the tables out by a filter rule, or set ignore_ineligible_table or force_replicate.";
    MySQLConnectionError 400 Retry "Check host, port, user and password of the database and that it accepts connections.";
    MySQLInvalidConfig 400 Fail "Correct the named option of the sink URI.";
    MySQLTxnError 500 Retry "Look at the downstream's message; replication goes on from the last checkpoint once it is mended.";
    MySQLDuplicateEntry 500 Retry "A row with that unique value already exists downstream; safe-mode overwrites it.";
    MySQLQueryError 500 Retry "Look at the database's message.";
    ExecDDLFailed 500 Retry "Run the statement by hand downstream or mend what it complains about; then resume.";
    HandleDDLFailed 500 Retry "Look at the statement in the message.";
    SyncRenameTableFailed 500 Fail "Include the old name in the filter, or recreate the changefeed after the rename.";
    SchemaSnapshotNotFound 500 Fail "Recreate the changefeed from a newer start point.";
    CorruptedDataMutation 500 Fail "The change log is damaged at the position named: check the upstream's disk.";
    ChangefeedUnretryable 500 Fail "The checkpoint stood still for too long. Mend the cause in the message, then resume.";
    ExternalStorageAPI 500 Retry "Check that the storage is reachable, writable and has free space.";
    UpstreamMisconfigured 400 Fail "Run the SQL statements in the message on the upstream.";
    UpstreamConnection 500 Retry "Check that the upstream database is running and reachable; replication goes on by itself.";
    UpstreamAccessDenied 400 Fail "Grant the privilege named in the message to the replication user.";
    UpstreamIncident 500 Fail "The upstream recorded a gap in its change log: recreate the changefeed after a fresh copy of the data.";
    UpstreamDiverged 500 Fail "The upstream no longer has transactions that were already read: check the failover, then recreate the changefeed.";
    UpstreamLogExpiring 500 Retry "Resume the changefeed, or let the upstream keep its binlog for longer: SET GLOBAL binlog_expire_logs_seconds.";
    UpstreamNotFound 400 Fail "Use the id of a known upstream, or 0 for the default one.";
    UpstreamMissMatch 500 Fail "The address given belongs to another cluster.";
    UpstreamManagerNotReady 500 Retry "The server is still starting: try again in a moment.";
    BinlogDecode 500 Fail "The message names the event and the column: report it with the position, or leave the table out by a filter rule.";
    StatementBinlog 500 Fail "Set binlog_format=ROW globally and for the session named, then recreate or skip the transaction.";
    PartialRowImage 500 Fail "Set binlog_row_image=FULL globally and for the sessions that write.";
    PartialJSON 500 Fail "Set binlog_row_value_options='' on the upstream.";
    XAPrepareNotFound 500 Fail "An XA transaction was prepared before the start point: start earlier, or skip it.";
    TxnTooLarge 500 Fail "Raise max-txn-size, or split the transaction on the upstream.";
    DuplicateServerId 500 Fail "Another reader uses the same server_id: give this server another one with --server-id.";
    ClusterIsUnhealthy 500 Retry "Look at the state of the changefeeds and the log.";
    NotOwner 500 Retry "Try again: the owner is changing.";
    OwnerNotFound 500 Retry "Try again: no owner is elected yet.";
    CaptureNotExist 400 Fail "List the captures to see which exist.";
    SchedulerRequestFailed 400 Fail "The message names the reason.";
    ServerIsNotReady 503 Retry "The server is still starting: try again in a moment.";
    InternalServerError 500 Retry "Look into the server's log for the time of the request.";
    MetaOpFailed 500 Retry "Somebody else changed the same changefeed: read it again and repeat.";
    MetaStore 500 Retry "Check free space and permissions of the data directory.";
    DataDirLocked 500 Fail "Another server uses this data directory: stop it, or give this one a --data-dir of its own.";
    DataDirCorrupt 500 Fail "Restore the data directory from a backup, or move it away and create the changefeeds anew.";
    EncryptionKey 500 Fail "Give the server the key that the data directory was encrypted with: --encryption-key-file.";
    OwnerUnknown 500 Retry "Look into the server's log.";
    ProcessorUnknown 500 Retry "Look into the server's log.";
    LostAck 500 Retry "A batch was dropped without an answer: replication goes on from the last checkpoint.";
    NotSupported 400 Fail "Leave the named setting out: this version does not have the function.";
    CliRequestFailed 502 Fail "Check --server, and that the server is running and reachable from here.";
    CliInvalidCheckpointTs 400 Fail "Give a TSO, or 'now'.";
    CliCheckpointTsIsInFuture 400 Fail "Give a TSO that is not later than now: 'tidegate cli tso query' prints it.";
    CliAborted 400 Fail "Nothing was changed. Answer y, or give --no-confirm.";
    CredentialNotFound 401 Fail "Send a user and password.";
    Unauthorized 401 Fail "Check user and password.";
    ServerReadOnly 403 Fail "The server takes no changes: start it without --read-only to change something.";
    TooManyRequests 429 Retry "Wait for as long as the header Retry-After says, then try again.";
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error with a code, a message fit for strangers, and a cause for the log.
///
/// The message must hold no secret: pass URIs through [`mask_uri`] first. Cheap to clone.
#[derive(Clone)]
pub struct CdcError {
    code: ErrorCode,
    message: Arc<str>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl CdcError {
    /// An error with a message for the caller.
    pub fn new(code: ErrorCode, message: impl fmt::Display) -> Self {
        CdcError {
            code,
            message: message.to_string().into(),
            source: None,
        }
    }

    /// Attaches the cause. Its text is shown after the message, so it must not hold a secret either.
    #[must_use]
    pub fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// The code.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// The message without the code and without the cause.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The text of `error_msg` in answers: `[CDC:ErrX]message`, then `: cause` for each cause.
    pub fn wire_message(&self) -> String {
        let mut text = format!("[{}]{}", self.code, self.message);
        let mut cause = self.source();
        while let Some(error) = cause {
            if let Some(inner) = error.downcast_ref::<CdcError>() {
                text.push_str(": ");
                text.push_str(&inner.wire_message());
                break;
            }
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}

impl fmt::Display for CdcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]{}", self.code, self.message)
    }
}

impl fmt::Debug for CdcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.wire_message())
    }
}

impl Error for CdcError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}

/// Gives a foreign error a place in the taxonomy.
pub trait ResultExt<T> {
    /// Wraps the error, keeping it as the cause.
    ///
    /// # Errors
    /// The wrapped error.
    fn code(self, code: ErrorCode, message: impl fmt::Display) -> Result<T>;
}

impl<T, E: Error + Send + Sync + 'static> ResultExt<T> for std::result::Result<T, E> {
    fn code(self, code: ErrorCode, message: impl fmt::Display) -> Result<T> {
        self.map_err(|error| CdcError::new(code, message).with_source(error))
    }
}

/// The text that stands in for a secret of a URI.
const MASK: &str = "xxxxx";
/// A query parameter whose lower-cased name contains one of these holds a secret.
const SECRET_WORDS: [&str; 11] = [
    "password",
    "passwd",
    "pwd",
    "access",
    "token",
    "secret",
    "key",
    "signature",
    "credential",
    "private",
    "client",
];

/// Whether a parameter or member of this name may hold a secret.
pub fn is_secret_name(name: &str) -> bool {
    let lower = name.to_lowercase();
    SECRET_WORDS.iter().any(|word| lower.contains(word))
}

/// `uri` with the password of its user part and the values of secret-looking query parameters replaced by `xxxxx`.
/// A text without `://` comes back as `<invalid uri>`, because nobody knows what is in it.
pub fn mask_uri(uri: &str) -> String {
    mask_uri_strict(uri).unwrap_or_else(|| "<invalid uri>".to_owned())
}

/// As [`mask_uri`], `None` for a text that is no URI.
///
/// Works on the text, not on a parsed URI: a password with unescaped `@`, `#`, `/` or `?` must not slip through, and
/// neither may a parameter behind an unescaped `@`. Where the text can be read both ways, whatever is secret in one
/// of them is hidden.
pub fn mask_uri_strict(uri: &str) -> Option<String> {
    let (scheme, rest) = uri.split_once("://")?;
    let first_question = rest.find('?').unwrap_or(rest.len());
    let masked = match rest.rfind('@') {
        Some(at) if at > first_question => mask_ambiguous(rest, first_question, at),
        Some(at) => format!("{}{}", mask_user(&rest[..at]), mask_query(&rest[at..])),
        None => mask_query(rest),
    };
    Some(format!("{scheme}://{masked}"))
}

/// The last `@` stands behind a `?`: the `?` is part of a password, or the `@` part of a parameter. The first is taken
/// for granted only if nothing on either side of the `@` looks like parameters; else all of it is hidden.
fn mask_ambiguous(rest: &str, first_question: usize, at: usize) -> String {
    let host = rest[at..].split('?').next().unwrap_or_default();
    let looks_like_parameters = rest[first_question..at].contains('=') || host.contains(['=', '&']);
    if looks_like_parameters {
        return mask_from(rest, &[':', '@', '?']);
    }
    format!("{}{}", mask_user(&rest[..at]), mask_query(&rest[at..]))
}

/// A user part without its password.
fn mask_user(user: &str) -> String {
    mask_from(user, &[':', '?'])
}

/// `text` up to the first of `ends`, the rest hidden; all of it if there is none.
fn mask_from(text: &str, ends: &[char]) -> String {
    match text.find(ends) {
        Some(end) => format!("{}{MASK}", &text[..=end]),
        None => text.to_owned(),
    }
}

/// A text whose secret-looking parameters behind the first `?` are hidden.
fn mask_query(text: &str) -> String {
    let Some((before, query)) = text.split_once('?') else {
        return text.to_owned();
    };
    let masked: Vec<String> = query.split('&').map(mask_parameter).collect();
    format!("{before}?{}", masked.join("&"))
}

/// An escaped name may spell a secret one, so its value is hidden too.
fn mask_parameter(parameter: &str) -> String {
    let Some((name, _)) = parameter.split_once('=') else {
        return parameter.to_owned();
    };
    if is_secret_name(name) || name.contains('%') {
        format!("{name}={MASK}")
    } else {
        parameter.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_spelled_as_on_the_wire() {
        assert_eq!(
            ErrorCode::ChangeFeedNotExists.as_str(),
            "CDC:ErrChangeFeedNotExists"
        );
        assert_eq!(ErrorCode::APIInvalidParam.http_status(), 400);
    }

    #[test]
    fn the_wire_message_names_every_cause() {
        let inner = CdcError::new(ErrorCode::MySQLConnectionError, "cannot connect to db:3306");
        let outer =
            CdcError::new(ErrorCode::ChangefeedUpdateRefused, "changefeed update error").with_source(inner);
        assert_eq!(
            outer.wire_message(),
            "[CDC:ErrChangefeedUpdateRefused]changefeed update error: \
             [CDC:ErrMySQLConnectionError]cannot connect to db:3306"
        );
    }

    #[test]
    fn secrets_of_a_uri_are_masked() {
        let check = |uri: &str, expect: &str| assert_eq!(mask_uri(uri), expect, "{uri}");
        check(
            "mysql://root:pw@h:3306/?safe-mode=true",
            "mysql://root:xxxxx@h:3306/?safe-mode=true",
        );
        check("mysql://root:p@ss/w?rd@h:3306/", "mysql://root:xxxxx@h:3306/");
        check("mysql://root@h/", "mysql://root@h/");
        check("file:///tmp/x?protocol=csv", "file:///tmp/x?protocol=csv");
        check(
            "s3://b/p?access-key=AK&secret-access-key=SK&x=1",
            "s3://b/p?access-key=xxxxx&secret-access-key=xxxxx&x=1",
        );
        check(
            "kafka://h/t?sasl-password=a%26b",
            "kafka://h/t?sasl-password=xxxxx",
        );
        check("s3://b/p?access%2Dkey=AK", "s3://b/p?access%2Dkey=xxxxx");
        check("root:pw@h", "<invalid uri>");
    }

    /// An `@` in a parameter once made the parameters behind it pass for a host, and their secrets were shown.
    #[test]
    fn parameters_behind_an_at_sign_are_hidden() {
        let check = |uri: &str, expect: &str| assert_eq!(mask_uri(uri), expect, "{uri}");
        check("blackhole://?note=a@b&password=hunter2", "blackhole://?xxxxx");
        check(
            "kafka://b:9092/t?sasl-user=me@corp.example&sasl-password=hunter2",
            "kafka://b:xxxxx",
        );
        check("mysql://h/?password=x&mail=a@b", "mysql://h/?xxxxx");
        check("mysql://h/?mail=a&password=hunt@er2", "mysql://h/?xxxxx");
        check("mysql://h/?hunter2@b&token=x", "mysql://h/?xxxxx");
        check(
            "mysql://root:p?w@h/?token=t&x=1",
            "mysql://root:xxxxx@h/?token=xxxxx&x=1",
        );
        check("mysql://root:a?b=c@h/", "mysql://root:xxxxx");
        check("mysql://root:a@b?c=d@h/", "mysql://root:xxxxx");
    }

    proptest::proptest! {
        /// Whatever stands around it, a secret with characters that ought to be escaped is never shown.
        #[test]
        fn no_secret_is_shown(
            before in "[a-z?&=@/:]{0,8}", odd in "[@?/#:]{0,2}", after in "[a-z?&=@/:]{0,8}",
        ) {
            let secret = format!("HUNT{odd}ER2");
            for uri in [
                format!("mysql://h/{before}?x=y&password={secret}"),
                format!("mysql://root:{secret}@h/{after}"),
            ] {
                let masked = mask_uri(&uri);
                proptest::prop_assert!(!masked.contains("HUNT"), "{} -> {}", uri, masked);
            }
        }
    }
}
