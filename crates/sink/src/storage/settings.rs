//! From URI and config to [`StorageConfig`].

use std::path::PathBuf;
use std::time::Duration;

use tidegate_api::{CloudStorageConfig, SinkConfig};
use tidegate_codec::DateSeparator;
use tidegate_model::{ErrorCode, Result};

use super::config::StorageConfig;
use super::format;
use crate::opener::SinkSpec;
use crate::settings::{Settings, not_supported};

const FLUSH_INTERVAL_DEFAULT: Duration = Duration::from_secs(5);
const FLUSH_INTERVAL_MIN: Duration = Duration::from_secs(2);
const FLUSH_INTERVAL_MAX: Duration = Duration::from_secs(600);
const FILE_SIZE_DEFAULT: i64 = 64 << 20;
const FILE_SIZE_MIN: i64 = 1 << 20;
const FILE_SIZE_MAX: i64 = 512 << 20;
const FILE_INDEX_WIDTH: std::ops::RangeInclusive<i64> = 6..=20;
/// When the original removes expired files, unless told otherwise.
const CLEANUP_DEFAULT: &str = "0 0 2 * * *";
const PARAMETERS: [&str; 8] = [
    "protocol",
    "worker-count",
    "flush-interval",
    "file-size",
    "transaction-atomicity",
    "enable-tidb-extension",
    "content-compatible",
    "only-output-updated-columns",
];

/// Reads and checks the settings.
///
/// # Errors
/// `StorageSinkInvalidConfig` naming the setting, `SinkInvalidConfig` for the format's, `SinkUnknownProtocol`,
/// `NotSupported` for a setting whose function does not exist.
pub(crate) fn read(spec: &SinkSpec) -> Result<StorageConfig> {
    let settings = Settings {
        uri: &spec.uri,
        code: ErrorCode::StorageSinkInvalidConfig,
    };
    let sink = &spec.config.sink;
    let absent = CloudStorageConfig::default();
    let members = sink.cloud_storage_config.as_ref().unwrap_or(&absent);
    settings.only(&PARAMETERS)?;
    refuse_unbuilt(&settings, sink, members)?;
    let flush_interval = settings
        .duration(
            "flush-interval",
            members.flush_interval.as_deref(),
            FLUSH_INTERVAL_DEFAULT,
        )?
        .clamp(FLUSH_INTERVAL_MIN, FLUSH_INTERVAL_MAX);
    let file_size = settings
        .integer("file-size", members.file_size)?
        .unwrap_or(FILE_SIZE_DEFAULT);
    let file_size = usize::try_from(file_size.clamp(FILE_SIZE_MIN, FILE_SIZE_MAX))
        .map_err(|error| settings.error("file-size").with_source(error))?;
    let width = sink
        .file_index_width
        .filter(|width| FILE_INDEX_WIDTH.contains(width));
    let width = width.unwrap_or(*FILE_INDEX_WIDTH.end());
    Ok(StorageConfig {
        root: root(&settings)?,
        format: format::read(spec, &settings)?,
        flush_interval,
        file_size,
        memory_quota: usize::try_from(spec.config.memory_quota).unwrap_or(usize::MAX),
        file_index_width: usize::try_from(width)
            .map_err(|error| settings.error("file_index_width").with_source(error))?,
        date_separator: date_separator(sink)?,
        output_column_id: members.output_column_id.unwrap_or(false),
        output_raw_change_event: members.output_raw_change_event.unwrap_or(false),
        worker_count: settings.number("worker-count", members.worker_count, 16, 1..=512)?,
        time_zone: spec.time_zone.clone(),
    })
}

fn refuse_unbuilt(settings: &Settings<'_>, sink: &SinkConfig, members: &CloudStorageConfig) -> Result<()> {
    if sink.enable_partition_separator == Some(false) {
        return Err(not_supported(
            "sink.enable_partition_separator=false is not supported: a binlog does not tell partitions apart, so they \
             have no folders to leave out",
        ));
    }
    if settings.text("transaction-atomicity", sink.transaction_atomicity.as_deref()) == Some("table") {
        return Err(not_supported(
            "sink.transaction_atomicity=table is not supported with a file sink: a large transaction may go on in the \
             next file",
        ));
    }
    refuse_expiry(settings, members)
}

fn refuse_expiry(settings: &Settings<'_>, members: &CloudStorageConfig) -> Result<()> {
    let days = members.file_expiration_days.unwrap_or(0);
    if days < 0 {
        return Err(settings.error(format_args!(
            "file_expiration_days is {days}, it must not be negative"
        )));
    }
    if days > 0 {
        return Err(not_supported(
            "sink.cloud_storage_config.file_expiration_days is not supported: files are never removed",
        ));
    }
    if members
        .file_cleanup_cron_spec
        .as_deref()
        .is_some_and(|spec| !matches!(spec, "" | CLEANUP_DEFAULT))
    {
        return Err(not_supported(
            "sink.cloud_storage_config.file_cleanup_cron_spec is not supported: files are never removed",
        ));
    }
    if members.flush_concurrency.is_some_and(|parts| parts > 1) {
        return Err(not_supported(
            "sink.cloud_storage_config.flush_concurrency is not supported with a file sink: a file is one part",
        ));
    }
    Ok(())
}

fn root(settings: &Settings<'_>) -> Result<PathBuf> {
    let uri = settings.uri;
    if !uri.host().is_empty() {
        return Err(settings.error(format_args!(
            "the sink URI names the host {:?}: a local directory is written with three slashes, file:///dir",
            uri.host()
        )));
    }
    let path = PathBuf::from(uri.path());
    if !path.is_absolute() || path.parent().is_none() {
        return Err(settings.error("the sink URI must name a directory, file:///dir"));
    }
    Ok(path)
}

fn date_separator(sink: &SinkConfig) -> Result<DateSeparator> {
    let text = sink.date_separator.as_deref().unwrap_or("day").to_lowercase();
    match text.as_str() {
        "none" => Ok(DateSeparator::None),
        "year" => Ok(DateSeparator::Year),
        "month" => Ok(DateSeparator::Month),
        "day" => Ok(DateSeparator::Day),
        other => Err(format::invalid(format!(
            "date_separator is {other:?}, it must be none, year, month or day"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use tidegate_api::{ReplicaConfig, SinkUri};
    use tidegate_model::{ChangefeedId, Ts};

    use super::*;
    use crate::storage::config::Format;

    fn spec(uri: &str, change: impl FnOnce(&mut SinkConfig)) -> SinkSpec {
        let mut config = ReplicaConfig::default();
        change(&mut config.sink);
        SinkSpec {
            changefeed: ChangefeedId::new("default", "settings"),
            cluster_id: "default".to_owned(),
            incarnation: "1".to_owned(),
            uri: SinkUri::parse(uri).unwrap(),
            config,
            replicate_ts: Ts::ZERO,
            time_zone: TimeZone::UTC,
            on_trouble: crate::OnTrouble::default(),
        }
    }

    #[test]
    fn a_plain_uri_means_the_defaults() {
        let config = read(&spec("file:///data/out?protocol=CSV", |_| {})).unwrap();
        assert_eq!(config.root, PathBuf::from("/data/out"));
        assert_eq!(
            (config.flush_interval, config.file_size),
            (Duration::from_secs(5), 64 << 20)
        );
        assert_eq!((config.worker_count, config.file_index_width), (16, 20));
        assert_eq!(config.date_separator, DateSeparator::Day);
        assert!(matches!(config.format, Format::Csv(options) if options.terminator == "\r\n"));
    }

    #[test]
    fn values_out_of_bounds_are_cut() {
        let uri = "file:///d?protocol=canal-json&flush-interval=1ms&file-size=1&worker-count=9999&enable-tidb-extension=true";
        let config = read(&spec(uri, |_| {})).unwrap();
        assert_eq!(
            (config.flush_interval, config.file_size),
            (Duration::from_secs(2), 1 << 20)
        );
        assert_eq!(config.worker_count, 512);
        assert!(matches!(config.format, Format::CanalJson(options) if options.enable_tidb_extension));
    }

    fn check(uri: &str, change: fn(&mut SinkConfig), code: ErrorCode, expect: &str) {
        let error = read(&spec(uri, change)).unwrap_err();
        assert_eq!(error.code(), code, "{uri}: {error}");
        assert!(error.message().contains(expect), "{}", error.message());
    }

    #[test]
    fn mistakes_in_the_uri_are_named() {
        let storage = ErrorCode::StorageSinkInvalidConfig;
        check("file://d/x?protocol=csv", |_| {}, storage, "three slashes");
        check("file:///?protocol=csv", |_| {}, storage, "directory");
        check(
            "file:///d?protocol=csv&worker-count=0",
            |_| {},
            storage,
            "worker-count",
        );
        check(
            "file:///d?protocol=csv&flush-interval=x",
            |_| {},
            storage,
            "flush-interval",
        );
        check(
            "file:///d?protocol=csv&fluhs-interval=5s",
            |_| {},
            storage,
            "fluhs-interval",
        );
        check(
            "file:///d?protocol=avro",
            |_| {},
            ErrorCode::SinkUnknownProtocol,
            "avro",
        );
        check(
            "file:///d",
            |_| {},
            ErrorCode::SinkUnknownProtocol,
            "csv and canal-json",
        );
    }

    #[test]
    fn mistakes_in_the_config_are_named() {
        let csv = "file:///d?protocol=csv";
        let format = ErrorCode::SinkInvalidConfig;
        check(
            csv,
            |sink| sink.date_separator = Some("week".to_owned()),
            format,
            "date_separator",
        );
        check(
            csv,
            |sink| sink.csv.as_mut().unwrap().quote = ",".to_owned(),
            format,
            "share no character",
        );
        check(
            csv,
            |sink| sink.csv.as_mut().unwrap().delimiter = String::new(),
            format,
            "csv.delimiter",
        );
        check(
            csv,
            |sink| sink.delete_only_output_handle_key_columns = Some(true),
            format,
            "handle_key",
        );
        let expiry = |sink: &mut SinkConfig| {
            sink.cloud_storage_config = Some(CloudStorageConfig {
                file_expiration_days: Some(1),
                ..CloudStorageConfig::default()
            });
        };
        check(csv, expiry, ErrorCode::NotSupported, "file_expiration_days");
    }

    /// These were accepted and had no effect.
    #[test]
    fn settings_without_an_effect_are_refused() {
        let csv = "file:///d?protocol=csv";
        let not_built = ErrorCode::NotSupported;
        check(
            csv,
            |sink| sink.enable_partition_separator = Some(false),
            not_built,
            "enable_partition_separator",
        );
        check(
            csv,
            |sink| sink.transaction_atomicity = Some("table".to_owned()),
            not_built,
            "transaction_atomicity",
        );
        check(
            "file:///d?protocol=canal-json&transaction-atomicity=table",
            |_| {},
            not_built,
            "transaction_atomicity",
        );
        check(
            csv,
            |sink| sink.content_compatible = Some(true),
            not_built,
            "content-compatible",
        );
        for (query, code) in [
            ("enable-tidb-extension=true", not_built),
            ("only-output-updated-columns=1", not_built),
            ("content-compatible=banana", ErrorCode::StorageSinkInvalidConfig),
        ] {
            let name = query.split('=').next().unwrap();
            check(&format!("{csv}&{query}"), |_| {}, code, name);
        }
        let uri = format!("{csv}&enable-tidb-extension=false&transaction-atomicity=none");
        assert!(read(&spec(&uri, |_| {})).is_ok());
    }
}
