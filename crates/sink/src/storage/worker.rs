//! One worker: collects the rows of its tables and turns them into files.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use tidegate_codec::{Encoder, Zone};
use tidegate_model::{Ack, CdcError, Clock, ErrorCode, Result, ResultExt, RowBlock, TableName, Ts};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::config::StorageConfig;
use super::lease::Lease;
use super::metrics::StorageMetrics;
use super::split::KeyChanges;
use super::table_files::TableFiles;

/// What a worker is told.
pub(crate) enum Job {
    /// Rows of tables of this worker, in commit order, and the right to call them durable.
    Rows(Vec<(Ts, RowBlock)>, Ack),
    /// Write everything and answer.
    Flush(oneshot::Sender<()>),
}

/// Owned by the worker's task between flushes and by a blocking thread during one.
pub(crate) struct Worker {
    config: Arc<StorageConfig>,
    /// Held by the thread that writes, until it is done.
    lease: Arc<Lease>,
    clock: Arc<dyn Clock>,
    metrics: StorageMetrics,
    encoder: Box<dyn Encoder>,
    zone: Zone,
    tables: HashMap<TableName, TableFiles>,
    buffer: Buffer,
    /// Bytes of source rows after which a flush does not wait for the interval.
    buffer_bytes_max: usize,
}

#[derive(Default)]
struct Buffer {
    rows: HashMap<TableName, Vec<(Ts, RowBlock)>>,
    acks: Vec<Ack>,
    bytes: usize,
    oldest: Option<Instant>,
}

impl Worker {
    pub(crate) fn new(
        config: Arc<StorageConfig>,
        lease: Arc<Lease>,
        clock: Arc<dyn Clock>,
        metrics: StorageMetrics,
        buffer_bytes_max: usize,
    ) -> Self {
        let encoder = config.format.encoder();
        let zone = Zone::new(config.time_zone.clone());
        let tables = HashMap::new();
        Worker {
            config,
            lease,
            clock,
            metrics,
            encoder,
            zone,
            tables,
            buffer: Buffer::default(),
            buffer_bytes_max,
        }
    }

    /// Runs until the sender is gone or a write fails; an error drops all unsettled acknowledgements.
    pub(crate) async fn run(mut self, mut jobs: mpsc::Receiver<Job>) -> Result<()> {
        loop {
            let due = self.buffer.due(self.config.flush_interval);
            tokio::select! {
                job = jobs.recv() => match job {
                    Some(Job::Rows(rows, ack)) => {
                        self.buffer.add(rows, ack);
                        if self.buffer.bytes >= self.buffer_bytes_max {
                            self = self.flush().await?;
                        }
                    }
                    Some(Job::Flush(done)) => {
                        self = self.flush().await?;
                        // The one who asked may have gone.
                        done.send(()).ok();
                    }
                    None => return Ok(()),
                },
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => self = self.flush().await?,
            }
        }
    }

    async fn flush(mut self) -> Result<Self> {
        let written = tokio::task::spawn_blocking(move || {
            let result = self.write_buffer();
            (self, result)
        });
        let (worker, result) = written.await.code(
            ErrorCode::ExternalStorageAPI,
            "the file writer ended unexpectedly",
        )?;
        result.map(|()| worker)
    }

    fn write_buffer(&mut self) -> Result<()> {
        let buffer = std::mem::take(&mut self.buffer);
        let date = self
            .config
            .date_separator
            .format(self.zone.date_of_ms(self.clock.unix_ms()));
        for (name, rows) in buffer.rows {
            self.write_table(name, rows, date.as_ref())?;
        }
        buffer.acks.into_iter().for_each(Ack::durable);
        Ok(())
    }

    /// Encodes the rows of one table and cuts them into files: at schema changes, and once a file is large enough,
    /// but never inside a transaction.
    fn write_table(
        &mut self,
        name: TableName,
        rows: Vec<(Ts, RowBlock)>,
        date: Option<&String>,
    ) -> Result<()> {
        let mut content = Vec::new();
        let mut last_ts = Ts::ZERO;
        for (commit_ts, block) in rows {
            let full = content.len() >= self.config.file_size && commit_ts != last_ts;
            let moved = self
                .tables
                .get(&name)
                .is_some_and(|files| !files.fits(block.table()));
            if full || moved {
                self.write_file(&name, &mut content, date)?;
            }
            if moved {
                self.tables.remove(&name);
            }
            if let Entry::Vacant(entry) = self.tables.entry(name.clone()) {
                entry.insert(TableFiles::locate(&self.config, &self.lease, block.table())?);
            }
            if content.is_empty() {
                self.encoder.start_file(block.table(), &mut content);
            }
            let now_ms = self.clock.unix_ms();
            self.encode(&block, commit_ts, now_ms, &mut content)?;
            self.metrics.rows(block.len());
            last_ts = commit_ts;
        }
        self.write_file(&name, &mut content, date)
    }

    fn encode(&mut self, block: &RowBlock, commit_ts: Ts, now_ms: u64, out: &mut Vec<u8>) -> Result<()> {
        let changes = if self.config.output_raw_change_event {
            None
        } else {
            KeyChanges::of(block)
        };
        match changes {
            None => block
                .rows()
                .try_for_each(|row| self.encoder.row(row, commit_ts, now_ms, out)),
            Some(changes) => changes
                .in_place(block)
                .try_for_each(|row| self.encoder.row(row, commit_ts, now_ms, out)),
        }
    }

    fn write_file(&mut self, name: &TableName, content: &mut Vec<u8>, date: Option<&String>) -> Result<()> {
        if content.is_empty() {
            return Ok(());
        }
        let Some(files) = self.tables.get_mut(name) else {
            return Err(CdcError::new(
                ErrorCode::ExternalStorageAPI,
                format_args!("no directory was opened for {name}"),
            ));
        };
        let started = std::time::Instant::now();
        files.write(
            &self.config,
            &self.lease,
            self.encoder.extension(),
            date.cloned(),
            content,
        )?;
        self.metrics.file(content.len(), started.elapsed());
        content.clear();
        Ok(())
    }
}

impl Buffer {
    fn add(&mut self, rows: Vec<(Ts, RowBlock)>, ack: Ack) {
        for (ts, block) in rows {
            self.bytes += block.memory_bytes();
            match self.rows.get_mut(&block.table().name) {
                Some(rows) => rows.push((ts, block)),
                None => {
                    self.rows.insert(block.table().name.clone(), vec![(ts, block)]);
                }
            }
        }
        self.acks.push(ack);
        self.oldest.get_or_insert_with(Instant::now);
    }

    fn due(&self, flush_interval: Duration) -> Option<Instant> {
        self.oldest.map(|oldest| oldest + flush_interval)
    }
}
