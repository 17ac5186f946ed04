//! Starts and stops private MariaDB servers: for the demo and for tests.
//!
//! In: the `mariadbd` installed on this machine. Out: a [`Server`] with a data directory, a unix socket and a free
//! loopback port of its own, row binlog with full metadata, and two accounts ([`User`]).
//!
//! Nothing is left behind: dropping a [`Server`] kills it and removes its temporary directory, and when the owning
//! process itself is killed, a watchdog does the same. This crate never touches a database server it did not start.
//!
//! ```no_run
//! # async fn example() -> tidegate_mariadb::Result<()> {
//! use tidegate_mariadb::{Server, ServerOptions, User};
//! let mut upstream = Server::start(ServerOptions::default()).await?;
//! upstream.sql("CREATE DATABASE shop; CREATE TABLE shop.item (id INT PRIMARY KEY)").await?;
//! let uri = upstream.uri(User::Replication);
//! upstream.kill().await?; // SIGKILL
//! upstream.restart().await?; // same data, same port
//! # Ok(()) }
//! ```

mod client;
mod error;
mod gateway;
mod install;
mod options;
mod server;
mod watchdog;

pub use error::{Error, Result};
pub use gateway::Gateway;
pub use install::PACKAGE;
pub use options::{ServerOptions, User};
pub use server::Server;
pub use watchdog::Watchdog;
