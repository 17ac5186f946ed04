//! The settings of a changefeed as fields of a form. What they are called, what they may be and where they count
//! comes from the table that the server validates with.

#![allow(clippy::unused_async, reason = "server functions are async")]

use crate::fns::error::ConsoleError;
use leptos::prelude::*;
use leptos::server_fn::codec::GetUrl;
use serde::{Deserialize, Serialize};

/// Which part of the form a group stands in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Step {
    /// Which events are left out.
    Events,
    /// How changes are written.
    Delivery,
    /// Everything else.
    Advanced,
}

/// What is typed into a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum FieldKind {
    /// `true` or `false`.
    Flag,
    /// One line.
    Line,
    /// A list, one item a line.
    Lines,
    /// A secret.
    Secret,
}

/// One setting.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SettingField {
    /// Place below `replica_config`, the name of the field too. In a list, relative to an item.
    pub path: String,
    /// What is typed.
    pub kind: FieldKind,
    /// The words that are allowed, where only some are.
    pub options: Vec<String>,
    /// What holds when nothing is typed; empty when nothing does.
    pub default: String,
    /// What it does, and what it may be.
    pub help: String,
    /// Why nothing can be typed.
    pub off: Option<String>,
}

/// Settings that belong together.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SettingGroup {
    /// Where it stands.
    pub step: Step,
    /// Heading.
    pub title: String,
    /// Kinds of sinks that look at some of it; empty: all do.
    pub sinks: Vec<SinkKind>,
    /// For a list of objects: its place; the fields are those of an item.
    pub list: Option<String>,
    /// The settings.
    pub fields: Vec<SettingField>,
}

/// A kind of sink, as far as settings go.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum SinkKind {
    /// MySQL, MariaDB, TiDB.
    Database,
    /// Files and object storage.
    Storage,
    /// Kafka.
    Kafka,
    /// Pulsar.
    Pulsar,
}

impl SinkKind {
    /// The kind that a sink URI means, as far as it has been typed.
    pub fn of(sink_uri: &str) -> Option<SinkKind> {
        let (scheme, _) = sink_uri.trim().split_once("://")?;
        match scheme.trim_end_matches("+ssl") {
            "mysql" | "tidb" => Some(SinkKind::Database),
            "file" | "s3" | "gcs" | "gs" | "azblob" | "azure" | "noop" => Some(SinkKind::Storage),
            "kafka" => Some(SinkKind::Kafka),
            "pulsar" | "pulsar+http" | "pulsar+https" => Some(SinkKind::Pulsar),
            _ => None,
        }
    }
}

/// All settings, in the order of the form.
#[server(name = GetSettings, endpoint = "settings", input = GetUrl)]
pub async fn get_settings() -> Result<Vec<SettingGroup>, ConsoleError> {
    Ok(crate::fns::form::groups())
}
