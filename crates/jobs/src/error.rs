//! What can go wrong with the job store.

use std::error::Error;

use crate::{JobId, Status};

/// The database cannot be opened, or did not do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be opened.
    #[error("the job database {place} cannot be opened: {cause}")]
    Open {
        /// Its file, or its address without the password.
        place: String,
        /// What the database said.
        cause: Box<dyn Error + Send + Sync>,
    },
    /// It cannot be reached now; it may be later, with nothing done.
    #[error("the job database {place} cannot be reached: {cause}")]
    Away {
        /// Its address without the password.
        place: String,
        /// What the database or the network said.
        cause: Box<dyn Error + Send + Sync>,
    },
    /// A statement failed, or was not answered. Nothing of the operation was written, unless it was its last word whose answer was
    /// lost: then all of it was.
    #[error("the job database failed: {0}")]
    Failed(Box<dyn Error + Send + Sync>),
}

/// Why a job was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// As many jobs as are allowed wait already.
    #[error("the queue is full: {limit} jobs wait already; try again later")]
    QueueFull {
        /// The most jobs that may wait.
        limit: u64,
    },
    /// As many jobs of the client's wait already as it may have waiting.
    #[error("{limit} jobs of yours wait already, which is the limit; try again when one has begun")]
    OwnQueueFull {
        /// The most jobs of one client that may wait.
        limit: u64,
    },
    /// The client has made another job under the same idempotency key.
    #[error("the same Idempotency-Key came with other pictures or options before: give each job a key of its own")]
    OtherRequest,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a key was not made.
#[derive(Debug, thiserror::Error)]
pub enum NewKeyError {
    /// There is one of this name, or there was: names are not given twice, so that logs stay true.
    #[error("there is a key '{0}' already, or it was revoked: give another name")]
    NameTaken(String),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a job was not canceled.
#[derive(Debug, thiserror::Error)]
pub enum CancelError {
    /// There is no such job.
    #[error("there is no job {0}")]
    NotFound(JobId),
    /// It has come to its end already.
    #[error("the job is {0}: there is nothing left to cancel")]
    Finished(Status),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a worker's write was refused.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// The job is no longer this claim's: it was taken back, finished or deleted. Nothing was written, and the worker
    /// has to drop the job.
    #[error("the claim is lost: the job was taken back, finished or deleted")]
    Lost,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(Box::new(error))
    }
}

impl From<sqlx::Error> for SubmitError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<sqlx::Error> for CancelError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<sqlx::Error> for ClaimError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<sqlx::Error> for NewKeyError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}
