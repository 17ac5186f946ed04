//! Server functions: what the pages read and do, each a few lines over the service of the engine.
//!
//! In: text of forms and queries. Out: plain data without secrets. Reads are GET, writes are form posts, so both
//! work without JavaScript.

pub mod activity;
#[cfg(feature = "ssr")]
mod begin;
#[cfg(feature = "ssr")]
pub(crate) mod bulk;
pub mod captures;
#[cfg(feature = "ssr")]
mod catalogue;
pub mod changefeeds;
pub mod choice;
#[cfg(feature = "ssr")]
pub mod context;
pub mod create;
pub mod data;
#[cfg(feature = "ssr")]
mod drafts;
pub mod error;
#[cfg(feature = "ssr")]
pub(crate) mod form;
pub mod history;
#[cfg(feature = "ssr")]
pub(crate) mod list;
pub mod live;
pub mod log;
pub mod palette;
pub mod playground;
pub mod preferences;
#[cfg(feature = "ssr")]
pub(crate) mod query;
pub mod saved;
pub mod served;
#[cfg(feature = "ssr")]
mod view;
pub mod watch;
