//! One worker: collects the rows of its tables and turns them into files.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use tidegate_codec::{Encoder, Zone};
use tidegate_failpoint::{Point, hit};
use tidegate_model::{Ack, Clock, ErrorCode, Result, ResultExt, RowBlock, TableInfo, TableName, Ts};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::buffer::{Budget, Buffer, Waiting};
use super::config::StorageConfig;
use super::draft::Draft;
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

/// A file that is full ends only if what is left makes at least this part of another one.
const CRUMB_DIVISOR: usize = 8;

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
    budget: Arc<Budget>,
    buffer: Buffer,
}

impl Worker {
    pub(crate) fn new(
        config: Arc<StorageConfig>,
        lease: Arc<Lease>,
        clock: Arc<dyn Clock>,
        metrics: StorageMetrics,
        budget: Arc<Budget>,
    ) -> Self {
        let encoder = config.format.encoder();
        let zone = Zone::new(config.time_zone.clone());
        Worker {
            config,
            lease,
            clock,
            metrics,
            encoder,
            zone,
            tables: HashMap::new(),
            buffer: Buffer::new(Arc::clone(&budget)),
            budget,
        }
    }

    /// Runs until the sender is gone or a write fails; an error drops all unsettled acknowledgements.
    ///
    /// Rows are written when they have waited for the interval, when a table has enough of them for a file, and when
    /// all workers together keep too much waiting.
    pub(crate) async fn run(mut self, mut jobs: mpsc::Receiver<Job>) -> Result<()> {
        let budget = Arc::clone(&self.budget);
        loop {
            // Before the check: whoever finds it used up after that wakes this worker.
            let used_up = budget.used_up();
            if self.buffer.must_shrink() {
                budget.tell_used_up();
                self = self.flush().await?;
            }
            let due = self
                .buffer
                .oldest()
                .map(|oldest| oldest + self.config.flush_interval);
            tokio::select! {
                job = jobs.recv() => match job {
                    Some(Job::Rows(rows, ack)) => {
                        let mut full = self.buffer.add(rows, ack);
                        full.retain(|table| self.fills_a_file(table));
                        if !full.is_empty() {
                            let rows = self.buffer.take(&full);
                            self = self.write(rows).await?;
                        }
                    }
                    Some(Job::Flush(done)) => {
                        self = self.flush().await?;
                        // The one who asked may have gone.
                        done.send(()).ok();
                    }
                    None => return Ok(()),
                },
                () = used_up => self = self.flush().await?,
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => self = self.flush().await?,
            }
        }
    }

    fn fills_a_file(&self, table: &TableName) -> bool {
        self.encoded_bytes(table, self.buffer.bytes_of(table)) >= self.config.file_size
    }

    fn encoded_bytes(&self, table: &TableName, source_bytes: usize) -> usize {
        let files = self.tables.get(table);
        files.map_or(source_bytes, |files| files.encoded_bytes(source_bytes))
    }

    async fn flush(mut self) -> Result<Self> {
        let rows = self.buffer.take_all();
        self.write(rows).await
    }

    async fn write(mut self, rows: Vec<(TableName, Waiting)>) -> Result<Self> {
        if rows.is_empty() {
            return Ok(self);
        }
        let written = tokio::task::spawn_blocking(move || {
            let result = self.write_tables(rows);
            (self, result)
        });
        let (worker, result) = written.await.code(
            ErrorCode::ExternalStorageAPI,
            "the file writer ended unexpectedly",
        )?;
        result.map(|()| worker)
    }

    fn write_tables(&mut self, tables: Vec<(TableName, Waiting)>) -> Result<()> {
        let date = self
            .config
            .date_separator
            .format(self.zone.date_of_ms(self.clock.unix_ms()));
        for (name, waiting) in tables {
            self.write_table(&name, waiting.rows, waiting.bytes, date.as_deref())?;
            waiting.acks.into_iter().for_each(Ack::durable);
        }
        Ok(())
    }

    /// Encodes the rows of one table and cuts them into files: at schema changes, and once a file is large enough,
    /// but never inside a transaction.
    fn write_table(
        &mut self,
        name: &TableName,
        rows: Vec<(Ts, RowBlock)>,
        mut left_bytes: usize,
        date: Option<&str>,
    ) -> Result<()> {
        let mut draft: Option<Draft> = None;
        let mut last_ts = Ts::ZERO;
        for (commit_ts, block) in rows {
            let moved = self
                .tables
                .get(name)
                .is_some_and(|files| !files.fits(block.table()));
            let full = draft
                .as_ref()
                .is_some_and(|draft| draft.len() >= self.config.file_size)
                && commit_ts != last_ts
                && self.encoded_bytes(name, left_bytes) >= self.config.file_size / CRUMB_DIVISOR;
            if moved || full {
                self.publish(name, draft.take())?;
            }
            if moved {
                self.tables.remove(name);
            }
            let draft = match &mut draft {
                Some(draft) => draft,
                none => none.insert(self.begin(name, block.table(), date)?),
            };
            let now_ms = self.clock.unix_ms();
            self.encode(&block, commit_ts, now_ms, &mut draft.unsaved)?;
            draft.save(&self.lease)?;
            draft.source_bytes += block.memory_bytes();
            left_bytes = left_bytes.saturating_sub(block.memory_bytes());
            self.metrics.rows(block.len());
            last_ts = commit_ts;
        }
        self.publish(name, draft)
    }

    fn begin(&mut self, name: &TableName, table: &Arc<TableInfo>, date: Option<&str>) -> Result<Draft> {
        let files = match self.tables.entry(name.clone()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(TableFiles::locate(&self.config, &self.lease, table)?),
        };
        let file = files.begin(&self.config, &self.lease, self.encoder.extension(), date)?;
        let mut draft = Draft::new(file);
        self.encoder.start_file(table, &mut draft.unsaved);
        Ok(draft)
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

    fn publish(&mut self, name: &TableName, draft: Option<Draft>) -> Result<()> {
        let Some(draft) = draft else {
            return Ok(());
        };
        let published = draft.publish(&self.lease)?;
        hit(Point::DataFile);
        self.metrics.file(published.bytes, published.busy);
        if let Some(files) = self.tables.get_mut(name) {
            files.published(&published);
        }
        Ok(())
    }
}
