//! A real S3 server over a directory, for tests: the one of `s3s-fs`, which checks signatures and heeds conditions.
//!
//! In front of it stand the troubles of a network and of a store: see [`Troubles`]. A bucket is a directory, an object
//! a file in it.

#![warn(missing_docs)]

mod server;
mod troubles;

pub use server::{ACCESS_KEY, BUCKET, S3Server, SECRET_KEY};
pub use troubles::Troubles;
