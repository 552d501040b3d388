//! A job as it is submitted and as it is seen from outside.

use impasto_recipe::{Fingerprint, ProgressEntry, Recipe};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Attempt, BlobKey, Client, Delivery, JobId, Priority, Status, Terms};

/// A request to stylise, whose images are in the blob store already.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    /// The name under which its images were stored.
    pub id: JobId,
    /// Its options, resolved.
    pub recipe: Recipe,
    /// The content image.
    pub content: BlobKey,
    /// The style images, in the order of the recipe's style weights.
    pub styles: Vec<BlobKey>,
    /// Masks that say where in the result a style applies; at most one for each style, in their order.
    pub masks: Vec<BlobKey>,
    /// Masks that say which part of a style image counts; at most one for each style, in their order.
    pub style_masks: Vec<BlobKey>,
    /// The picture to start from, if one was given.
    pub initial: Option<BlobKey>,
    /// What was done to the files to read them, in sentences for people. The job's notices begin with these; of very many, the
    /// last are summed up.
    pub notices: Vec<String>,
    /// Whose it is, and how it is to be done.
    pub terms: Terms,
}

/// A job as the store knows it at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its name.
    pub id: JobId,
    /// Whose it is.
    pub client: Client,
    /// Before and after whose it is done.
    pub priority: Priority,
    /// When it fails unless a worker has begun it by then.
    pub start_by: Option<Timestamp>,
    /// The address that is told of its end.
    pub webhook: Option<String>,
    /// What that was told, in the order of time; none in a list of jobs.
    pub deliveries: Vec<Delivery>,
    /// Previews saved so far: another number, another preview.
    pub previews: u64,
    /// Where it stands.
    pub status: Status,
    /// A number that state changes, a request to cancel, progress entries, a restart from epoch 0 and what came of telling
    /// its webhook raise, and nothing else does.
    pub revision: u64,
    /// When it was submitted.
    pub created_at: Timestamp,
    /// When a worker first claimed it.
    pub started_at: Option<Timestamp>,
    /// When it came to its end.
    pub finished_at: Option<Timestamp>,
    /// Its place in the queue, 1 being the next to be claimed; `None` unless it is queued.
    pub queue_position: Option<u64>,
    /// Its options, resolved.
    pub recipe: Recipe,
    /// What computes it; `None` until its first worker has said so.
    pub fingerprint: Option<Fingerprint>,
    /// Its latest claim; 0 when it was never claimed.
    pub attempt: Attempt,
    /// Whether someone asked for it to stop.
    pub cancel_requested: bool,
    /// The losses so far, in the order of stages and epochs, thinned to some [`MOST_LOSSES`](Self::MOST_LOSSES); none in
    /// a list of jobs. [`JobStore::losses`](crate::JobStore::losses) tells all of them.
    pub losses: Vec<ProgressEntry>,
    /// The last progress entry of each stage that has any, in order.
    pub stage_ends: Vec<ProgressEntry>,
    /// What was done to its files, then what befell it on the way, in sentences for people: that a worker died, that it was
    /// restarted and why.
    pub notices: Vec<String>,
    /// Why it failed, when it did.
    pub error: Option<JobError>,
    /// The content image.
    pub content: BlobKey,
    /// The style images.
    pub styles: Vec<BlobKey>,
    /// Masks that say where in the result a style applies; at most one for each style, in their order.
    pub masks: Vec<BlobKey>,
    /// Masks that say which part of a style image counts; at most one for each style, in their order.
    pub style_masks: Vec<BlobKey>,
    /// The picture to start from, if one was given.
    pub initial: Option<BlobKey>,
    /// The composite image as last saved. It stays when the job comes to its end.
    pub preview: Option<BlobKey>,
    /// The finished picture, when the job succeeded.
    pub result: Option<BlobKey>,
    /// The same with 16 bits a channel; jobs of earlier versions have none.
    pub result_16: Option<BlobKey>,
}

impl Job {
    /// The losses that a job carries at the most, its latest ones not counted.
    pub const MOST_LOSSES: u64 = 200;

    /// Its stamp, as [`JobStore::stamps`](crate::JobStore::stamps) tells it.
    pub fn stamp(&self) -> Stamp {
        Stamp {
            revision: self.revision,
            queue_position: self.queue_position,
            has_begun: self.fingerprint.is_some(),
            previews: self.previews,
        }
    }

    /// The progress entry made last.
    pub fn latest(&self) -> Option<&ProgressEntry> {
        self.stage_ends.last()
    }
}

/// Every loss of a job that comes after some place in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Losses {
    /// The revision of the job that has them.
    pub revision: u64,
    /// The losses, in the order of stages and epochs.
    pub entries: Vec<ProgressEntry>,
}

/// What of a job changes, and can be asked cheaply: two looks with the same stamp see the same job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// The job's revision.
    pub revision: u64,
    /// Its place in the queue, as [`Job::queue_position`] tells it.
    pub queue_position: Option<u64>,
    /// Whether it has its fingerprint, which no revision tells of.
    pub has_begun: bool,
    /// Previews saved so far, which no revision tells of.
    pub previews: u64,
}

/// Why a job failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct JobError {
    /// A word for programs that does not change between versions, such as `out_of_memory`, `input`, `internal` or
    /// `worker_crashed`.
    pub kind: String,
    /// A sentence for people.
    pub message: String,
}

impl JobError {
    /// The kind of the error of a job that worker after worker died of.
    pub const WORKER_CRASHED: &'static str = "worker_crashed";

    /// The kind of the error of a job whose pictures or recipe cannot be painted.
    pub const INPUT: &'static str = "input";

    /// The kind of the error of a job whose weights cannot be had.
    pub const BACKBONE_UNAVAILABLE: &'static str = "backbone_unavailable";

    /// The kind of the error of a job that no worker began in time.
    pub const NOT_STARTED: &'static str = "not_started";
}
