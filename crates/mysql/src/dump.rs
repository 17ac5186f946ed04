//! The binlog dump: asks a server for its change log and cuts the answer into raw events.
//!
//! In: a position. Out: events as they stand in the log (header, body, checksum), many at a time, for
//! [`crate::binlog::Framer`]. What is inside an event is none of this module's business.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::Stream;
use mysql_async::binlog::events::Event;
use mysql_async::prelude::Queryable;
use mysql_async::{BinlogStream, BinlogStreamRequest, Conn, Error, GnoInterval, Sid};
use mysql_common::packets::Tag;
use tidegate_model::{CdcError, ErrorCode, Result};

use crate::checks::ServerFacts;
use crate::conn::{Flavour, connect_with, query_error};
use crate::gtid::GtidSet;
use crate::options::ConnectOptions;

/// A batch ends after this many bytes, so that a fast server does not delay what was read.
const BATCH_BYTES_MAX: usize = 1 << 20;
/// A batch ends after this many events.
const BATCH_EVENTS_MAX: usize = 4096;
/// Small events share allocations of this size.
const CHUNK_BYTES: usize = 256 << 10;
/// A larger event has an allocation of its own: it keeps no others alive, and whoever wants to keep it need not copy it.
/// Servers fill row events up to 8 KiB.
pub const EVENT_SHARED_BYTES_MAX: usize = 2 << 10;
const HEADER_BYTES: usize = 19;
/// How long the server waits for a reader that stalls under back-pressure before it hangs up.
const NET_WRITE_TIMEOUT: Duration = Duration::from_secs(3600);

const FORMAT_DESCRIPTION: u8 = 15;

/// Where a dump begins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DumpStart {
    /// After everything in the set.
    Gtid(GtidSet),
    /// At an offset that is the start of an event.
    File {
        /// Binlog file name.
        file: String,
        /// Offset in it, at least 4.
        offset: u32,
    },
}

/// What to ask for.
#[derive(Clone, Debug)]
pub struct DumpRequest {
    /// Where to begin.
    pub start: DumpStart,
    /// Our id as a replica. Two readers with one id evict each other.
    pub server_id: u32,
    /// Period of heartbeats while there is nothing to send.
    pub heartbeat: Duration,
    /// End at the end of the log instead of waiting for more.
    pub non_blocking: bool,
    /// Which server has to answer, by [`ServerFacts::identity`]; `None`: any. Two connections to one address may lead
    /// to two servers.
    pub server: Option<String>,
}

/// An open dump. Dropping it closes the connection.
pub struct DumpStream {
    stream: BinlogStream,
    chunk: BytesMut,
    failure: Option<CdcError>,
    ended: bool,
}

impl DumpStream {
    /// Logs in and asks for the log.
    ///
    /// # Errors
    /// Those of [`crate::connect`] and [`DumpStream::next_batch`]; `UpstreamAccessDenied` with the GRANT statement
    /// when the user may not read the binlog.
    pub async fn open(
        options: &ConnectOptions,
        flavour: Flavour,
        request: &DumpRequest,
    ) -> Result<DumpStream> {
        let mut conn = Box::pin(connect_with(options, |builder| builder)).await?;
        conn.query_drop(session_settings(flavour, request))
            .await
            .map_err(|error| query_error("prepare the binlog connection", error))?;
        if let Some(server) = &request.server {
            confirm_server(&mut conn, server, options).await?;
        }
        let stream = Box::pin(conn.get_binlog_stream(stream_request(request)))
            .await
            .map_err(|error| dump_error(options, error))?;
        Ok(DumpStream {
            stream,
            chunk: BytesMut::new(),
            failure: None,
            ended: false,
        })
    }

    /// Waits for at least one event and appends it and what else has already arrived to `out`. Returns `false` at
    /// the end of a non-blocking dump, or when the server closed the connection. Cancel-safe.
    ///
    /// # Errors
    /// `SnapshotLostByGC`: the log was purged. `UpstreamDiverged`: the server does not know our position.
    /// `DuplicateServerId`: another reader took over. `UpstreamConnection`: try again.
    pub async fn next_batch(&mut self, out: &mut Vec<Bytes>) -> Result<bool> {
        if let Some(error) = self.failure.take() {
            return Err(error);
        }
        if self.ended {
            return Ok(false);
        }
        std::future::poll_fn(|cx| self.poll_batch(cx, out)).await
    }

    fn poll_batch(&mut self, cx: &mut Context<'_>, out: &mut Vec<Bytes>) -> Poll<Result<bool>> {
        let before = out.len();
        let mut bytes = 0;
        while bytes < BATCH_BYTES_MAX && out.len() - before < BATCH_EVENTS_MAX {
            match self.poll_event(cx) {
                Poll::Ready(Ok(Some(event))) => {
                    bytes += event.len();
                    out.push(event);
                }
                Poll::Ready(Ok(None)) => {
                    self.ended = true;
                    return Poll::Ready(Ok(out.len() > before));
                }
                Poll::Ready(Err(error)) if out.len() == before => return Poll::Ready(Err(error)),
                Poll::Ready(Err(error)) => {
                    self.failure = Some(error);
                    return Poll::Ready(Ok(true));
                }
                Poll::Pending if out.len() == before => return Poll::Pending,
                Poll::Pending => return Poll::Ready(Ok(true)),
            }
        }
        Poll::Ready(Ok(true))
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>>> {
        loop {
            // The driver unwraps on a truncated packet: a broken connection, not a broken program.
            let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(&mut self.stream).poll_next(cx)));
            return match polled {
                Ok(Poll::Pending) => Poll::Pending,
                Ok(Poll::Ready(None)) => Poll::Ready(Ok(None)),
                // The driver unpacks compressed transactions by itself; the packed event before was the real one.
                Ok(Poll::Ready(Some(Ok(event)))) if !event.footer().get_checksum_enabled() => continue,
                Ok(Poll::Ready(Some(Ok(event)))) => Poll::Ready(Ok(Some(self.packet(&event)))),
                Ok(Poll::Ready(Some(Err(error)))) => Poll::Ready(Err(stream_error(error))),
                Err(_panic) => Poll::Ready(Err(CdcError::new(
                    ErrorCode::UpstreamConnection,
                    "the server sent a truncated binlog packet",
                ))),
            };
        }
    }

    /// The event as it was on the wire; the driver has taken it apart.
    fn packet(&mut self, event: &Event) -> Bytes {
        let (header, data) = (event.header(), event.data());
        let is_format = header.event_type_raw() == FORMAT_DESCRIPTION;
        let algorithm = event
            .footer()
            .get_checksum_alg()
            .ok()
            .flatten()
            .map(|algorithm| algorithm as u8);
        let len = HEADER_BYTES + data.len() + 5;
        let mut own = BytesMut::new();
        let out = if len > EVENT_SHARED_BYTES_MAX {
            own.reserve(len);
            &mut own
        } else {
            if self.chunk.capacity() < len {
                self.chunk = BytesMut::with_capacity(CHUNK_BYTES);
            }
            &mut self.chunk
        };
        out.extend_from_slice(&header.timestamp().to_le_bytes());
        out.extend_from_slice(&[header.event_type_raw()]);
        out.extend_from_slice(&header.server_id().to_le_bytes());
        out.extend_from_slice(&header.event_size().to_le_bytes());
        out.extend_from_slice(&header.log_pos().to_le_bytes());
        out.extend_from_slice(&header.flags_raw().to_le_bytes());
        out.extend_from_slice(data);
        if is_format && let Some(algorithm) = algorithm {
            out.extend_from_slice(&[algorithm]);
        }
        if let Some(checksum) = event.checksum() {
            out.extend_from_slice(&checksum);
        }
        out.split().freeze()
    }
}

async fn confirm_server(conn: &mut Conn, expected: &str, options: &ConnectOptions) -> Result<()> {
    let rows: Vec<(String, String)> = conn
        .query(ServerFacts::variables_query())
        .await
        .map_err(|error| query_error("ask which server this is", error))?;
    let facts = ServerFacts {
        variables: rows
            .into_iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .collect(),
        ..ServerFacts::default()
    };
    if facts.identity() == expected {
        return Ok(());
    }
    Err(CdcError::new(
        ErrorCode::UpstreamConnection,
        format!("two connections to {} led to two servers", options.address()),
    ))
}

fn session_settings(flavour: Flavour, request: &DumpRequest) -> String {
    let heartbeat_ns = request.heartbeat.as_nanos();
    let mut sql = format!(
        "SET @master_heartbeat_period={heartbeat_ns}, @source_heartbeat_period={heartbeat_ns}, \
         @source_binlog_checksum='ALL', SESSION net_write_timeout={timeout}, SESSION net_read_timeout={timeout}",
        timeout = NET_WRITE_TIMEOUT.as_secs()
    );
    if flavour == Flavour::MariaDb {
        // 4: events in their native form, with GTIDs and flags.
        sql.push_str(", @mariadb_slave_capability=4");
        if let DumpStart::Gtid(set) = &request.start {
            // A set prints digits, dashes and commas only. Writing to a String cannot fail.
            write!(sql, ", @slave_connect_state='{set}'").unwrap_or_default();
            sql.push_str(", @slave_gtid_strict_mode=1, @slave_gtid_ignore_duplicates=0");
        }
    } else {
        // The server matches the dump threads of one reader by this id.
        let uuid = format!("74696465-6761-7465-0000-0000{:08x}", request.server_id);
        write!(sql, ", @slave_uuid='{uuid}', @replica_uuid='{uuid}'").unwrap_or_default();
    }
    sql
}

fn stream_request(request: &DumpRequest) -> BinlogStreamRequest<'_> {
    let mut out = BinlogStreamRequest::new(request.server_id).with_pos(4);
    if request.non_blocking {
        out = out.with_non_blocking();
    }
    match &request.start {
        DumpStart::Gtid(GtidSet::MariaDb(_)) => out,
        DumpStart::Gtid(GtidSet::MySql(servers)) => {
            let sids = servers.iter().map(|((uuid, tag), intervals)| {
                let intervals = intervals
                    .iter()
                    .map(|&(start, end)| GnoInterval::new(start, end))
                    .collect();
                let sid = Sid::new(*uuid).with_intervals(intervals);
                match Tag::new(tag.to_string()) {
                    Ok(tag) => sid.with_tag(tag),
                    Err(_none) => sid,
                }
            });
            out.with_gtid().with_gtid_set(sids)
        }
        DumpStart::File { file, offset } => out.with_filename(file.as_bytes()).with_pos(u64::from(*offset)),
    }
}

fn dump_error(options: &ConnectOptions, error: Error) -> CdcError {
    match &error {
        // The login itself had succeeded: what is refused is registering as a replica.
        Error::Server(server) if matches!(server.code, 1045 | 1227) => CdcError::new(
            ErrorCode::UpstreamAccessDenied,
            format!(
                "user {user:?} lacks the privilege REPLICATION SLAVE. Run: GRANT REPLICATION SLAVE ON *.* TO '{user}'@'<host>';",
                user = options.user
            ),
        )
        .with_source(error),
        _ => stream_error(error),
    }
}

/// Puts an error of a running dump into the taxonomy. All refusals share one number, so the text decides.
fn stream_error(error: Error) -> CdcError {
    let (code, message) = match &error {
        Error::Server(server) if server.code == 4052 => {
            (ErrorCode::DuplicateServerId, "another reader uses our server_id")
        }
        Error::Server(server) if server.code == 1236 => classify_1236(&server.message),
        _ => (ErrorCode::UpstreamConnection, "the binlog connection broke"),
    };
    CdcError::new(code, message).with_source(error)
}

fn classify_1236(text: &str) -> (ErrorCode, &'static str) {
    let text = text.to_ascii_lowercase();
    let says = |part: &str| text.contains(part);
    if says("same server_uuid") || says("same server_id") || says("same server id") {
        (ErrorCode::DuplicateServerId, "another reader uses our server_id")
    } else if says("could not find gtid state")
        || says("purged required binary logs")
        || says("could not find first log file name")
    {
        (
            ErrorCode::SnapshotLostByGC,
            "the server has purged the binlog that is needed",
        )
    } else if says("which is not in the master's binlog")
        || says("more gtids than")
        || says("has diverged")
        || says("higher sequence numbers")
        || says("is missing the gtid")
    {
        (
            ErrorCode::UpstreamDiverged,
            "the server does not have a transaction that was already read",
        )
    } else if says("impossible position") || says("position > file size") {
        (
            ErrorCode::UpstreamDiverged,
            "the server's binlog file is shorter than what was already read of it",
        )
    } else {
        (
            ErrorCode::UpstreamConnection,
            "the server refused to send its binlog",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_apart_by_their_text() {
        let check = |text: &str, code| assert_eq!(classify_1236(text).0, code, "{text}");
        check(
            "Could not find GTID state requested by slave in any binlog files. Probably the slave state is too old",
            ErrorCode::SnapshotLostByGC,
        );
        check(
            "Cannot replicate because the source purged required binary logs. Replicate the missing",
            ErrorCode::SnapshotLostByGC,
        );
        check(
            "Could not find first log file name in binary log index file",
            ErrorCode::SnapshotLostByGC,
        );
        check(
            "Error: connecting slave requested to start from GTID 0-1-9, which is not in the master's binlog",
            ErrorCode::UpstreamDiverged,
        );
        check(
            "Replica has more GTIDs than the source has, using the source's SERVER_UUID",
            ErrorCode::UpstreamDiverged,
        );
        check(
            "Client requested source to start replication from position > file size",
            ErrorCode::UpstreamDiverged,
        );
        check(
            "Client requested master to start replication from impossible position",
            ErrorCode::UpstreamDiverged,
        );
        check(
            "A slave with the same server_uuid/server_id as this slave has connected to the master",
            ErrorCode::DuplicateServerId,
        );
        check(
            "bogus data in log event; the first event 'b.000001' at 4, the last event read",
            ErrorCode::UpstreamConnection,
        );
    }

    #[test]
    fn a_mariadb_start_names_the_position() {
        let request = DumpRequest {
            start: DumpStart::Gtid(GtidSet::parse_mariadb("0-1-5,2-3-9").unwrap()),
            server_id: 7,
            heartbeat: Duration::from_secs(2),
            non_blocking: false,
            server: None,
        };
        let sql = session_settings(Flavour::MariaDb, &request);
        assert!(sql.contains("@slave_connect_state='0-1-5,2-3-9'"), "{sql}");
        assert!(sql.contains("@master_heartbeat_period=2000000000"), "{sql}");
        assert!(!session_settings(Flavour::MySql, &request).contains("capability"));
    }
}
