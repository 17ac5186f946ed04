//! `mysql://`: rows and schema changes into a MySQL-compatible database.
//!
//! The *dispatcher* gives each transaction to one of several *writers*, so that those that share a unique value keep
//! their order (see [`conflicts`]). A writer is two tasks: the *builder* turns rows into the text of the next downstream
//! transaction while the *applier* runs the one before on a session of its own. A transaction that fails, or whose
//! outcome is unknown, is built anew in a form that is right whatever part of it was applied. Schema changes run on
//! sessions of their own, while no writer is at work.

mod applier;
mod backoff;
mod bookkeeping;
mod builder;
mod bulk;
mod catalogue;
mod chunk;
mod config;
mod conflicts;
mod ddl;
mod dispatcher;
mod downstream;
mod errors;
mod fence;
mod fingerprint;
mod foreign_keys;
mod identity;
mod keys;
mod metrics;
mod mysql_sink;
mod plan;
mod script;
mod session;
mod settings;
#[cfg(feature = "simulation")]
pub mod simulation;
mod update;
mod writers;

use tidegate_model::{Result, Ts};

pub(crate) use self::metrics::forget;
use self::mysql_sink::{Feed, MysqlSink};
use crate::opener::SinkSpec;

/// Connects and starts the sink. Rows up to `replicate_ts` are written in a form that overwrites.
pub(crate) async fn open(spec: &SinkSpec, replicate_ts: Ts) -> Result<MysqlSink> {
    let feed = Feed {
        changefeed: spec.changefeed.clone(),
        cluster_id: spec.cluster_id.clone(),
        incarnation: spec.incarnation.clone(),
        replicate_ts,
        on_trouble: spec.on_trouble.clone(),
    };
    MysqlSink::open(settings::read(spec)?, feed).await
}

/// Checks settings, login and privileges; answers what names the server, however it was reached.
pub(crate) async fn check(spec: &SinkSpec) -> Result<String> {
    let config = settings::read(spec)?;
    session::check(&config).await?;
    identity::read(&config).await
}

#[cfg(test)]
mod bulk_tests;
#[cfg(test)]
mod ddl_tests;
#[cfg(test)]
mod script_tests;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod value_tests;
