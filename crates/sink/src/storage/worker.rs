//! One worker: collects the rows of its tables and turns them into files.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use tidegate_codec::Zone;
use tidegate_failpoint::{Point, hit};
use tidegate_model::{Ack, Clock, Result, RowBlock, TableInfo, TableName, Ts};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::buffer::{Budget, Buffer, Waiting};
use super::config::StorageConfig;
use super::draft::Draft;
use super::encode::Encoders;
use super::metrics::StorageMetrics;
use super::store::Store;
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

pub(crate) struct Worker {
    id: usize,
    common: Common,
    zone: Zone,
    tables: HashMap<TableName, TableFiles>,
    buffer: Buffer,
}

/// What the workers of a sink have in common.
#[derive(Clone)]
pub(crate) struct Common {
    pub(crate) config: Arc<StorageConfig>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: StorageMetrics,
    pub(crate) encoders: Arc<Encoders>,
    pub(crate) budget: Arc<Budget>,
}

impl Worker {
    pub(crate) fn new(id: usize, common: Common) -> Self {
        Worker {
            id,
            zone: Zone::new(common.config.time_zone.clone()),
            buffer: Buffer::new(Arc::clone(&common.budget)),
            tables: HashMap::new(),
            common,
        }
    }

    /// Runs until the sender is gone or a write fails; an error drops all unsettled acknowledgements.
    ///
    /// Rows are written when they have waited for the interval, when a table has enough of them for a file, and when
    /// all workers together keep too much waiting.
    pub(crate) async fn run(mut self, mut jobs: mpsc::Receiver<Job>) -> Result<()> {
        let budget = Arc::clone(&self.common.budget);
        loop {
            // Before the check: whoever finds it used up after that wakes this worker.
            let used_up = budget.used_up();
            if self.buffer.must_shrink() {
                budget.tell_used_up();
                self.flush().await?;
            }
            let due = self
                .buffer
                .oldest()
                .map(|oldest| oldest + self.common.config.flush_interval);
            tokio::select! {
                // What is due comes first: there may always be another job.
                biased;
                () = used_up => self.flush().await?,
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => self.flush().await?,
                job = jobs.recv() => match job {
                    Some(Job::Rows(rows, ack)) => {
                        let mut full = self.buffer.add(rows, ack);
                        full.retain(|table| self.fills_a_file(table));
                        if !full.is_empty() {
                            let rows = self.buffer.take(&full);
                            self.write(rows).await?;
                        }
                    }
                    Some(Job::Flush(done)) => {
                        self.flush().await?;
                        // The one who asked may have gone.
                        done.send(()).ok();
                    }
                    None => return Ok(()),
                },
            }
        }
    }

    fn fills_a_file(&self, table: &TableName) -> bool {
        self.encoded_bytes(table, self.buffer.bytes_of(table)) >= self.common.config.file_size
    }

    fn encoded_bytes(&self, table: &TableName, source_bytes: usize) -> usize {
        let files = self.tables.get(table);
        files.map_or(source_bytes, |files| files.encoded_bytes(source_bytes))
    }

    async fn flush(&mut self) -> Result<()> {
        let rows = self.buffer.take_all();
        self.write(rows).await
    }

    async fn write(&mut self, tables: Vec<(TableName, Waiting)>) -> Result<()> {
        if tables.is_empty() {
            return Ok(());
        }
        let started = Instant::now();
        let date = self
            .common
            .config
            .date_separator
            .format(self.zone.date_of_ms(self.common.clock.unix_ms()));
        for (name, waiting) in tables {
            self.write_table(&name, waiting.rows, waiting.bytes, date.as_deref())
                .await?;
            waiting.acks.into_iter().for_each(Ack::durable);
        }
        self.common.metrics.flush(self.id, started.elapsed());
        Ok(())
    }

    /// Encodes the rows of one table and cuts them into files: at schema changes, and once a file is large enough,
    /// but never inside a transaction.
    async fn write_table(
        &mut self,
        name: &TableName,
        rows: Vec<(Ts, RowBlock)>,
        mut left_bytes: usize,
        date: Option<&str>,
    ) -> Result<()> {
        let mut draft: Option<Draft> = None;
        let mut pieces = self.common.encoders.start(rows);
        while let Some(piece) = pieces.next().await? {
            let moved = self
                .tables
                .get(name)
                .is_some_and(|files| !files.fits(&piece.table));
            let full = draft
                .as_ref()
                .is_some_and(|draft| draft.bytes >= self.common.config.file_size)
                && piece.starts_transaction
                && self.encoded_bytes(name, left_bytes) >= self.common.config.file_size / CRUMB_DIVISOR;
            if moved || full {
                self.publish(name, draft.take()).await?;
            }
            if moved {
                self.tables.remove(name);
            }
            let mut open = match draft.take() {
                Some(draft) => draft,
                None => self.begin(name, &piece.table, date).await?,
            };
            open.append(piece.bytes, piece.source_bytes).await?;
            draft = Some(open);
            left_bytes = left_bytes.saturating_sub(piece.source_bytes);
            self.common.metrics.rows(piece.rows);
        }
        self.publish(name, draft).await
    }

    async fn begin(&mut self, name: &TableName, table: &Arc<TableInfo>, date: Option<&str>) -> Result<Draft> {
        let files = match self.tables.entry(name.clone()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                entry.insert(TableFiles::locate(&self.common.config, &*self.common.store, table).await?)
            }
        };
        let file = files
            .begin(&self.common.config, &*self.common.store, date)
            .await?;
        Draft::begin(file, self.common.encoders.header(table)).await
    }

    async fn publish(&mut self, name: &TableName, draft: Option<Draft>) -> Result<()> {
        let Some(draft) = draft else {
            return Ok(());
        };
        let published = draft.publish().await?;
        hit(Point::DataFile);
        self.common.metrics.file(published.bytes, published.busy);
        if let Some(files) = self.tables.get_mut(name) {
            files.published(&published);
        }
        Ok(())
    }
}
