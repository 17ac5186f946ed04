//! A connection whose reader may be slow, but not for ever.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// A stream whose writes fail once nothing could be written for a given time. Reads are passed on.
pub(crate) struct WriteLimit<S> {
    stream: S,
    limit: Duration,
    /// Armed while a write waits.
    timer: Pin<Box<Sleep>>,
    waiting: bool,
}

impl<S> WriteLimit<S> {
    /// Wraps a stream; a write may wait for `limit` at most.
    pub(crate) fn new(stream: S, limit: Duration) -> Self {
        WriteLimit {
            stream,
            limit,
            timer: Box::pin(sleep(limit)),
            waiting: false,
        }
    }

    /// Passes on what a write came to, or its end when it has waited too long.
    fn watch<T>(&mut self, outcome: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.waiting = false;
            return outcome;
        }
        if !self.waiting {
            self.waiting = true;
            self.timer.as_mut().reset(Instant::now() + self.limit);
        }
        ready!(self.timer.as_mut().poll(cx));
        let text = "the reader took nothing for too long";
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, text)))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WriteLimit<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WriteLimit<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watch(outcome, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.watch(outcome, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(cx);
        self.watch(outcome, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.watch(outcome, cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    /// Readers that took nothing once held their connections for ever, until no seat was left.
    #[tokio::test(start_paused = true)]
    async fn a_reader_that_takes_nothing_ends_the_write() {
        let (ours, _theirs) = duplex(8);
        let started = Instant::now();
        let error = WriteLimit::new(ours, LIMIT)
            .write_all(&[0; 100])
            .await
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(started.elapsed(), LIMIT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_gets_everything_however_long_it_takes() {
        let (ours, mut theirs) = duplex(8);
        let write = async {
            let mut stream = WriteLimit::new(ours, LIMIT);
            stream.write_all(&[7; 100]).await?;
            stream.shutdown().await
        };
        let read = async {
            let mut bytes = [0; 8];
            let mut total = 0;
            loop {
                sleep(LIMIT - Duration::from_secs(1)).await;
                match theirs.read(&mut bytes).await.unwrap() {
                    0 => return total,
                    read => total += read,
                }
            }
        };
        let (written, read) = tokio::join!(write, read);
        written.unwrap();
        assert_eq!(read, 100);
    }

    #[tokio::test(start_paused = true)]
    async fn time_between_two_writes_does_not_count() {
        let (ours, mut theirs) = duplex(8);
        let mut stream = WriteLimit::new(ours, LIMIT);
        stream.write_all(&[1; 8]).await.unwrap();
        sleep(LIMIT * 10).await;
        let mut bytes = [0; 8];
        let (written, read) = tokio::join!(stream.write_all(&[2; 8]), theirs.read_exact(&mut bytes));
        written.unwrap();
        read.unwrap();
    }
}
