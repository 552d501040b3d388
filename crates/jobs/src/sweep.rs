//! Deletes what nobody needs any more: jobs that were kept for long enough, and blobs that no job names.

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
    path::PathBuf,
    time::{Duration, Instant},
};

use jiff::Timestamp;

use crate::{BlobError, BlobKey, BlobStore, JobId, JobStore, Sight, Status, StoreError, blobs::StoredBlob};

/// For how long, and how many, finished jobs are kept with their pictures; `None` sets no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// How long jobs are kept that succeeded.
    pub succeeded: Option<Duration>,
    /// How long jobs are kept that failed or were canceled.
    pub failed: Option<Duration>,
    /// Finished jobs at the most; those that ended first go first.
    pub most_jobs: Option<u64>,
    /// Bytes of all blobs of finished jobs at the most; the jobs that ended first go first.
    pub most_bytes: Option<u64>,
}

/// Why a sweep ended early. What it had found by then is deleted.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The job store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The blob store failed.
    #[error(transparent)]
    Blobs(#[from] BlobError),
}

/// What a sweep deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Jobs, with all of their blobs.
    pub jobs: u64,
    /// Blobs that no job named, and files of uploads that were never finished.
    pub litter: u64,
}

/// Sweeps the stores now and then.
#[derive(Debug)]
pub struct Sweeper {
    jobs: JobStore,
    blobs: BlobStore,
    retention: Retention,
    litter_age: Duration,
    /// Since when a blob is known that no job names.
    unnamed: HashMap<BlobKey, Instant>,
    /// Since when a file or an empty folder is known that an upload may have left.
    leftovers: HashMap<PathBuf, Instant>,
}

impl Sweeper {
    /// A sweeper that deletes what it has known to be litter for `litter_age`. That has to be longer than a request may take
    /// from its first image to its job's row: until then nobody names them. Age is told by this process's own clock, not by
    /// the files' times, which a step of the wall clock would turn into anything.
    pub fn new(jobs: JobStore, blobs: BlobStore, retention: Retention, litter_age: Duration) -> Self {
        Self { jobs, blobs, retention, litter_age, unnamed: HashMap::new(), leftovers: HashMap::new() }
    }

    /// Deletes what has been kept for long enough, and litter; lets the job store forget what is past.
    ///
    /// # Errors
    /// When one of the stores fails.
    pub async fn sweep(&mut self) -> Result<Swept, SweepError> {
        // Listed before the jobs are asked for: a blob that is named meanwhile is found named.
        let stored = self.blobs.list().await?;
        let expired = self.expired(&stored).await?;
        for &job in &expired {
            self.jobs.delete(job, &Sight::All).await?;
            self.blobs.delete_job(job).await?;
        }
        self.jobs.forget_what_is_past().await?;
        let litter = self.delete_unnamed(&stored).await? + self.delete_leftovers().await?;
        Ok(Swept { jobs: expired.len() as u64, litter })
    }

    async fn expired(&self, stored: &[StoredBlob]) -> Result<HashSet<JobId>, StoreError> {
        let Retention { succeeded, failed, most_jobs, most_bytes } = self.retention;
        let mut expired = HashSet::new();
        for (statuses, kept_for) in
            [(&[Status::Succeeded][..], succeeded), (&[Status::Failed, Status::Canceled][..], failed)]
        {
            // A time before the calendar's begin keeps everything.
            if let Some(before) = kept_for.and_then(|kept_for| Timestamp::now().checked_sub(kept_for).ok()) {
                expired.extend(self.jobs.finished(statuses, Some(before)).await?);
            }
        }
        let mut sizes = HashMap::<_, u64>::new();
        for blob in stored {
            *sizes.entry(blob.job).or_default() += blob.bytes;
        }
        let all = [Status::Succeeded, Status::Failed, Status::Canceled];
        let finished = self.jobs.finished(&all, None).await?;
        let (mut jobs, mut bytes) = (0, 0);
        for job in finished.into_iter().rev().filter(|job| !expired.contains(job)).collect::<Vec<_>>() {
            jobs += 1;
            bytes += sizes.get(&job).copied().unwrap_or_default();
            if most_jobs.is_some_and(|most| jobs > most) || most_bytes.is_some_and(|most| bytes > most) {
                expired.insert(job);
            }
        }
        Ok(expired)
    }

    async fn delete_unnamed(&mut self, stored: &[StoredBlob]) -> Result<u64, SweepError> {
        let named = self.jobs.named_blobs().await?;
        let unnamed = stored.iter().map(|blob| &blob.key).filter(|key| !named.contains(key)).cloned();
        let litter = old_enough(&mut self.unnamed, unnamed.collect(), self.litter_age);
        self.blobs.delete(&litter).await?;
        Ok(litter.len() as u64)
    }

    async fn delete_leftovers(&mut self) -> Result<u64, SweepError> {
        let leftovers = old_enough(&mut self.leftovers, self.blobs.leftovers().await?, self.litter_age);
        Ok(self.blobs.delete_leftovers(leftovers).await?)
    }
}

/// Those of `found` that have been `known` for `age`. What is no longer found is forgotten.
fn old_enough<T: Hash + Eq + Clone>(known: &mut HashMap<T, Instant>, found: HashSet<T>, age: Duration) -> Vec<T> {
    known.retain(|thing, _| found.contains(thing));
    let now = Instant::now();
    let old_enough = |thing: &T| now.duration_since(*known.entry(thing.clone()).or_insert(now)) >= age;
    found.into_iter().filter(old_enough).collect()
}
