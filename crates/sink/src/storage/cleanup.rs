//! Removing the files of days that are over.
//!
//! Only files of our own in the folder of a day are removed, and folders only when nothing is left in them: what
//! somebody else put there stays, and so do schema files, which later rows may need.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use tidegate_codec::{DateSeparator, Zone, index_file, is_data_file_name};
use tidegate_model::{Clock, Result, Ts};
use tokio::time::sleep;

use super::config::Expiry;
use super::store::Store;

/// A sleep ends after this time at the latest: the clock may have been set meanwhile.
const SLEEP_MAX: Duration = Duration::from_secs(60);
const DAY_MS: u64 = 86_400_000;

/// Everything the task needs.
pub(super) struct Cleanup {
    pub(super) store: Arc<dyn Store>,
    pub(super) expiry: Expiry,
    pub(super) time_zone: TimeZone,
    pub(super) clock: Arc<dyn Clock>,
    /// The changefeed's checkpoint; 0 until it is known.
    pub(super) checkpoint: Arc<AtomicU64>,
}

impl Cleanup {
    /// Cleans up at every point of the schedule, until it is dropped. What cannot be removed is tried again at the
    /// next point; it is no reason to stop the changefeed.
    pub(super) async fn run(self) -> Result<()> {
        loop {
            let Some(next) = self.expiry.schedule.next(&self.now()) else {
                return std::future::pending().await;
            };
            loop {
                let left = next.timestamp().duration_since(Timestamp::from(&self.now()));
                match Duration::try_from(left) {
                    Ok(left) if !left.is_zero() => sleep(left.min(SLEEP_MAX)).await,
                    _ => break,
                }
            }
            match self.clean().await {
                Ok(0) => {}
                Ok(removed) => tracing::info!(removed, "removed files of days that are over"),
                Err(error) => tracing::warn!(%error, "could not remove the files of days that are over"),
            }
        }
    }

    fn now(&self) -> Zoned {
        let ms = i64::try_from(self.clock.unix_ms()).unwrap_or(i64::MAX);
        let at = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX);
        at.to_zoned(self.time_zone.clone())
    }

    /// Removes what is over; answers how many files.
    pub(super) async fn clean(&self) -> Result<usize> {
        let Some(first_kept) = self.first_kept_day() else {
            return Ok(0);
        };
        let mut removed = 0;
        for schema in self.dirs_in("").await? {
            for table in self.dirs_in(&schema).await? {
                for version in self.dirs_in(&table).await? {
                    if !last_name(&version).bytes().all(|byte| byte.is_ascii_digit()) {
                        continue;
                    }
                    for day in self.dirs_in(&version).await? {
                        if is_day(last_name(&day)) && last_name(&day) < first_kept.as_str() {
                            removed += self.clean_day(&day).await?;
                        }
                    }
                }
            }
        }
        Ok(removed)
    }

    fn first_kept_day(&self) -> Option<String> {
        let checkpoint = Ts::from_u64(self.checkpoint.load(Ordering::Relaxed));
        let age_ms = u64::from(self.expiry.days) * DAY_MS;
        let at = checkpoint.physical_ms().checked_sub(age_ms)?;
        let mut zone = Zone::new(self.time_zone.clone());
        DateSeparator::Day.format(zone.date_of_ms(at))
    }

    async fn dirs_in(&self, dir: &str) -> Result<Vec<String>> {
        let mut dirs = self.store.list(dir.to_owned()).await?.dirs;
        dirs.sort();
        let below = |name: String| {
            if dir.is_empty() {
                name
            } else {
                format!("{dir}/{name}")
            }
        };
        Ok(dirs.into_iter().map(below).collect())
    }

    /// The index goes last: as long as it is there, the numbers of the files are known.
    async fn clean_day(&self, day: &str) -> Result<usize> {
        let mut removed = 0;
        for name in self.store.list(day.to_owned()).await?.files {
            if is_data_file_name(&name) {
                self.store.remove(format!("{day}/{name}")).await?;
                removed += 1;
            }
        }
        let (index, _) = index_file("");
        self.store.remove(format!("{day}/{index}")).await?;
        self.store.remove_empty_dir(format!("{day}/meta")).await?;
        self.store.remove_empty_dir(day.to_owned()).await?;
        Ok(removed)
    }
}

fn last_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// `2024-05-01`
fn is_day(name: &str) -> bool {
    name.len() == 10
        && name.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}
