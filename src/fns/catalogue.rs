//! The tables of the upstream, kept for a moment: while rules are being typed the same tables are asked for again and
//! again, and reading ten thousand of them takes longer than trying the rules.

use std::sync::Arc;
use std::time::Duration;

use tidegate_api::{FilterPreviewRequest, FilterPreviewTable};
use tidegate_engine::ReplicationService;
use tidegate_model::Result;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How old the tables may be.
const AGE_MAX: Duration = Duration::from_secs(3);

/// When the tables were read, and the tables.
type Read = (Instant, Arc<[FilterPreviewTable]>);

/// The tables as they were read last.
#[derive(Default)]
pub(crate) struct Catalogue(Mutex<Option<Read>>);

impl Catalogue {
    /// The tables by name. Readers at the same time wait for one another and read them once.
    ///
    /// # Errors
    /// Those of the upstream.
    pub(crate) async fn tables(&self, service: &ReplicationService) -> Result<Arc<[FilterPreviewTable]>> {
        let mut read = self.0.lock().await;
        if let Some((at, tables)) = &*read
            && at.elapsed() < AGE_MAX
        {
            return Ok(Arc::clone(tables));
        }
        // No rules: the tables as they are.
        let preview = service.preview_filter(FilterPreviewRequest::default()).await?;
        let tables: Arc<[FilterPreviewTable]> = preview.tables.into();
        *read = Some((Instant::now(), Arc::clone(&tables)));
        Ok(tables)
    }
}
