//! Accepting connections: how many, how long they may take to ask, and TLS.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::stall::WriteLimit;

/// Open connections; further ones wait to be accepted.
const CONNECTIONS_MAX: usize = 1000;
/// Longest time for the head of a request, also the longest idle time of a connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
/// Largest head of a request, and largest piece read at once.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Longest time for a TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest time in which a reader takes nothing of an answer or an event stream.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long accepting rests after it failed, which is when the process has too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answers requests until `stop` is cancelled, then lets requests that are under way end. Dropping it drops them.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    stop: CancellationToken,
) {
    let seats = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept(&listener, &seats) => accepted,
        };
        while connections.try_join_next().is_some() {}
        let Some((stream, seat)) = accepted else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        connections.spawn(connection(
            stream,
            tls.clone(),
            router.clone(),
            stop.clone(),
            seat,
        ));
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn accept(listener: &TcpListener, seats: &Arc<Semaphore>) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let seat = Arc::clone(seats).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, seat)),
        Err(error) => {
            tracing::warn!(%error, "cannot accept a connection");
            None
        }
    }
}

async fn connection(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    router: Router,
    stop: CancellationToken,
    _seat: OwnedSemaphorePermit,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot send small packets at once");
    }
    let Some(tls) = tls else {
        return requests(stream, router, stop).await;
    };
    match timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await {
        Ok(Ok(stream)) => requests(stream, router, stop).await,
        Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
        Err(_) => tracing::debug!("TLS handshake took too long"),
    }
}

async fn requests(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    stop: CancellationToken,
) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(
            TokioIo::new(WriteLimit::new(stream, WRITE_TIMEOUT)),
            TowerToHyperService::new(router),
        );
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
    }
}
