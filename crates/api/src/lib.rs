//! The JSON of `/api/v2` and of our extensions: requests, answers, [`ReplicaConfig`], [`SinkUri`], defaults, merging,
//! validation and masking.
//!
//! In: bytes of requests and text of URIs. Out: plain data with exactly the published field names. No I/O; builds for
//! `wasm32-unknown-unknown`. Whoever shows a config or a URI to people masks it first ([`ReplicaConfig::masked`],
//! [`SinkUri`]'s `Display`).

#![warn(missing_docs)]

mod activity;
mod config;
mod duration;
mod extension;
mod json;
mod request;
mod response;
mod series;
mod sink_uri;

pub use activity::{ActivityChange, ActivityEntry, ActivityPage, ActivityTarget, Actor, ConfigVersion};
pub use config::{
    CloudStorageConfig, CodecConfig, ColumnSelector, ConfigPatch, ConsistentConfig, CsvConfig, DispatchRule,
    EventFilter, FilterConfig, Finding, Findings, GlueSchemaRegistryConfig, IntegrityConfig, KafkaConfig,
    Kind, LargeMessageHandle, MemoryUsage, MounterConfig, MysqlConfig, OutputOldValue, ReplicaConfig, Rule,
    SchedulerConfig, Setting, Severity, SinkConfig, Sinks, Support, SyncedStatusConfig, default_config,
    kebab_from_snake, setting_at, settings, settings_reference, snake_from_kebab,
};
pub use duration::GoDuration;
pub use extension::{
    ChangefeedLive, DdlLive, ErrorHelp, FeedTable, FilterPreview, FilterPreviewRequest, FilterPreviewTable,
    LiveSnapshot, ServerInfo, StageLive, UpstreamFacts,
};
pub use json::read_json;
pub use request::{
    CreateChangefeed, DrainCapture, LogLevelRequest, PdBlock, ResolveLock, ResumeChangefeed, SyncedRequest,
    SyncedRequestConfig, SyncedRequestStatus, TsoRequest, UpdateChangefeed, VerifyTable,
};
pub use response::{
    ApiError, Capture, ChangefeedDetail, ChangefeedStatus, ChangefeedSummary, DetailError, Empty, List,
    MetaEntry, OwnerChangefeed, Processor, ProcessorDetail, RunningError, ServerStatus, SyncedStatus,
    TaskStatus, Tso, VerifiedTable, VerifyTableResult,
};
pub use series::{Series, SeriesMark, SeriesPoint};
pub use sink_uri::{DATABASE_PORT_DEFAULT, Scheme, SinkUri};
