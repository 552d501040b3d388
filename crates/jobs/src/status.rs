//! The state machine of a job. Every change of a job's status, in whatever database, comes from [`Status::after`].

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Status {
    /// Waits for a worker, for the first time or again.
    Queued,
    /// A worker holds a claim on it.
    Running,
    /// Its result is there.
    Succeeded,
    /// It came to an end without a result; its error says why.
    Failed,
    /// It was stopped because someone asked for it.
    Canceled,
}

/// What can happen to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// A worker takes it.
    Claim,
    /// It goes back to its place in the queue: its worker drains, has died or has lost its lease.
    GiveBack,
    /// Its worker delivers the result.
    Succeed,
    /// Its worker gives up on it, or too many workers died of it.
    Fail,
    /// It stops because someone asked for it.
    Cancel,
    /// No worker has begun it in time.
    Expire,
}

impl Status {
    /// Every status, in the order in which a job can come to them.
    pub const ALL: [Self; 5] = [Self::Queued, Self::Running, Self::Succeeded, Self::Failed, Self::Canceled];

    /// The status after `event`, or `None` where it cannot happen.
    pub const fn after(self, event: Event) -> Option<Self> {
        match (self, event) {
            (Self::Queued, Event::Claim) => Some(Self::Running),
            (Self::Running, Event::GiveBack) => Some(Self::Queued),
            (Self::Running, Event::Succeed) => Some(Self::Succeeded),
            (Self::Running, Event::Fail) | (Self::Queued, Event::Expire) => Some(Self::Failed),
            (Self::Queued | Self::Running, Event::Cancel) => Some(Self::Canceled),
            _ => None,
        }
    }

    /// Whether the job has come to its end: nothing happens to it any more.
    pub const fn is_finished(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Canceled)
    }

    /// Its name, as the API and the database spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }
}

impl Event {
    /// Every event.
    pub const ALL: [Self; 6] = [Self::Claim, Self::GiveBack, Self::Succeed, Self::Fail, Self::Cancel, Self::Expire];
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Text that names no status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no status: give queued, running, succeeded, failed or canceled")]
pub struct UnknownStatus(String);

impl FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|status| status.name() == text).ok_or_else(|| UnknownStatus(text.to_owned()))
    }
}
