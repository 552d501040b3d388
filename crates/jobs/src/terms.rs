//! What a job is done under, besides its recipe.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

use crate::Client;

/// Whose a job is, and how it is to be done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    /// Whose it is.
    pub client: Client,
    /// Before and after whose it is done.
    pub priority: Priority,
    /// How long it may wait for its first worker before it fails; `None` lets it wait for ever.
    pub start_within: Option<Duration>,
    /// The address that is told of its end.
    pub webhook: Option<String>,
    /// What makes the same request, sent again, the same job.
    pub idempotency: Option<Idempotency>,
    /// The request that submits it, as logs call it.
    pub request: Option<String>,
}

/// Before and after whose a job is done: those of a higher priority all come first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Priority {
    /// After all others.
    Low,
    /// As usual.
    #[default]
    Normal,
    /// Before all others.
    High,
}

impl Priority {
    /// Every priority, the lowest first.
    pub const ALL: [Self; 3] = [Self::Low, Self::Normal, Self::High];

    /// Its name, as the API spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }

    /// Its place among all priorities, as the database has it.
    pub(crate) const fn rank(self) -> u8 {
        self as u8
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Text that names no priority.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no priority: give low, normal or high")]
pub struct UnknownPriority(String);

impl FromStr for Priority {
    type Err = UnknownPriority;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|priority| priority.name() == text).ok_or_else(|| UnknownPriority(text.to_owned()))
    }
}

/// A client's name for a request that is to make one job however often it comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// The client's own name for it.
    pub key: String,
    /// What is asked for, hashed: the pictures and the options as they were sent.
    pub fingerprint: String,
}

/// What a client may have waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLimits {
    /// Jobs that may wait at the most, all clients' together.
    pub all: u64,
    /// Jobs of one client that may wait at the most.
    pub own: u64,
}

impl QueueLimits {
    /// No limit but `all`.
    pub fn of_all(all: u64) -> Self {
        Self { all, own: u64::MAX }
    }
}

/// What came of a submission.
#[derive(Debug, Clone, PartialEq)]
pub enum Submitted {
    /// A job that was not there before.
    New(crate::Job),
    /// The job that the same request has made before; the blobs of this one are the caller's to delete.
    Repeated(crate::Job),
}

impl Submitted {
    /// The job, however it came to be.
    pub fn into_job(self) -> crate::Job {
        match self {
            Self::New(job) | Self::Repeated(job) => job,
        }
    }
}
