//! Places at which a test can end the process, to prove that a restart there loses nothing.
//!
//! In: the environment variable of builds with debug assertions (see `docs/testing.md`). Out: an aborted process, as a
//! power cut would leave it. Builds without debug assertions, so all releases, hold nothing of it: [`hit`] is empty, and
//! not even the variable's name is in them.

#![warn(missing_docs)]

/// A place between two effects. `docs/testing.md` has the list for people.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Point {
    /// MySQL sink: the note "about to run" of a schema change is written, the change has not run.
    DdlNoted,
    /// MySQL sink: a schema change has run, the note that it finished is not written.
    DdlRun,
    /// Engine: the sink says that a schema change is in place, the checkpoint behind it is not stored.
    DdlDone,
    /// MySQL sink: a downstream transaction is committed and not acknowledged.
    TxnCommitted,
    /// Engine: a checkpoint that the acknowledgements allow is not stored yet.
    CheckpointDue,
    /// Engine: a checkpoint is stored, and nobody has been told.
    CheckpointStored,
    /// Meta store: half of the writes of a commit are made, none is committed.
    MetaHalf,
    /// Meta store: the writes are made and not flushed.
    MetaBeforeFlush,
    /// Meta store: the writes are durable and not answered.
    MetaFlushed,
    /// Storage sink: a schema file is written, no data file of its version is.
    SchemaFile,
    /// Storage sink: the index names a data file that does not exist yet.
    IndexFile,
    /// Storage sink: a data file is on the disk under its temporary name.
    DataUnpublished,
    /// Storage sink: a data file is complete, its rows are not acknowledged.
    DataFile,
    /// Start: the stored changefeeds are read, none runs yet.
    Recovery,
}

impl Point {
    /// All of them.
    pub const ALL: [Point; 14] = [
        Point::DdlNoted,
        Point::DdlRun,
        Point::DdlDone,
        Point::TxnCommitted,
        Point::CheckpointDue,
        Point::CheckpointStored,
        Point::MetaHalf,
        Point::MetaBeforeFlush,
        Point::MetaFlushed,
        Point::SchemaFile,
        Point::IndexFile,
        Point::DataUnpublished,
        Point::DataFile,
        Point::Recovery,
    ];

    /// Its name in the environment variable.
    pub const fn name(self) -> &'static str {
        match self {
            Point::DdlNoted => "mysql-ddl-noted",
            Point::DdlRun => "mysql-ddl-run",
            Point::DdlDone => "ddl-done",
            Point::TxnCommitted => "mysql-txn-committed",
            Point::CheckpointDue => "checkpoint-due",
            Point::CheckpointStored => "checkpoint-stored",
            Point::MetaHalf => "meta-half",
            Point::MetaBeforeFlush => "meta-before-flush",
            Point::MetaFlushed => "meta-flushed",
            Point::SchemaFile => "storage-schema-file",
            Point::IndexFile => "storage-index-file",
            Point::DataUnpublished => "storage-data-unpublished",
            Point::DataFile => "storage-data-file",
            Point::Recovery => "recovery",
        }
    }
}

/// Execution has come to `point`. Aborts the process if a test asked for that, else does nothing.
#[inline]
pub fn hit(point: Point) {
    #[cfg(debug_assertions)]
    armed::hit(point);
    #[cfg(not(debug_assertions))]
    let _unused = point;
}

/// What exists only in builds with debug assertions.
#[cfg(debug_assertions)]
mod armed {
    use std::process::abort;
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::Point;

    const VARIABLE: &str = "TIDEGATE_FAILPOINTS";

    static ARMED: LazyLock<Vec<Armed>> = LazyLock::new(|| {
        let text = std::env::var(VARIABLE).unwrap_or_default();
        match parse(&text) {
            Ok(armed) => armed,
            Err(fault) => {
                eprintln!("{VARIABLE}: {fault}");
                abort();
            }
        }
    });

    struct Armed {
        point: Point,
        /// Passes that are still let through.
        left: AtomicU64,
    }

    pub(super) fn hit(point: Point) {
        for armed in ARMED.iter().filter(|armed| armed.point == point) {
            if armed.left.fetch_sub(1, Ordering::Relaxed) == 1 {
                eprintln!("failpoint {} reached: aborting", point.name());
                abort();
            }
        }
    }

    /// `NAME=abort` or `NAME=abort@N` for the N-th pass, several separated by `;`.
    fn parse(text: &str) -> Result<Vec<Armed>, String> {
        let items = text.split(';').map(str::trim).filter(|item| !item.is_empty());
        items.map(parse_item).collect()
    }

    fn parse_item(item: &str) -> Result<Armed, String> {
        let (name, action) = item.split_once('=').ok_or(format!("{item}: no action"))?;
        let point = Point::ALL.into_iter().find(|point| point.name() == name);
        let point = point.ok_or(format!("{name}: no such failpoint"))?;
        let (action, count) = action.split_once('@').unwrap_or((action, "1"));
        let count = count.parse().ok().filter(|count| *count > 0);
        match (action, count) {
            ("abort", Some(count)) => Ok(Armed {
                point,
                left: AtomicU64::new(count),
            }),
            _ => Err(format!(
                "{item}: the only action is abort, or abort@N with N from 1 on"
            )),
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn points_are_armed_by_name_and_pass() {
            let armed = parse("recovery=abort; ddl-done=abort@3;").unwrap();
            let brief: Vec<_> = armed
                .iter()
                .map(|armed| (armed.point, armed.left.load(Ordering::Relaxed)))
                .collect();
            assert_eq!(brief, [(Point::Recovery, 1), (Point::DdlDone, 3)]);
            assert!(parse("").unwrap().is_empty());
        }

        #[test]
        fn a_typing_mistake_is_refused_rather_than_never_reached() {
            for text in ["recover=abort", "recovery", "recovery=panic", "recovery=abort@0"] {
                assert!(parse(text).is_err(), "{text}");
            }
        }

        #[test]
        fn names_are_unique() {
            let mut names: Vec<_> = Point::ALL.iter().map(|point| point.name()).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), Point::ALL.len());
        }
    }
}
