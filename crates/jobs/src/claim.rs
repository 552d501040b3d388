//! What passes between a worker and the job store.

use std::{fmt, time::Duration};

use impasto_recipe::{Fingerprint, Recipe};
use jiff::Timestamp;
use uuid::Uuid;

use crate::{Attempt, BlobKey, JobId};

/// A worker's name. No two workers that live at the same time have the same one, on whatever machine: the jobs of a
/// dead worker are taken back by its name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WorkerName(pub String);

impl WorkerName {
    /// A name that no other worker has ever had, on this machine or another: `HOST/PROCESS/WHAT/…`. The process's number
    /// alone would not do: in a container that is started again it is the same.
    pub fn unique(what: &str) -> Self {
        let random = Uuid::now_v7().simple().to_string().split_off(20);
        Self(format!("{}/{}/{what}/{random}", host(), std::process::id()))
    }

    /// Whether it was given on this machine.
    pub(crate) fn is_local(&self) -> bool {
        self.0.split('/').next() == Some(&host())
    }
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

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
    /// When the job was submitted.
    pub created_at: Timestamp,
    /// When it was first claimed, be it now.
    pub started_at: Timestamp,
    /// What to do.
    pub recipe: Recipe,
    /// What computed the job so far; `None` when it has never begun.
    pub fingerprint: Option<Fingerprint>,
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
    /// Where to go on from; `None` at the start.
    pub checkpoint: Option<BlobKey>,
    /// The request that submitted the job, as logs call it.
    pub request: Option<String>,
}

impl Claim {
    /// How long the job waited for its first claim.
    pub fn waited(&self) -> Duration {
        between(self.created_at, self.started_at)
    }

    /// How long ago the job was first claimed.
    pub fn running_for(&self) -> Duration {
        between(self.started_at, Timestamp::now())
    }

    /// Whether nobody has claimed the job before.
    pub fn is_first(&self) -> bool {
        self.key.attempt == Attempt(1)
    }
}

/// A clock that was set back meanwhile has stood still.
fn between(earlier: Timestamp, later: Timestamp) -> Duration {
    later.duration_since(earlier).try_into().unwrap_or_default()
}

/// What a worker hears when it renews its lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Whether someone asked for the job to stop.
    pub cancel_requested: bool,
}

/// How the right to a running job looks from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Whose claim it is the right to.
    pub claim: ClaimKey,
    /// The worker that holds it.
    pub worker: WorkerName,
    /// A number that rises with every renewal. One that stands still for [`length`](Self::length) by the clock of whoever
    /// looks means that the worker is gone; no two clocks are ever compared.
    pub renewals: i64,
    /// How long the worker may be silent.
    pub length: Duration,
}

/// Whether a job answers for the end of its worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// It may have been the job: it fails once it has ended so many workers in a row, with no checkpoint between them.
    Job {
        /// So many.
        most_crashes: u32,
    },
    /// It was something else, such as a full disk or the operator.
    Nobody,
}
