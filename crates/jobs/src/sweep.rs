//! Deletes what nobody needs any more: jobs that were kept for long enough, and blobs that no job names.

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;

use crate::{
    BlobError, BlobKey, BlobStore, Client, JobId, JobStore, Sight, Status, StoreError, blobs::StoredBlob, owner::MARK,
};

/// For how long, and how many, finished jobs are kept with their pictures; `None` sets no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// How long jobs are kept that succeeded.
    pub succeeded: Option<Duration>,
    /// How long jobs are kept that failed or were canceled.
    pub failed: Option<Duration>,
    /// Finished jobs at the most; of the client that has the most, those that ended first go first.
    pub most_jobs: Option<u64>,
    /// Bytes of all blobs of finished jobs at the most; of the client that has the most, the jobs that ended first go first.
    pub most_bytes: Option<u64>,
}

/// A job that came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// The job.
    pub id: JobId,
    /// Whose it is.
    pub client: Client,
    /// How it ended.
    pub status: Status,
    /// When.
    pub finished_at: Timestamp,
    /// Whether its webhook has yet to be told of its end.
    pub owes_a_message: bool,
}

impl Retention {
    /// Whether the job was kept for long enough at `now`.
    fn is_over(&self, job: &Finished, now: Timestamp) -> bool {
        let kept_for = if job.status == Status::Succeeded { self.succeeded } else { self.failed };
        // A time before the calendar's begin keeps everything.
        let before = kept_for.and_then(|kept_for| now.checked_sub(kept_for).ok());
        before.is_some_and(|before| job.finished_at < before)
    }
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
    jobs: Arc<dyn JobStore>,
    blobs: BlobStore,
    retention: Retention,
    litter_age: Duration,
    /// Whether somebody was told that the blobs are another database's.
    is_told: bool,
    /// Since when a blob is known that no job names.
    unnamed: HashMap<BlobKey, Instant>,
    /// Since when a file or an empty folder is known that an upload may have left.
    leftovers: HashMap<PathBuf, Instant>,
}

impl Sweeper {
    /// A sweeper that deletes what it has known to be litter for `litter_age`. That has to be longer than a request may take
    /// from its first image to its job's row: until then nobody names them. Age is told by this process's own clock, not by
    /// the files' times, which a step of the wall clock would turn into anything.
    pub fn new(jobs: Arc<dyn JobStore>, blobs: BlobStore, retention: Retention, litter_age: Duration) -> Self {
        Self { jobs, blobs, retention, litter_age, is_told: false, unnamed: HashMap::new(), leftovers: HashMap::new() }
    }

    /// Deletes what has been kept for long enough, and litter; lets the job store forget what is past. Blobs elsewhere that are
    /// marked as another database's are left alone, with the jobs that name them: where nothing else is known of them, all of that
    /// database's would be litter.
    ///
    /// # Errors
    /// When one of the stores fails.
    pub async fn sweep(&mut self) -> Result<Swept, SweepError> {
        // Whatever fails below, what is past is forgotten; and a full disk, where even that fails, is swept all the same.
        let forgotten = self.jobs.forget_what_is_past().await;
        if !self.are_own_blobs().await? {
            forgotten?;
            return Ok(Swept::default());
        }
        // Listed before the jobs are asked for: a blob that is named meanwhile is found named.
        let stored = self.blobs.list().await?;
        let expired = self.expired(&stored).await?;
        for &job in &expired {
            self.jobs.delete(job, &Sight::All).await?;
            self.blobs.delete_job(job).await?;
        }
        let litter = self.delete_unnamed(&stored).await? + self.delete_leftovers().await?;
        forgotten?;
        Ok(Swept { jobs: expired.len() as u64, litter })
    }

    /// Whether the blobs are this database's to sweep. Says once what to do where they are not.
    async fn are_own_blobs(&mut self) -> Result<bool, SweepError> {
        let id = self.jobs.identity().await?;
        let Some(owner) = self.blobs.owner(&id).await?.filter(|owner| *owner != id) else { return Ok(true) };
        if !std::mem::replace(&mut self.is_told, true) {
            tracing::warn!(
                "the pictures where this service keeps its own are those of another job database: the file {MARK} there names \
                 {owner}, and this one is {id}. Nothing is swept: what is no longer needed stays. Give this service a prefix of its \
                 own (store.blobs); or, where the other database is gone for good, delete that file"
            );
        }
        Ok(false)
    }

    /// The jobs whose time is up, or for which there is no room. One that owes a message is not among them: its row is what the
    /// message goes by, and its picture what whoever gets it will ask for.
    async fn expired(&self, stored: &[StoredBlob]) -> Result<Vec<JobId>, StoreError> {
        let mut sizes = HashMap::<_, u64>::new();
        for blob in stored {
            *sizes.entry(blob.job).or_default() += blob.bytes;
        }
        let now = Timestamp::now();
        let (mut expired, mut kept) = (Vec::new(), Vec::new());
        for job in self.jobs.finished().await? {
            let goes = self.retention.is_over(&job, now) && !job.owes_a_message;
            if goes { expired.push(job.id) } else { kept.push(job) }
        }
        for (most, weight) in [
            (self.retention.most_jobs, &(|_: &Finished| 1_u64) as &dyn Fn(&Finished) -> u64),
            (self.retention.most_bytes, &|job| sizes.get(&job.id).copied().unwrap_or_default()),
        ] {
            let Some(most) = most else { continue };
            let crowded_out = crowded_out(&kept, most, weight);
            kept.retain(|job| !crowded_out.contains(&job.id));
            expired.extend(crowded_out);
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

/// The jobs that are too many where all may weigh `most` together. `jobs` are the latest first. Clients have equal shares, and
/// what one leaves of its own is the others': nobody's pictures go because somebody else has many.
fn crowded_out(jobs: &[Finished], most: u64, weight: impl Fn(&Finished) -> u64) -> HashSet<JobId> {
    let mut own = HashMap::<_, u64>::new();
    let mut by_share = Vec::new();
    for job in jobs {
        let share = own.entry(&job.client).or_default();
        *share += weight(job);
        by_share.push((*share, job));
    }
    by_share.sort_by_key(|&(share, _)| share);
    let mut all = 0;
    let too_many = by_share.into_iter().map(|(_, job)| job).filter(|job| {
        all += weight(job);
        all > most
    });
    too_many.filter(|job| !job.owes_a_message).map(|job| job.id).collect()
}

/// Those of `found` that have been `known` for `age`. What is no longer found is forgotten.
fn old_enough<T: Hash + Eq + Clone>(known: &mut HashMap<T, Instant>, found: HashSet<T>, age: Duration) -> Vec<T> {
    known.retain(|thing, _| found.contains(thing));
    let now = Instant::now();
    let old_enough = |thing: &T| now.duration_since(*known.entry(thing.clone()).or_insert(now)) >= age;
    found.into_iter().filter(old_enough).collect()
}
