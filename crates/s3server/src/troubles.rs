//! What can be wrong with a store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use s3s::access::{S3Access, S3AccessContext};
use s3s::dto::PutObjectInput;
use s3s::{HttpRequest, HttpResponse, S3Request, S3Result};

use crate::server::BUCKET;

/// Switches, which may be turned at any time. All off at first.
#[derive(Debug, Default)]
pub struct Troubles {
    refuse_writes: AtomicU16,
    delay_ms: AtomicU64,
    lose_answers: AtomicUsize,
    no_conditions: AtomicBool,
    parts: AtomicUsize,
    parts_at_once: AtomicUsize,
    parts_at_once_max: AtomicUsize,
}

impl Troubles {
    /// Every write is answered with this status, for example 403 (denied) or 507 (full). 0: no more.
    pub fn refuse_writes(&self, status: u16) {
        self.refuse_writes.store(status, Ordering::SeqCst);
    }

    /// Every answer comes so much later.
    pub fn delay(&self, delay: Duration) {
        let ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.delay_ms.store(ms, Ordering::SeqCst);
    }

    /// The next `count` writes of data files are done, but their answers get lost with the connection.
    pub fn lose_answers(&self, count: usize) {
        self.lose_answers.store(count, Ordering::SeqCst);
    }

    /// Conditions are passed over, as by stores that do not know them.
    pub fn ignore_conditions(&self) {
        self.no_conditions.store(true, Ordering::SeqCst);
    }

    /// Parts of uploads received.
    pub fn parts(&self) -> usize {
        self.parts.load(Ordering::SeqCst)
    }

    /// The most parts that were received at the same time.
    pub fn parts_at_once_max(&self) -> usize {
        self.parts_at_once_max.load(Ordering::SeqCst)
    }

    pub(crate) async fn before(&self, request: &HttpRequest) -> Option<HttpResponse> {
        let delay = self.delay_ms.load(Ordering::SeqCst);
        if delay > 0 {
            tokio::time::sleep(Duration::from_millis(delay)).await;
        }
        let path = request.uri().path().trim_start_matches('/');
        if path.split('/').next() != Some(BUCKET) {
            return Some(refusal(404));
        }
        let status = self.refuse_writes.load(Ordering::SeqCst);
        (status != 0 && is_write(request)).then(|| refusal(status))
    }

    /// Counts a part as long as the answer lives.
    pub(crate) fn part<'a>(&'a self, request: &HttpRequest) -> Option<PartUnderWay<'a>> {
        let is_part = request
            .uri()
            .query()
            .is_some_and(|query| query.contains("partNumber="));
        is_part.then(|| {
            self.parts.fetch_add(1, Ordering::SeqCst);
            let now = self.parts_at_once.fetch_add(1, Ordering::SeqCst) + 1;
            self.parts_at_once_max.fetch_max(now, Ordering::SeqCst);
            PartUnderWay(self)
        })
    }

    /// Whether the answer to this request gets lost.
    pub(crate) fn loses(&self, method: &str, path: &str) -> bool {
        let is_data = path
            .rsplit('/')
            .next()
            .is_some_and(|name| name.starts_with("CDC0"));
        let take = |left: usize| left.checked_sub(1);
        matches!(method, "PUT" | "POST")
            && is_data
            && self
                .lose_answers
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, take)
                .is_ok()
    }
}

pub(crate) struct PartUnderWay<'a>(&'a Troubles);

impl Drop for PartUnderWay<'_> {
    fn drop(&mut self) {
        self.0.parts_at_once.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Takes the conditions out of requests whose signature has been checked.
pub(crate) struct Conditions(pub(crate) Arc<Troubles>);

#[async_trait::async_trait]
impl S3Access for Conditions {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        match context.credentials() {
            Some(_) => Ok(()),
            None => Err(s3s::s3_error!(AccessDenied, "a signature is required")),
        }
    }

    async fn put_object(&self, request: &mut S3Request<PutObjectInput>) -> S3Result<()> {
        if self.0.no_conditions.load(Ordering::SeqCst) {
            request.input.if_none_match = None;
            request.input.if_match = None;
        }
        Ok(())
    }
}

fn is_write(request: &HttpRequest) -> bool {
    matches!(request.method().as_str(), "PUT" | "POST" | "DELETE")
}

fn refusal(status: u16) -> HttpResponse {
    let code = match status {
        403 => "AccessDenied",
        404 => "NoSuchBucket",
        507 => "XMinioStorageFull",
        503 => "SlowDown",
        _ => "InternalError",
    };
    let body = format!("<Error><Code>{code}</Code><Message>refused by the test</Message></Error>");
    let mut response = HttpResponse::new(body.into_bytes().into());
    *response.status_mut() = status.try_into().unwrap_or_default();
    response
}
