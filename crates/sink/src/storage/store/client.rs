//! Clients of object stores.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::{Attribute, Attributes, BackoffConfig, ClientOptions, ObjectStore, RetryConfig};
use reqwest::header::HeaderValue;
use tidegate_api::Scheme;
use tidegate_model::Result;

use super::address::BucketAddress;
use super::error::Faults;

/// How long an answer is waited for.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// For people who wait for the answer: a wrong address is told within seconds.
    Short,
    /// For a run: hiccups are sat out.
    Long,
}

/// A client, and what belongs to it.
pub(super) struct Client {
    pub(super) store: Arc<dyn ObjectStore>,
    /// What each object is stored with.
    pub(super) attributes: Attributes,
    /// Whether the store heeds conditions; `false` until it has proved it.
    pub(super) conditional: Arc<AtomicBool>,
}

/// Makes a client. Connects to nobody.
///
/// # Errors
/// `ExternalStorageAPI` for credentials or addresses that cannot be used.
pub(super) fn connect(address: &BucketAddress, patience: Patience, faults: &Faults) -> Result<Client> {
    // Whoever was first decides for the process; all of Tidegate uses this one.
    drop(tokio_rustls::rustls::crypto::ring::default_provider().install_default());
    let conditional = Arc::new(AtomicBool::new(false));
    let connector = Connector {
        conditional: Arc::clone(&conditional),
        header: match address.kind {
            Scheme::Gcs => ("x-goog-if-generation-match", "0"),
            _ => ("if-none-match", "*"),
        },
    };
    let built = match address.kind {
        Scheme::Gcs => gcs(address)
            .with_retry(retry(patience))
            .with_client_options(options(address, patience))
            .with_http_connector(connector)
            .build()
            .map(|store| Arc::new(store) as Arc<dyn ObjectStore>),
        Scheme::Azure => azure(address)
            .with_retry(retry(patience))
            .with_client_options(options(address, patience))
            .with_http_connector(connector)
            .build()
            .map(|store| Arc::new(store) as Arc<dyn ObjectStore>),
        _ => s3(address)
            .with_retry(retry(patience))
            .with_client_options(options(address, patience))
            .with_http_connector(connector)
            .build()
            .map(|store| Arc::new(store) as Arc<dyn ObjectStore>),
    };
    Ok(Client {
        store: built.map_err(|error| faults.error("set up the client of", "", &error))?,
        attributes: attributes(address),
        conditional,
    })
}

fn s3(address: &BucketAddress) -> AmazonS3Builder {
    // Credentials of the environment are not mixed with those of the URI.
    let mut builder = match (
        address.parameter("access-key"),
        address.parameter("secret-access-key"),
    ) {
        (Some(id), Some(secret)) => {
            let builder = AmazonS3Builder::new()
                .with_access_key_id(id)
                .with_secret_access_key(secret);
            match address.parameter("session-token") {
                Some(token) => builder.with_token(token),
                None => builder,
            }
        }
        _ => AmazonS3Builder::from_env(),
    };
    // Some stores want a checksum with the request for many, and files go one by one anyway.
    builder = builder
        .with_bucket_name(&address.bucket)
        .with_disable_bulk_delete(true);
    if let Some(region) = address.parameter("region") {
        builder = builder.with_region(region);
    }
    let is_on = |name| {
        matches!(
            address.parameter(name),
            Some("1" | "t" | "T" | "TRUE" | "true" | "True")
        )
    };
    let path_style = match address.parameter("force-path-style") {
        None => address.parameter("provider") != Some("alibaba"),
        Some(_) => is_on("force-path-style"),
    };
    builder = builder.with_virtual_hosted_style_request(!path_style);
    if let Some(endpoint) = address.parameter("endpoint") {
        let endpoint = endpoint.trim_end_matches('/');
        builder = builder.with_endpoint(if path_style {
            endpoint.to_owned()
        } else {
            with_bucket(endpoint, &address.bucket)
        });
    } else if is_on("use-accelerate-endpoint") {
        let endpoint = format!("https://{}.s3-accelerate.amazonaws.com", address.bucket);
        builder = builder
            .with_virtual_hosted_style_request(true)
            .with_endpoint(endpoint);
    }
    let encryption = match (address.parameter("sse"), address.parameter("sse-kms-key-id")) {
        (Some("aws:kms"), Some(key)) => return builder.with_sse_kms_encryption(key),
        (encryption, _) => encryption,
    };
    if let (Some(value), Ok(key)) = (
        encryption,
        "aws_server_side_encryption".parse::<AmazonS3ConfigKey>(),
    ) {
        builder = builder.with_config(key, value);
    }
    builder
}

/// `https://host` as `https://bucket.host`.
fn with_bucket(endpoint: &str, bucket: &str) -> String {
    match endpoint.split_once("://") {
        Some((scheme, host)) => format!("{scheme}://{bucket}.{host}"),
        None => endpoint.to_owned(),
    }
}

fn gcs(address: &BucketAddress) -> GoogleCloudStorageBuilder {
    let mut builder = match address.parameter("credentials-file") {
        Some(path) => GoogleCloudStorageBuilder::new().with_application_credentials(path),
        None => GoogleCloudStorageBuilder::from_env(),
    };
    if let Some(endpoint) = address.parameter("endpoint") {
        builder = builder.with_base_url(endpoint.trim_end_matches('/'));
    }
    builder.with_bucket_name(&address.bucket)
}

fn azure(address: &BucketAddress) -> MicrosoftAzureBuilder {
    let mut builder = match address.parameter("account-name") {
        Some(account) => MicrosoftAzureBuilder::new().with_account(account),
        None => MicrosoftAzureBuilder::from_env(),
    };
    if let Some(key) = address.parameter("account-key") {
        builder = builder.with_access_key(key);
    }
    if let Some(token) = address.parameter("sas-token") {
        builder = builder.with_config(object_store::azure::AzureConfigKey::SasKey, token);
    }
    if let Some(key) = address.parameter("encryption-key") {
        builder = builder.with_encryption_key(key);
    }
    if let Some(endpoint) = address.parameter("endpoint") {
        builder = builder.with_endpoint(endpoint.trim_end_matches('/').to_owned());
    }
    builder.with_container_name(&address.bucket)
}

fn attributes(address: &BucketAddress) -> Attributes {
    let class = match address.kind {
        Scheme::Azure => "access-tier",
        _ => "storage-class",
    };
    address
        .parameter(class)
        .map(|class| (Attribute::StorageClass, class.to_owned()))
        .into_iter()
        .collect()
}

fn options(address: &BucketAddress, patience: Patience) -> ClientOptions {
    let plain = address
        .parameter("endpoint")
        .is_some_and(|endpoint| endpoint.starts_with("http://"));
    let (connect, request) = match patience {
        Patience::Short => (Duration::from_secs(3), Duration::from_secs(5)),
        Patience::Long => (Duration::from_secs(5), Duration::from_secs(60)),
    };
    ClientOptions::new()
        .with_allow_http(plain)
        .with_connect_timeout(connect)
        .with_timeout(request)
}

fn retry(patience: Patience) -> RetryConfig {
    let (max_retries, limit) = match patience {
        Patience::Short => (1, Duration::from_secs(4)),
        Patience::Long => (6, Duration::from_secs(20)),
    };
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(5),
            base: 2.0,
        },
        max_retries,
        retry_timeout: limit,
    }
}

/// Makes connections whose requests to put an upload together also say that no object may be replaced: the library
/// has no word for that.
#[derive(Debug)]
struct Connector {
    conditional: Arc<AtomicBool>,
    header: (&'static str, &'static str),
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let inner = ReqwestConnector::default().connect(options)?;
        Ok(HttpClient::new(Conditional {
            inner,
            conditional: Arc::clone(&self.conditional),
            header: self.header,
        }))
    }
}

#[derive(Debug)]
struct Conditional {
    inner: HttpClient,
    conditional: Arc<AtomicBool>,
    header: (&'static str, &'static str),
}

impl HttpService for Conditional {
    // What the `async_trait` of the library's trait expands to.
    fn call<'life0, 'async_trait>(
        &'life0 self,
        mut request: HttpRequest,
    ) -> BoxFuture<'async_trait, Result<HttpResponse, HttpError>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        if self.conditional.load(Ordering::Relaxed) && puts_together(&request) {
            request
                .headers_mut()
                .insert(self.header.0, HeaderValue::from_static(self.header.1));
        }
        Box::pin(self.inner.execute(request))
    }
}

fn puts_together(request: &HttpRequest) -> bool {
    let query = request.uri().query().unwrap_or_default();
    let has = |wanted: &str| {
        query.split('&').any(|pair| {
            pair == wanted
                || pair
                    .strip_prefix(wanted)
                    .is_some_and(|rest| rest.starts_with('='))
        })
    };
    match request.method().as_str() {
        "POST" => has("uploadId"),
        "PUT" => has("comp=blocklist"),
        _ => false,
    }
}
