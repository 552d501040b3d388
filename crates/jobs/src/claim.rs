//! What passes between a worker and the job store.

use std::fmt;

use impasto_recipe::{Fingerprint, Recipe};

use crate::{Attempt, BlobKey, JobId};

/// A worker's name. No two workers that live at the same time have the same one, on whatever machine: the jobs of a
/// dead worker are taken back by its name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WorkerName(pub String);

impl fmt::Display for WorkerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One claim of one job: a worker's writes hold under it alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClaimKey {
    /// The job.
    pub job: JobId,
    /// Which claim of it.
    pub attempt: Attempt,
}

impl fmt::Display for ClaimKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (attempt {})", self.job, self.attempt)
    }
}

/// A job in a worker's hands.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// What its writes hold under.
    pub key: ClaimKey,
    /// What to do.
    pub recipe: Recipe,
    /// What computed the job so far; `None` when it has never begun.
    pub fingerprint: Option<Fingerprint>,
    /// The content image.
    pub content: BlobKey,
    /// The style images, in the order of the recipe's style weights.
    pub styles: Vec<BlobKey>,
    /// Where to go on from; `None` at the start.
    pub checkpoint: Option<BlobKey>,
}

/// What a worker hears when it renews its lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Whether someone asked for the job to stop.
    pub cancel_requested: bool,
}
