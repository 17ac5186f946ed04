//! Raw framing speed of a server's binlog, over the same protocol that replication reads: every event is received,
//! cut and its checksum verified, and no row is decoded. It is the limit that decoding is measured against.
//!
//! `cargo bench -p tidegate-mysql --bench framing -- URI FIRST_FILE` reads from that file to the end of the log and
//! prints bytes, events and seconds.

#![allow(clippy::print_stdout, reason = "this is how a measurement speaks")]

use std::time::{Duration, Instant};

use tidegate_model::Result;
use tidegate_mysql::binlog::Framer;
use tidegate_mysql::{ConnectOptions, DumpRequest, DumpStart, DumpStream, Flavour};

/// An id that neither the benched server nor its replicas use.
const SERVER_ID: u32 = 0x7fff_fff1;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    let [uri, file] = words.as_slice() else {
        println!("usage: framing URI FIRST_FILE");
        return Ok(());
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(run(uri, file))
}

async fn run(uri: &str, file: &str) -> Result<()> {
    let options = ConnectOptions::from_uri(uri)?;
    let request = DumpRequest {
        start: DumpStart::File {
            file: file.to_owned(),
            offset: 4,
        },
        server_id: SERVER_ID,
        heartbeat: Duration::from_secs(1),
        non_blocking: true,
        server: None,
    };
    let start = Instant::now();
    let mut dump = DumpStream::open(&options, Flavour::MariaDb, &request).await?;
    let mut framer = Framer::new(Flavour::MariaDb);
    let (mut bytes, mut events) = (0, 0);
    let mut batch = Vec::new();
    while dump.next_batch(&mut batch).await? {
        for packet in batch.drain(..) {
            bytes += packet.len();
            events += 1;
            std::hint::black_box(framer.frame(&packet)?);
        }
    }
    println!("{bytes} {events} {:.6}", start.elapsed().as_secs_f64());
    Ok(())
}
