//! Output formats: bytes for files and messages.
//!
//! In: rows, DDL and timestamps. Out: bytes appended to a buffer, and the names and contents of the files that the
//! storage layout prescribes. Everything is synchronous and pure: no I/O, no clock (the current time is passed in).

#![warn(missing_docs)]

mod canal_json;
mod canal_type;
mod csv;
mod ddl_query;
mod encoder;
mod json;
mod layout;
mod schema_file;
mod table_cache;
mod text;
mod zone;

pub use canal_json::{CanalJsonEncoder, CanalJsonOptions};
pub use csv::{BinaryEncoding, CsvEncoder, CsvOptions};
pub use encoder::Encoder;
pub use layout::{
    DateSeparator, data_dir, data_file_name, escape_name, index_file, is_data_file_name, metadata,
    parse_data_file_name,
};
pub use schema_file::{SchemaFile, schema_dir};
pub use zone::Zone;
