//! A database server as the MySQL sink's sessions see it: transactions, deadlocks, lost answers, leftover sessions.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tidegate_model::{CdcError, DdlEvent, ErrorCode, TableName};
use tidegate_sink::BoxFut;
use tidegate_sink::simulation::{SimDatabase, SimError, SimSession};

use crate::downstream::Downstream;
use crate::faults::Faults;
use crate::sabotage::Sabotage;
use crate::sql::{Statement, parse};

const DEADLOCK: u16 = 1213;
const LOCK_WAIT: u16 = 1205;

/// What goes on in the server although its clients are gone; survives a simulated crash.
#[derive(Debug, Default)]
pub struct Leftovers(Mutex<Vec<Running>>);

/// A transaction whose COMMIT has been sent.
#[derive(Debug)]
struct Running {
    slot: usize,
    statements: Vec<Statement>,
    /// Gone when the client is.
    client: Weak<()>,
}

/// The server, with the faults of the process that talks to it.
pub struct Database {
    downstream: Arc<Downstream>,
    leftovers: Arc<Leftovers>,
    faults: Arc<Faults>,
    sabotage: Option<Sabotage>,
}

impl Database {
    /// A server that keeps its rows in `downstream`.
    pub fn new(
        downstream: Arc<Downstream>,
        leftovers: Arc<Leftovers>,
        faults: Arc<Faults>,
        sabotage: Option<Sabotage>,
    ) -> Arc<Self> {
        Arc::new(Database {
            downstream,
            leftovers,
            faults,
            sabotage,
        })
    }

    fn end_leftovers(&self, which: impl Fn(&Running) -> bool) {
        if self.sabotage != Some(Sabotage::NoFence) {
            self.leftovers.end(&self.downstream, &self.faults, which);
        }
    }

    fn refused(&self) -> CdcError {
        CdcError::new(ErrorCode::MySQLConnectionError, "connection refused")
    }
}

impl Leftovers {
    /// Lets transactions end whose clients are gone, if `which` says so: committed or rolled back, as chance has it.
    fn end(&self, downstream: &Downstream, faults: &Faults, which: impl Fn(&Running) -> bool) {
        let mut running = self.lock();
        let ends = |running: &mut Running| running.client.strong_count() == 0 && which(running);
        for ended in running.extract_if(.., ends) {
            let commits = faults.happens(500);
            faults.trace(|| format!("leftover of writer {} ends, committed: {commits}", ended.slot));
            if commits {
                // What it is told goes nowhere.
                downstream.execute(&ended.statements).ok();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Running>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Database")
    }
}

impl SimDatabase for Database {
    fn open(&self, slot: Option<usize>) -> BoxFut<'_, Box<dyn SimSession>> {
        Box::pin(async move {
            self.faults.effect().await;
            if self.faults.happens(self.faults.plan().open_error) {
                return Err(self.refused());
            }
            self.end_leftovers(|running| Some(running.slot) == slot);
            let session = Session {
                downstream: Arc::clone(&self.downstream),
                leftovers: Arc::clone(&self.leftovers),
                faults: Arc::clone(&self.faults),
                slot: slot.unwrap_or(usize::MAX),
                client: Arc::new(()),
                open: None,
                lost: false,
            };
            Ok(Box::new(session) as Box<dyn SimSession>)
        })
    }

    fn unique_columns(&self, table: &TableName) -> Vec<(String, String)> {
        let mut columns = self.downstream.unique_columns(table);
        if self.sabotage == Some(Sabotage::BlindToUniqueKey) {
            columns.truncate(1);
        }
        columns
    }

    fn clear(&self) -> BoxFut<'_, ()> {
        Box::pin(async {
            self.faults.effect().await;
            if self.faults.happens(self.faults.plan().open_error) {
                return Err(self.refused());
            }
            self.end_leftovers(|_| true);
            Ok(())
        })
    }

    fn apply_ddl<'a>(&'a self, ddl: &'a DdlEvent) -> BoxFut<'a, ()> {
        Box::pin(async move {
            apply_ddl(&self.faults, &self.downstream, ddl)
                .await
                .map_err(|()| CdcError::new(ErrorCode::ExecDDLFailed, "lock wait timeout"))
        })
    }
}

/// Runs a schema change; one that fails may have taken place.
pub(crate) async fn apply_ddl(
    faults: &Faults,
    downstream: &Downstream,
    ddl: &DdlEvent,
) -> std::result::Result<(), ()> {
    faults.effect().await;
    let fails = faults.happens(faults.plan().ddl_error);
    if !fails || faults.happens(500) {
        faults.trace(|| format!("schema change {}: {}", ddl.commit_ts, ddl.query));
        downstream.apply_ddl(ddl);
        // Between the change and whoever hears of it.
        faults.effect_now().await;
    }
    if fails { Err(()) } else { Ok(()) }
}

struct Session {
    downstream: Arc<Downstream>,
    leftovers: Arc<Leftovers>,
    faults: Arc<Faults>,
    slot: usize,
    client: Arc<()>,
    /// Statements since BEGIN.
    open: Option<Vec<Statement>>,
    lost: bool,
}

impl Session {
    async fn run(&mut self, text: &[u8]) -> std::result::Result<(), SimError> {
        if self.lost {
            return Err(SimError::Lost);
        }
        let statements = match parse(text) {
            Ok(statements) => statements,
            Err(fault) => {
                self.downstream.complain(fault);
                return Err(SimError::Refused(1064));
            }
        };
        for statement in statements {
            match statement {
                Statement::Begin => self.open = Some(Vec::new()),
                Statement::Commit => {
                    let statements = self.open.take().unwrap_or_default();
                    self.commit(statements).await?;
                }
                statement => match &mut self.open {
                    Some(open) => open.push(statement),
                    None => self
                        .downstream
                        .complain("a statement outside of a transaction".to_owned()),
                },
            }
        }
        if self.open.is_some() {
            self.faults.effect().await;
            self.may_fail()?;
        }
        Ok(())
    }

    /// The server refuses, or the connection breaks.
    fn may_fail(&mut self) -> std::result::Result<(), SimError> {
        if !self.faults.happens(self.faults.plan().sink_error) {
            return Ok(());
        }
        match self.faults.below(3) {
            0 => {
                // The server has rolled back.
                self.open = None;
                Err(SimError::Refused(DEADLOCK))
            }
            1 => Err(SimError::Refused(LOCK_WAIT)),
            _ => {
                self.lost = true;
                Err(SimError::Lost)
            }
        }
    }

    async fn commit(&mut self, statements: Vec<Statement>) -> std::result::Result<(), SimError> {
        self.leftovers.lock().push(Running {
            slot: self.slot,
            statements: statements.clone(),
            client: Arc::downgrade(&self.client),
        });
        // Whoever is dropped here leaves it to the server.
        self.faults.effect().await;
        if self.faults.happens(self.faults.plan().answer_lost) {
            // The connection breaks, and the server does not know yet.
            self.client = Arc::new(());
            self.lost = true;
            return Err(SimError::Lost);
        }
        if self.faults.happens(200) {
            self.leftovers.end(&self.downstream, &self.faults, |_| true);
        }
        self.forget_own();
        self.may_fail()?;
        let outcome = self.downstream.execute(&statements);
        self.faults.trace(|| {
            let tables = statements.iter().map(describe).collect::<Vec<_>>().join(", ");
            format!("writer {} commits ({outcome:?}) {tables}", self.slot)
        });
        self.faults.effect_now().await;
        if self.faults.happens(self.faults.plan().answer_lost) {
            self.lost = true;
            return Err(SimError::Lost);
        }
        outcome.map_err(SimError::Refused)
    }

    fn forget_own(&self) {
        let own = Arc::downgrade(&self.client);
        self.leftovers
            .lock()
            .retain(|running| !running.client.ptr_eq(&own));
    }
}

fn describe(statement: &Statement) -> String {
    match statement {
        Statement::Insert {
            table, rows, replace, ..
        } => format!("{} {table} {rows:?}", if *replace { "replace" } else { "insert" }),
        Statement::Update { table, rows } => format!("update {table} {rows:?}"),
        Statement::Delete { table, keys } => format!("delete {table} {keys:?}"),
        Statement::Begin | Statement::Commit => String::new(),
    }
}

impl SimSession for Session {
    fn run<'a>(
        &'a mut self,
        text: &'a [u8],
    ) -> std::pin::Pin<Box<dyn Future<Output = std::result::Result<(), SimError>> + Send + 'a>> {
        Box::pin(self.run(text))
    }

    fn roll_back(&mut self) -> std::pin::Pin<Box<dyn Future<Output = bool> + Send + '_>> {
        Box::pin(async {
            self.open = None;
            !self.lost
        })
    }
}
