//! Settings of the MySQL sink.

use std::time::Duration;

use tidegate_mysql::ConnectOptions;

/// Sessions that write rows at most, as in the original.
pub(crate) const WORKERS_MAX: u16 = 1024;

/// Everything the sink needs to know, checked.
#[derive(Clone, Debug)]
pub(crate) struct MysqlConfig {
    /// Address, credentials, TLS and the time allowed for a login.
    pub(crate) connect: ConnectOptions,
    /// Sessions that write rows side by side; 1: all in commit order.
    pub(crate) workers: usize,
    /// Rows are always written in a form that overwrites.
    pub(crate) safe_mode: bool,
    /// Rows in one downstream transaction, exceeded only by a larger upstream transaction that stays whole.
    pub(crate) max_txn_row: usize,
    /// Rows in one UPDATE.
    pub(crate) max_multi_update_row: usize,
    /// Mean bytes of a row up to which updates share a statement.
    pub(crate) max_multi_update_row_size: usize,
    /// Several rows in one statement.
    pub(crate) batch_dml: bool,
    /// Several statements in one round trip.
    pub(crate) multi_stmt: bool,
    /// Statements may be prepared and kept in a session.
    pub(crate) cache_statements: bool,
    /// Whether upstream transactions stay whole whatever their size.
    pub(crate) atomicity: Atomicity,
    /// Time allowed for one statement of rows.
    pub(crate) statement_timeout: Duration,
    /// TiDB only.
    pub(crate) tidb_txn_mode: TidbTxnMode,
    /// Zone of a schema change whose upstream session used the server's own; `None`: the downstream's default.
    pub(crate) ddl_zone: Option<String>,
}

/// `transaction-atomicity`.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub(crate) enum Atomicity {
    /// A transaction that is too large to arrive at once may be cut.
    #[default]
    None,
    /// Never cut.
    Table,
}

/// `tidb-txn-mode`.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub(crate) enum TidbTxnMode {
    #[default]
    Optimistic,
    Pessimistic,
}

impl TidbTxnMode {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            TidbTxnMode::Optimistic => "optimistic",
            TidbTxnMode::Pessimistic => "pessimistic",
        }
    }
}
