//! The server: one port for the API, the console, metrics and documents.
//!
//! In: settings. Out: a running process part that ends cleanly when it is told to. Handlers parse, call the
//! `ReplicationService` and render; they decide nothing.

#![allow(clippy::unused_async, reason = "axum takes async functions only")]

mod access;
mod activity;
mod assets;
mod audit;
mod config;
mod console;
mod document;
mod extension;
mod extract;
mod facts;
pub(crate) mod help;
mod host;
mod list;
mod live;
pub(crate) mod log;
mod middleware;
mod openapi;
mod owner;
mod respond;
mod router;
mod routes;
mod run;
pub(crate) mod series;
mod serve;
mod stall;
mod state;
#[cfg(test)]
mod testing;
mod tls;
mod top;
mod v1;
mod v2;

pub use access::{AccessSettings, Known, Role, hash_password, new_token};
pub(crate) use access::{OPERATOR, Principal};
pub(crate) use audit::{Selection, in_force, replace, with_found};
pub use config::{EncryptionKeys, LogFormat, ServerConfig};
pub(crate) use facts::settings_shown;
pub use log::LogControl;
pub use openapi::openapi_document;
pub use run::{RunningServer, start};
pub use state::{App, VERSION_FOR_CLIENTS};
pub use tls::TlsFiles;
