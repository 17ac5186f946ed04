//! How long a row that was committed upstream takes until the downstream has committed it, whatever replicates.
//!
//! `cargo bench -p tidegate-mysql --bench latency -- UPSTREAM_URI DOWNSTREAM_URI ROWS_PER_SECOND SECONDS` inserts into
//! `bench.tick` upstream, one row a transaction, and watches them arrive in the downstream's own binlog: no polling, so
//! that the measurement takes next to nothing from the machine. A sample lasts from the answer to the upstream's COMMIT
//! to the row event of the downstream, which is sent as it commits. Prints the number of samples and the 50th, 99th and
//! 100th percentile in microseconds.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a measurement, not a product"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use mysql_async::prelude::Queryable;
use tidegate_model::{Datum, TableId, TableInfo, Ts};
use tidegate_mysql::binlog::{CollationTable, EventBody, Framer, RowsEvent, TableMap, TablePlan};
use tidegate_mysql::{ConnectOptions, DumpRequest, DumpStart, DumpStream, Flavour, connect};

/// An id that neither the benched servers nor their replicas use.
const SERVER_ID: u32 = 0x7fff_fff2;
/// The first rows only warm up caches and sessions.
const WARM_UP: Duration = Duration::from_secs(2);
/// The last row must have arrived by then.
const ARRIVAL_LIMIT: Duration = Duration::from_secs(60);

fn main() {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    let [upstream, downstream, rate, seconds] = words.as_slice() else {
        println!("usage: latency UPSTREAM_URI DOWNSTREAM_URI ROWS_PER_SECOND SECONDS");
        return;
    };
    let load = Load {
        period: Duration::from_secs(1) / rate.parse().unwrap(),
        lasts: WARM_UP + Duration::from_secs(seconds.parse().unwrap()),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let mut micros = runtime.block_on(measure(upstream, downstream, load));
    micros.sort_unstable();
    let percentile = |hundredths: usize| micros[(micros.len() - 1) * hundredths / 100];
    println!(
        "{} {} {} {}",
        micros.len(),
        percentile(50),
        percentile(99),
        percentile(100)
    );
}

#[derive(Copy, Clone)]
struct Load {
    /// Between two rows.
    period: Duration,
    lasts: Duration,
}

impl Load {
    fn rows(self) -> usize {
        (self.lasts.as_nanos() / self.period.as_nanos()) as usize
    }
}

/// Microseconds from commit to arrival of the rows behind the warm-up.
async fn measure(upstream: &str, downstream: &str, load: Load) -> Vec<u64> {
    let (upstream, downstream) = (options(upstream), options(downstream));
    let watch = Watch::open(&downstream).await;
    let watching = tokio::spawn(watch.run(load.rows()));
    let committed = write(&upstream, load).await;
    let arrived = tokio::time::timeout(ARRIVAL_LIMIT, watching)
        .await
        .expect("all rows arrive")
        .unwrap();
    let warm = WARM_UP.as_nanos() / load.period.as_nanos();
    std::iter::zip(committed, arrived)
        .skip(warm as usize)
        .map(|(committed, arrived)| {
            let arrived: Instant = arrived.expect("it arrived");
            arrived.saturating_duration_since(committed).as_micros() as u64
        })
        .collect()
}

/// Inserts rows with ids from 0 on, each at its time. Answers when each was committed.
async fn write(options: &ConnectOptions, load: Load) -> Vec<Instant> {
    let mut conn = connect(options).await.unwrap();
    let start = Instant::now();
    let mut committed = Vec::with_capacity(load.rows());
    for id in 0..load.rows() {
        let due = start + load.period * id as u32;
        // The timer has a resolution of a millisecond: rows that are due together follow each other at once.
        if due > Instant::now() {
            tokio::time::sleep_until(due.into()).await;
        }
        conn.query_drop(format!(
            "INSERT INTO bench.tick VALUES ({id}, 'a row of the latency bench')"
        ))
        .await
        .unwrap();
        committed.push(Instant::now());
    }
    committed
}

/// Follows a server's binlog.
struct Watch {
    dump: DumpStream,
    framer: Framer,
    collations: CollationTable,
    /// The table of the rows that come next.
    table: Option<(TablePlan, Arc<TableInfo>)>,
}

impl Watch {
    async fn open(options: &ConnectOptions) -> Watch {
        let mut conn = connect(options).await.unwrap();
        let status: mysql_async::Row = conn.query_first("SHOW MASTER STATUS").await.unwrap().unwrap();
        let request = DumpRequest {
            start: DumpStart::File {
                file: status.get(0).unwrap(),
                offset: status.get(1).unwrap(),
            },
            server_id: SERVER_ID,
            heartbeat: Duration::from_secs(1),
            non_blocking: false,
            server: None,
        };
        Watch {
            dump: DumpStream::open(options, Flavour::MariaDb, &request)
                .await
                .unwrap(),
            framer: Framer::new(Flavour::MariaDb),
            collations: CollationTable::builtin(),
            table: None,
        }
    }

    /// When each of so many rows arrives.
    async fn run(mut self, rows: usize) -> Vec<Option<Instant>> {
        let mut arrived = vec![None; rows];
        let mut missing = rows;
        let mut packets = Vec::new();
        while missing > 0 {
            assert!(
                self.dump.next_batch(&mut packets).await.unwrap(),
                "the dump goes on"
            );
            let now = Instant::now();
            for packet in packets.drain(..) {
                for id in self.ids(&packet) {
                    // A row that is written twice counts when it is there first.
                    missing -= usize::from(arrived[id].is_none());
                    arrived[id].get_or_insert(now);
                }
            }
        }
        arrived
    }

    /// Ids of the rows in an event.
    fn ids(&mut self, packet: &Bytes) -> Vec<usize> {
        match self.framer.frame(packet).unwrap().body {
            EventBody::TableMap(map) => {
                let map = TableMap::parse(&map).unwrap();
                let info = map.table_info(TableId(1), Ts::ZERO, &self.collations).unwrap();
                self.table = (&*info.name.table == "tick").then(|| {
                    let plan = TablePlan::compile(&map, &info, &self.collations).unwrap();
                    (plan, Arc::new(info))
                });
                Vec::new()
            }
            EventBody::Rows(rows) => self.decode(&rows),
            _ => Vec::new(),
        }
    }

    fn decode(&self, rows: &RowsEvent) -> Vec<usize> {
        let Some((plan, info)) = &self.table else {
            return Vec::new();
        };
        let block = plan.decode_rows(rows, Arc::clone(info)).unwrap();
        let ids = block.rows().filter_map(|row| match row.after()?.get(0) {
            Datum::Int(id) => Some(id as usize),
            _ => None,
        });
        ids.collect()
    }
}

fn options(uri: &str) -> ConnectOptions {
    ConnectOptions::from_uri(uri).unwrap()
}
