//! What is done about workers that are gone.

use async_trait::async_trait;

use crate::{Blame, Lease, StoreError, WorkerName};

/// What is done about workers that are gone. A job that was asked to stop is canceled; one that has failed by the rules of
/// [`Blame`] ends with the kind [`JobError::WORKER_CRASHED`](crate::JobError::WORKER_CRASHED); any other goes back to its old place in the queue with its
/// checkpoint, and the reason joins its notices.
#[async_trait]
pub trait Leases {
    /// The leases of all running jobs.
    ///
    /// # Errors
    /// When the database fails.
    async fn leases(&self) -> Result<Vec<Lease>, StoreError>;

    /// Takes the job of `lease` back, unless it was renewed or ended since it looked so. Returns whether it was.
    ///
    /// # Errors
    /// When the database fails.
    async fn take_back(&self, lease: &Lease, why: &str, blame: Blame) -> Result<bool, StoreError>;

    /// Takes back the jobs of `worker`, which has died. Returns how many there were.
    ///
    /// # Errors
    /// When the database fails.
    async fn take_back_from(&self, worker: &WorkerName, why: &str, blame: Blame) -> Result<u64, StoreError>;
}
