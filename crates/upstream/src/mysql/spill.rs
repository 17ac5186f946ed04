//! Transactions too large for memory go through a file, as the packets they arrived in.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Buf, Bytes, BytesMut};
use tidegate_model::{CdcError, ErrorCode, Result, ResultExt};
use tidegate_mysql::EVENT_SHARED_BYTES_MAX;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufWriter};

const EXTENSION: &str = "txn";
const BUFFER_BYTES: usize = 1 << 20;
/// Where the size stands in an event header.
const SIZE_OFFSET: usize = 9;
const HEADER_BYTES: usize = 19;

/// A folder for spilled transactions of one process.
#[derive(Debug)]
pub(crate) struct SpillDir {
    path: PathBuf,
    next: AtomicU64,
}

impl SpillDir {
    /// Makes the folder and removes what an earlier process left in it.
    ///
    /// # Errors
    /// `InternalServerError` when the disk refuses.
    pub(crate) fn open(path: &Path) -> Result<Arc<Self>> {
        prepare(path).code(
            ErrorCode::InternalServerError,
            format_args!("cannot prepare the folder {}", path.display()),
        )?;
        Ok(Arc::new(SpillDir {
            path: path.to_owned(),
            next: AtomicU64::new(0),
        }))
    }

    /// Starts a file.
    ///
    /// # Errors
    /// `InternalServerError` when the disk refuses.
    pub(crate) async fn writer(&self) -> Result<SpillWriter> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let file = SpillFile {
            path: self.path.join(format!("{number:016x}.{EXTENSION}")),
            bytes: 0,
        };
        let out = File::create_new(&file.path)
            .await
            .map_err(|error| broken(error, "create"))?;
        Ok(SpillWriter {
            out: BufWriter::with_capacity(BUFFER_BYTES, out),
            file,
        })
    }
}

fn prepare(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path)?;
    for entry in std::fs::read_dir(path)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == EXTENSION) {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// A finished file of packets; removed when dropped.
#[derive(Debug)]
pub(crate) struct SpillFile {
    path: PathBuf,
    bytes: u64,
}

impl SpillFile {
    /// Reads it from the start.
    ///
    /// # Errors
    /// `InternalServerError` when the disk refuses.
    pub(crate) async fn reader(&self) -> Result<SpillReader> {
        let file = File::open(&self.path)
            .await
            .map_err(|error| broken(error, "open"))?;
        Ok(SpillReader {
            file,
            buffer: BytesMut::new(),
            left: self.bytes,
        })
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for SpillFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "cannot remove a spilled transaction");
        }
    }
}

/// A file that is being written; removed when dropped unfinished.
#[derive(Debug)]
pub(crate) struct SpillWriter {
    out: BufWriter<File>,
    file: SpillFile,
}

impl SpillWriter {
    /// Appends packets and forgets them.
    ///
    /// # Errors
    /// `InternalServerError` when the disk refuses.
    pub(crate) async fn append(&mut self, packets: &mut Vec<Bytes>) -> Result<()> {
        for packet in packets.drain(..) {
            self.file.bytes += packet.len() as u64;
            self.out
                .write_all(&packet)
                .await
                .map_err(|error| broken(error, "write"))?;
        }
        Ok(())
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.file.bytes
    }

    /// Completes the file.
    ///
    /// # Errors
    /// `InternalServerError` when the disk refuses.
    pub(crate) async fn finish(mut self) -> Result<SpillFile> {
        self.out.flush().await.map_err(|error| broken(error, "write"))?;
        Ok(self.file)
    }
}

/// Reads packets back.
pub(crate) struct SpillReader {
    file: File,
    buffer: BytesMut,
    left: u64,
}

impl SpillReader {
    /// The next packets, about [`BUFFER_BYTES`] of them; none at the end.
    ///
    /// # Errors
    /// `InternalServerError` when the disk refuses or the file is cut.
    pub(crate) async fn next(&mut self) -> Result<Vec<Bytes>> {
        let mut out = Vec::new();
        while out.is_empty() && (self.left > 0 || !self.buffer.is_empty()) {
            self.fill().await?;
            while let Some(size) = self.complete_packet() {
                let packet = self.buffer.split_to(size);
                // As in a dump: what is not small is alone.
                let is_small = size <= EVENT_SHARED_BYTES_MAX;
                out.push(if is_small || size > BUFFER_BYTES {
                    packet.freeze()
                } else {
                    Bytes::copy_from_slice(&packet)
                });
            }
        }
        Ok(out)
    }

    async fn fill(&mut self) -> Result<()> {
        let wanted = self
            .packet_size()
            .map_or(BUFFER_BYTES, |size| size.max(BUFFER_BYTES));
        while self.buffer.len() < wanted && self.left > 0 {
            self.buffer.reserve(wanted - self.buffer.len());
            let got = self
                .file
                .read_buf(&mut self.buffer)
                .await
                .map_err(|error| broken(error, "read"))?;
            if got == 0 {
                return Err(broken(io::ErrorKind::UnexpectedEof.into(), "read"));
            }
            self.left = self.left.saturating_sub(got as u64);
        }
        if self.left == 0 && self.complete_packet().is_none() {
            return Err(broken(io::ErrorKind::UnexpectedEof.into(), "read"));
        }
        Ok(())
    }

    fn packet_size(&self) -> Option<usize> {
        let size = self.buffer.get(SIZE_OFFSET..)?.first_chunk::<4>()?;
        Some((u32::from_le_bytes(*size) as usize).max(HEADER_BYTES))
    }

    fn complete_packet(&self) -> Option<usize> {
        self.packet_size().filter(|&size| size <= self.buffer.remaining())
    }
}

fn broken(error: io::Error, doing: &str) -> CdcError {
    CdcError::new(
        ErrorCode::InternalServerError,
        format!("cannot {doing} the file of a large transaction"),
    )
    .with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(len: usize, fill: u8) -> Bytes {
        let mut packet = vec![fill; len];
        packet[SIZE_OFFSET..SIZE_OFFSET + 4].copy_from_slice(&u32::try_from(len).unwrap().to_le_bytes());
        packet.into()
    }

    #[tokio::test]
    async fn packets_read_back_and_the_file_disappears() {
        let folder = tempfile::tempdir().unwrap();
        let dir = SpillDir::open(folder.path()).unwrap();
        let mut writer = dir.writer().await.unwrap();
        let sizes = [19, 100, 3 << 20, 5000, 1 << 20, 20];
        let packets: Vec<Bytes> = (0u8..).zip(sizes).map(|(fill, len)| packet(len, fill)).collect();
        writer.append(&mut packets.clone()).await.unwrap();
        let file = writer.finish().await.unwrap();
        let mut reader = file.reader().await.unwrap();
        let mut read = Vec::new();
        loop {
            let some = reader.next().await.unwrap();
            if some.is_empty() {
                break;
            }
            read.extend(some);
        }
        assert_eq!(read, packets);
        drop(file);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn leftovers_are_removed_and_foreign_files_are_not() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("1.txn"), b"x").unwrap();
        std::fs::write(folder.path().join("keep"), b"x").unwrap();
        SpillDir::open(folder.path()).unwrap();
        let left: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        assert_eq!(left, ["keep"]);
    }
}
