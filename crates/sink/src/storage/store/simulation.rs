//! The sink over a place that a simulation brings.
//!
//! Settings, workers, encoding, cutting, names, schema files, the index, acknowledgements and `metadata` are those of the
//! real sink; so are the order of calls to a disk, and claims, conditions and lost answers of a bucket.

use std::sync::Arc;

use futures::future::BoxFuture;
use object_store::Attributes;
use object_store::ObjectStore;
use tidegate_model::{Clock, Result};

use super::bucket::BucketStore;
use super::client::Client;
use super::disk::Disk;
use super::local::{CallPlace, Calls};
use super::{Address, Opened};
use crate::opener::SinkSpec;
use crate::sink::EventSink;
use crate::storage::lease::Lease;
use crate::storage::metrics::StorageMetrics;
use crate::storage::storage_sink::StorageSink;
use crate::storage::{holder, settings};

/// Stands before every call to a disk.
pub type Pause = Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// Where the files go.
pub enum Place {
    /// The directory of a `file` URI, on this disk.
    Disk(Arc<dyn Disk>, Pause),
    /// The bucket of an `s3` URI.
    Bucket(Arc<dyn ObjectStore>),
}

/// Opens the sink of `spec` over `place`. `file_size`: bytes, may be smaller than a setting can be.
///
/// # Errors
/// Those of the settings and of the place. A place of another kind than the URI's is an invariant.
pub async fn open(
    spec: &SinkSpec,
    place: Place,
    clock: Arc<dyn Clock>,
    file_size: usize,
) -> Result<Arc<dyn EventSink>> {
    let mut config = settings::read(spec)?;
    config.file_size = file_size;
    config.encode_in_place = true;
    let holder = holder(spec);
    let opened = match (place, &config.address) {
        (Place::Disk(disk, pause), Address::Dir(root)) => {
            let place = CallPlace::Here(pause);
            super::open_dir(Calls { disk, place }, root.clone(), &holder).await?
        }
        (Place::Bucket(store), Address::Bucket(address)) => {
            let client = Client {
                store,
                attributes: Attributes::default(),
                conditional: Arc::default(),
            };
            let lease = Lease::acquire(&address.label, &holder.changefeed).await?;
            let store = BucketStore::take_over(client, address, &holder, Arc::clone(&lease)).await?;
            Opened {
                store: Arc::new(store),
                lease,
            }
        }
        _ => unreachable!("the place fits the URI"),
    };
    let metrics = StorageMetrics::of(&spec.changefeed);
    Ok(Arc::new(StorageSink::start(opened, config, clock, metrics)))
}
