//! From the sink URI to the place of the files.

use std::collections::BTreeMap;
use std::path::PathBuf;

use tidegate_api::Scheme;
use tidegate_model::Result;

use crate::settings::{Settings, not_supported};

/// Where the files are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// Absolute directory below which all files live.
    Dir(PathBuf),
    /// A bucket or container.
    Bucket(BucketAddress),
}

/// A bucket, and how it is reached.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct BucketAddress {
    /// S3, GCS or Azure.
    pub(crate) kind: Scheme,
    pub(crate) bucket: String,
    /// What stands before the name of each file, without `/` at its ends; may be empty.
    pub(crate) prefix: String,
    /// Names the place in messages and tells it from others.
    pub(crate) label: String,
    /// The parameters of the URI for this kind of store.
    pub(crate) parameters: BTreeMap<&'static str, String>,
    /// Parts of a large file that are sent side by side.
    pub(crate) flush_concurrency: usize,
}

/// Without the values: some are secrets.
impl std::fmt::Debug for BucketAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BucketAddress")
            .field("label", &self.label)
            .field("parameters", &self.parameters.keys())
            .finish_non_exhaustive()
    }
}

/// What a kind of store understands, and what of the original's parameters it does not.
struct Parameters {
    known: &'static [&'static str],
    refused: &'static [(&'static str, &'static str)],
}

const NO_PARAMETERS: Parameters = Parameters {
    known: &[],
    refused: &[],
};
const S3: Parameters = Parameters {
    known: &[
        "access-key",
        "secret-access-key",
        "session-token",
        "endpoint",
        "region",
        "force-path-style",
        "use-accelerate-endpoint",
        "storage-class",
        "sse",
        "sse-kms-key-id",
        "provider",
    ],
    refused: &[
        (
            "acl",
            "set the bucket's default, or its policy: new buckets take no ACLs",
        ),
        (
            "role-arn",
            "give the server the role itself: web identity, container and instance roles are taken from the environment",
        ),
        ("external-id", "it belongs to role-arn"),
    ],
};
const GCS: Parameters = Parameters {
    known: &["credentials-file", "endpoint", "storage-class"],
    refused: &[("predefined-acl", "set the bucket's default object ACL")],
};
const AZURE: Parameters = Parameters {
    known: &[
        "account-name",
        "account-key",
        "sas-token",
        "endpoint",
        "access-tier",
        "encryption-key",
    ],
    refused: &[("encryption-scope", "set the container's default encryption scope")],
};

fn parameters(kind: Scheme) -> &'static Parameters {
    match kind {
        Scheme::S3 => &S3,
        Scheme::Gcs => &GCS,
        Scheme::Azure => &AZURE,
        _ => &NO_PARAMETERS,
    }
}

impl Address {
    /// Reads the place. `sink_parameters` are those that belong to no kind of store.
    ///
    /// # Errors
    /// The code of the settings for a wrong or unknown part, `NotSupported` for a parameter whose function does not
    /// exist.
    pub(crate) fn read(
        settings: &Settings<'_>,
        sink_parameters: &[&str],
        flush_concurrency: usize,
    ) -> Result<Address> {
        let kind = settings.uri.kind();
        let store = parameters(kind);
        for (name, remedy) in store.refused {
            if settings.uri.param(name).is_some_and(|value| !value.is_empty()) {
                return Err(not_supported(format_args!("{name} is not supported: {remedy}")));
            }
        }
        let refused = store.refused.iter().map(|(name, _)| *name);
        let known: Vec<&str> = store
            .known
            .iter()
            .copied()
            .chain(refused)
            .chain(sink_parameters.iter().copied())
            .collect();
        settings.only(&known)?;
        if kind == Scheme::File {
            return directory(settings).map(Address::Dir);
        }
        let given = |name: &&'static str| {
            let value = settings.uri.param(name).filter(|value| !value.is_empty())?;
            Some((*name, value.to_owned()))
        };
        let address = bucket(
            settings,
            store.known.iter().filter_map(given).collect(),
            flush_concurrency,
        )?;
        match kind {
            Scheme::S3 => check_s3(settings, &address)?,
            Scheme::Azure => check_azure(settings, &address)?,
            _ => {}
        }
        Ok(Address::Bucket(address))
    }
}

impl BucketAddress {
    /// A parameter that is given and not empty.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }
}

fn directory(settings: &Settings<'_>) -> Result<PathBuf> {
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

fn bucket(
    settings: &Settings<'_>,
    parameters: BTreeMap<&'static str, String>,
    flush_concurrency: usize,
) -> Result<BucketAddress> {
    let uri = settings.uri;
    if uri.host().is_empty() {
        return Err(settings.error(format_args!(
            "the sink URI names no bucket: write {}://bucket/prefix",
            uri.scheme()
        )));
    }
    if uri.user().is_some() || uri.port().is_some() {
        return Err(settings.error(format_args!(
            "the sink URI must be {}://bucket/prefix: credentials and endpoint are parameters",
            uri.scheme()
        )));
    }
    let prefix = uri.path().trim_matches('/').to_owned();
    let is_odd =
        |part: &str| part.is_empty() || matches!(part, "." | "..") || part.chars().any(char::is_control);
    if !prefix.is_empty() && prefix.split('/').any(is_odd) {
        return Err(settings.error(format_args!(
            "the prefix {prefix:?} of the sink URI has a part that no store can name"
        )));
    }
    let place = match uri.kind() {
        Scheme::Gcs => "gcs",
        Scheme::Azure => "azblob",
        _ => "s3",
    };
    let mut label = format!("{place}://{}/{prefix}", uri.host());
    if let Some(endpoint) = parameters.get("endpoint") {
        check_endpoint(settings, endpoint)?;
        label.push_str(" at ");
        label.push_str(endpoint.trim_end_matches('/'));
    }
    Ok(BucketAddress {
        kind: uri.kind(),
        bucket: uri.host().to_owned(),
        prefix,
        label,
        parameters,
        flush_concurrency,
    })
}

/// It is shown in messages, so nothing secret may be in it.
fn check_endpoint(settings: &Settings<'_>, endpoint: &str) -> Result<()> {
    let address = endpoint
        .strip_prefix("http://")
        .or_else(|| endpoint.strip_prefix("https://"));
    match address {
        Some(address) if !address.is_empty() && !address.contains(['@', '?', '#', ' ']) => Ok(()),
        _ => Err(settings.error("endpoint must be http://host:port or https://host:port")),
    }
}

fn check_s3(settings: &Settings<'_>, address: &BucketAddress) -> Result<()> {
    let has = |name| address.parameter(name).is_some();
    if has("access-key") != has("secret-access-key") {
        return Err(settings.error("access-key and secret-access-key belong together: give both or none"));
    }
    if has("session-token") && !has("access-key") {
        return Err(settings.error("session-token needs access-key and secret-access-key"));
    }
    match address.parameter("sse") {
        None | Some("AES256" | "aws:kms") => {}
        Some(other) => {
            return Err(settings.error(format_args!("sse is {other:?}, it must be AES256 or aws:kms")));
        }
    }
    if has("sse-kms-key-id") && address.parameter("sse") != Some("aws:kms") {
        return Err(settings.error("sse-kms-key-id needs sse=aws:kms"));
    }
    settings.switch("force-path-style", None, true)?;
    let accelerate = settings.switch("use-accelerate-endpoint", None, false)?;
    if accelerate && has("endpoint") {
        return Err(settings.error("use-accelerate-endpoint and endpoint exclude each other"));
    }
    match address.parameter("provider") {
        None | Some("aws" | "minio" | "ceph" | "other") => Ok(()),
        Some("alibaba") if has("access-key") && has("endpoint") => Ok(()),
        Some("alibaba") => {
            Err(settings.error("provider=alibaba needs endpoint, access-key and secret-access-key"))
        }
        Some(other) => Err(not_supported(format_args!(
            "provider {other:?} is not supported; supported are aws, minio, ceph, alibaba and other"
        ))),
    }
}

fn check_azure(settings: &Settings<'_>, address: &BucketAddress) -> Result<()> {
    let has = |name| address.parameter(name).is_some();
    if (has("account-key") || has("sas-token")) && !has("account-name") {
        return Err(settings.error("account-key and sas-token need account-name"));
    }
    if has("account-key") && has("sas-token") {
        return Err(settings.error("account-key and sas-token exclude each other"));
    }
    Ok(())
}
