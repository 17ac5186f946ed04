//! From URI and config to [`StorageConfig`].

use std::time::Duration;

use tidegate_api::{CloudStorageConfig, Scheme, SinkConfig};
use tidegate_codec::DateSeparator;
use tidegate_model::{ErrorCode, Result};

use super::config::{Expiry, StorageConfig, WORKERS_MAX};
use super::format;
use super::schedule::Schedule;
use super::store::Address;
use crate::opener::SinkSpec;
use crate::settings::{Settings, not_supported};

const FLUSH_INTERVAL_DEFAULT: Duration = Duration::from_secs(5);
const FLUSH_INTERVAL_MIN: Duration = Duration::from_secs(2);
const FLUSH_INTERVAL_MAX: Duration = Duration::from_secs(600);
const FILE_SIZE_DEFAULT: i64 = 64 << 20;
const FILE_SIZE_MIN: i64 = 1 << 20;
const FILE_SIZE_MAX: i64 = 512 << 20;
const FILE_INDEX_WIDTH: std::ops::RangeInclusive<i64> = 6..=20;
const FLUSH_CONCURRENCY: std::ops::RangeInclusive<i64> = 1..=512;
const WORKERS_DEFAULT: i64 = 16;
/// When expired files are removed, unless told otherwise.
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
    let address = Address::read(&settings, &PARAMETERS, flush_concurrency(&settings, members)?)?;
    refuse_unbuilt(&settings, sink)?;
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
        address,
        format: format::read(spec, &settings)?,
        flush_interval,
        file_size,
        memory_quota: usize::try_from(spec.config.memory_quota).unwrap_or(usize::MAX),
        file_index_width: usize::try_from(width)
            .map_err(|error| settings.error("file_index_width").with_source(error))?,
        date_separator: date_separator(sink)?,
        output_column_id: members.output_column_id.unwrap_or(false),
        output_raw_change_event: members.output_raw_change_event.unwrap_or(false),
        worker_count: settings.number(
            "worker-count",
            members.worker_count,
            WORKERS_DEFAULT,
            1..=i64::try_from(WORKERS_MAX).unwrap_or(i64::MAX),
        )?,
        expiry: expiry(&settings, members, date_separator(sink)?)?,
        time_zone: spec.time_zone.clone(),
        encode_in_place: false,
    })
}

fn refuse_unbuilt(settings: &Settings<'_>, sink: &SinkConfig) -> Result<()> {
    if settings.text("transaction-atomicity", sink.transaction_atomicity.as_deref()) == Some("table") {
        return Err(not_supported(
            "sink.transaction_atomicity=table is not supported with a storage sink: a large transaction may go on in \
             the next file",
        ));
    }
    Ok(())
}

/// Values out of range mean 1, as in the original. Only a bucket takes parts.
fn flush_concurrency(settings: &Settings<'_>, members: &CloudStorageConfig) -> Result<usize> {
    let parts = members
        .flush_concurrency
        .filter(|parts| FLUSH_CONCURRENCY.contains(parts))
        .unwrap_or(*FLUSH_CONCURRENCY.start());
    if parts > 1 && settings.uri.kind() == Scheme::File {
        return Err(not_supported(
            "sink.cloud_storage_config.flush_concurrency is not supported with a file sink: a file is one part",
        ));
    }
    usize::try_from(parts).map_err(|error| settings.error("flush_concurrency").with_source(error))
}

fn expiry(
    settings: &Settings<'_>,
    members: &CloudStorageConfig,
    date_separator: DateSeparator,
) -> Result<Option<Expiry>> {
    let spec = members.file_cleanup_cron_spec.as_deref().unwrap_or_default();
    let spec = if spec.is_empty() { CLEANUP_DEFAULT } else { spec };
    let schedule = Schedule::parse(spec).map_err(|why| {
        settings.error(format_args!(
            "file_cleanup_cron_spec {spec:?} cannot be used: {why}"
        ))
    })?;
    let days = members.file_expiration_days.unwrap_or(0);
    let days = u32::try_from(days).map_err(|_| {
        settings.error(format_args!(
            "file_expiration_days is {days}, it must be 0 (never) or a number of days"
        ))
    })?;
    if days == 0 {
        return Ok(None);
    }
    if date_separator != DateSeparator::Day {
        return Err(settings.error(
            "file_expiration_days needs date_separator=day: only files in the folder of a day are removed",
        ));
    }
    Ok(Some(Expiry { days, schedule }))
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
        assert_eq!(config.address, Address::Dir("/data/out".into()));
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
        let storage = ErrorCode::StorageSinkInvalidConfig;
        check(
            csv,
            |sink| sink.cloud_storage_config = expiry(-1, ""),
            storage,
            "file_expiration_days",
        );
        check(
            csv,
            |sink| sink.cloud_storage_config = expiry(0, "0 0 25 * * *"),
            storage,
            "file_cleanup_cron_spec",
        );
        check(
            csv,
            |sink| {
                sink.date_separator = Some("month".to_owned());
                sink.cloud_storage_config = expiry(1, "");
            },
            storage,
            "date_separator=day",
        );
    }

    fn expiry(days: i64, spec: &str) -> Option<CloudStorageConfig> {
        Some(CloudStorageConfig {
            file_expiration_days: Some(days),
            file_cleanup_cron_spec: Some(spec.to_owned()),
            ..CloudStorageConfig::default()
        })
    }

    #[test]
    fn an_expiry_that_can_work_is_taken() {
        let uri = "file:///d?protocol=csv";
        let config = read(&spec(uri, |sink| {
            sink.cloud_storage_config = expiry(3, "0 0 4 * *")
        }))
        .unwrap();
        assert_eq!(config.expiry.map(|expiry| expiry.days), Some(3));
        let config = read(&spec(uri, |sink| {
            sink.cloud_storage_config = expiry(0, "0 0 4 * *")
        }))
        .unwrap();
        assert!(config.expiry.is_none());
    }

    fn parts(parts: i64) -> impl Fn(&mut SinkConfig) {
        move |sink| {
            sink.cloud_storage_config = Some(CloudStorageConfig {
                flush_concurrency: Some(parts),
                ..CloudStorageConfig::default()
            });
        }
    }

    #[test]
    fn a_bucket_is_read_from_the_uri() {
        let uri = "s3://bucket/a/b/?protocol=csv&endpoint=http://h:9000/&access-key=A&secret-access-key=S";
        let Address::Bucket(bucket) = read(&spec(uri, parts(4))).unwrap().address else {
            panic!("a bucket");
        };
        assert_eq!(
            (
                bucket.bucket.as_str(),
                bucket.prefix.as_str(),
                bucket.flush_concurrency
            ),
            ("bucket", "a/b", 4)
        );
        assert_eq!(bucket.label, "s3://bucket/a/b at http://h:9000");
        assert!(!format!("{bucket:?}").contains("\"S\""), "{bucket:?}");
        for (uri, label) in [
            ("gs://b?protocol=csv", "gcs://b/"),
            (
                "azure://c/x?protocol=csv&account-name=a&account-key=k",
                "azblob://c/x",
            ),
        ] {
            let Address::Bucket(bucket) = read(&spec(uri, parts(9999))).unwrap().address else {
                panic!("a bucket");
            };
            assert_eq!((bucket.label.as_str(), bucket.flush_concurrency), (label, 1));
        }
    }

    #[test]
    fn mistakes_in_the_address_of_a_bucket_are_named() {
        let storage = ErrorCode::StorageSinkInvalidConfig;
        for (query, expect) in [
            ("access-key=A", "belong together"),
            ("session-token=T", "session-token needs"),
            ("sse=x", "AES256"),
            ("sse-kms-key-id=x", "aws:kms"),
            ("endpoint=ftp://h", "endpoint must be"),
            ("endpoint=http://u:p@h", "endpoint must be"),
            ("force-path-style=banana", "force-path-style"),
            ("use-accelerate-endpoint=true&endpoint=http://h", "exclude"),
            ("account-name=a", "account-name"),
        ] {
            check(&format!("s3://b/p?protocol=csv&{query}"), |_| {}, storage, expect);
        }
        check("s3:///p?protocol=csv", |_| {}, storage, "no bucket");
        check(
            "s3://u:p@b/p?protocol=csv",
            |_| {},
            storage,
            "credentials and endpoint",
        );
        check("s3://b/a//b?protocol=csv", |_| {}, storage, "no store can name");
        check(
            "azblob://c?protocol=csv&account-key=k",
            |_| {},
            storage,
            "need account-name",
        );
    }

    #[test]
    fn parameters_of_the_original_that_do_not_work_are_refused() {
        let refused = ErrorCode::NotSupported;
        for (uri, name) in [
            ("s3://b/p?acl=private", "acl"),
            ("s3://b/p?role-arn=r", "role-arn"),
            ("s3://b/p?external-id=x", "external-id"),
            ("s3://b/p?provider=netease", "provider"),
            ("gcs://b/p?predefined-acl=x", "predefined-acl"),
            ("azblob://b/p?encryption-scope=x", "encryption-scope"),
        ] {
            check(&format!("{uri}&protocol=csv"), |_| {}, refused, name);
        }
        check(
            "file:///d?protocol=csv",
            |sink| parts(2)(sink),
            refused,
            "flush_concurrency",
        );
    }

    /// These were accepted and had no effect.
    #[test]
    fn settings_without_an_effect_are_refused() {
        let csv = "file:///d?protocol=csv";
        let not_built = ErrorCode::NotSupported;
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
