//! Builders of tables and rows, a shared server, and an ear for acknowledgements.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tidegate_mariadb::{Server, ServerOptions, User};
use tidegate_model::{
    Ack, AckTarget, ChangefeedId, ColumnInfo, ColumnType, Datum, Generated, IndexInfo, RowBlock,
    RowBlockBuilder, RowOp, TableId, TableInfo, TableName, Ts, TxnBatch, TxnEvent,
};
use tidegate_mysql::{ConnectOptions, Flavour};
use tokio::sync::OnceCell;

use super::config::{Atomicity, MysqlConfig, TidbTxnMode};
use super::mysql_sink::{Feed, MysqlSink};
use super::script::ScriptOptions;
use crate::OnTrouble;

pub(crate) fn column(name: &str, ty: ColumnType) -> ColumnInfo {
    ColumnInfo {
        name: name.into(),
        ty,
        nullable: true,
        unsigned: false,
        zerofill: false,
        charset: "utf8mb4".into(),
        collation: None,
        default: None,
        generated: Generated::No,
        display_width: None,
    }
}

/// `key`: positions of the primary key's columns; empty for none.
pub(crate) fn table(schema: &str, name: &str, columns: Vec<ColumnInfo>, key: &[usize]) -> Arc<TableInfo> {
    let primary = IndexInfo {
        name: "PRIMARY".into(),
        primary: true,
        columns: key.to_vec(),
    };
    Arc::new(TableInfo {
        name: TableName::new(schema, name),
        id: TableId(1),
        version: Ts::from_u64(1),
        columns,
        indexes: if key.is_empty() { Vec::new() } else { vec![primary] },
    })
}

/// A table `(id INT PRIMARY KEY, v VARCHAR(50))`.
pub(crate) fn pairs(schema: &str, name: &str) -> Arc<TableInfo> {
    let columns = vec![
        column("id", ColumnType::Int),
        column("v", ColumnType::VarChar { chars: 50 }),
    ];
    table(schema, name, columns, &[0])
}

/// Each row has its images one after the other.
pub(crate) fn block(table: &Arc<TableInfo>, op: RowOp, rows: &[&[Datum<'_>]]) -> RowBlock {
    let mut builder = RowBlockBuilder::new(Arc::clone(table), op, Bytes::new());
    for row in rows {
        for datum in *row {
            builder.push(*datum);
        }
    }
    builder.finish()
}

pub(crate) fn text(text: &str) -> Datum<'_> {
    Datum::Text(text.as_bytes())
}

pub(crate) fn inserted(table: &Arc<TableInfo>, id: i64, v: &str) -> RowBlock {
    block(table, RowOp::Insert, &[&[Datum::Int(id), text(v)]])
}

pub(crate) fn updated(table: &Arc<TableInfo>, old: (i64, &str), new: (i64, &str)) -> RowBlock {
    let row = [Datum::Int(old.0), text(old.1), Datum::Int(new.0), text(new.1)];
    block(table, RowOp::Update, &[&row])
}

pub(crate) fn deleted(table: &Arc<TableInfo>, id: i64, v: &str) -> RowBlock {
    block(table, RowOp::Delete, &[&[Datum::Int(id), text(v)]])
}

pub(crate) fn txn(commit_ts: u64, blocks: Vec<RowBlock>) -> TxnEvent {
    part(commit_ts, 0, true, blocks)
}

pub(crate) fn part(commit_ts: u64, part: u32, last: bool, blocks: Vec<RowBlock>) -> TxnEvent {
    TxnEvent {
        start_ts: Ts::from_u64(commit_ts - 1),
        commit_ts: Ts::from_u64(commit_ts),
        part,
        last,
        origin: "".into(),
        blocks,
    }
}

/// Hears acknowledgements: their numbers, and whether they said durable.
#[derive(Default)]
pub(crate) struct Heard(Mutex<Vec<(u64, bool)>>);

impl AckTarget for Heard {
    fn durable(&self, seq: u64) {
        self.0.lock().unwrap().push((seq, true));
    }
    fn lost(&self, seq: u64) {
        self.0.lock().unwrap().push((seq, false));
    }
}

impl Heard {
    pub(crate) fn all(&self) -> Vec<(u64, bool)> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) async fn until(&self, count: usize) {
        let wait = async {
            while self.all().len() < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), wait)
            .await
            .expect("acknowledged in time");
    }
}

pub(crate) fn batch(heard: &Arc<Heard>, seq: u64, txns: Vec<TxnEvent>) -> TxnBatch {
    TxnBatch {
        txns,
        ack: Ack::new(Arc::clone(heard) as Arc<dyn AckTarget>, seq),
    }
}

/// One server for all tests of the process; its watchdog ends it with the process.
pub(crate) async fn server() -> &'static Server {
    static SERVER: OnceCell<Server> = OnceCell::const_new();
    SERVER
        .get_or_init(|| async { Server::start(ServerOptions::default()).await.unwrap() })
        .await
}

/// Makes a schema that no other test uses.
pub(crate) async fn schema(name: &str, tables: &str) -> &'static Server {
    let server = server().await;
    server
        .sql(&format!(
            "DROP DATABASE IF EXISTS {name}; CREATE DATABASE {name}; USE {name}; {tables}"
        ))
        .await
        .unwrap();
    server
}

pub(crate) const SCRIPT: ScriptOptions = ScriptOptions {
    flavour: Flavour::MariaDb,
    merge_rows: true,
    merge_statements: true,
    text_bytes_max: 1 << 20,
    update_rows_max: 40,
    update_row_bytes_max: 1024,
};

pub(crate) fn config(server: &Server) -> MysqlConfig {
    MysqlConfig {
        connect: ConnectOptions::from_uri(&server.uri(User::Root)).unwrap(),
        safe_mode: false,
        workers: 4,
        max_txn_row: 256,
        max_multi_update_row: 40,
        max_multi_update_row_size: 1024,
        batch_dml: true,
        multi_stmt: true,
        cache_statements: true,
        atomicity: Atomicity::None,
        statement_timeout: Duration::from_secs(60),
        tidb_txn_mode: TidbTxnMode::Optimistic,
        ddl_zone: None,
    }
}

/// `name` must be unique among the tests: figures and bookkeeping go by it.
pub(crate) fn feed(name: &str, replicate_ts: Ts) -> Feed {
    Feed {
        changefeed: ChangefeedId::new("default", name),
        cluster_id: "tests".to_owned(),
        incarnation: "1".to_owned(),
        replicate_ts,
        on_trouble: OnTrouble::default(),
    }
}

pub(crate) async fn open(server: &Server, name: &str) -> MysqlSink {
    MysqlSink::open(config(server), feed(name, Ts::ZERO))
        .await
        .unwrap()
}
