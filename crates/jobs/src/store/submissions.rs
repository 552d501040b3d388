//! How jobs come into the queue.

use async_trait::async_trait;

use crate::{Client, Idempotency, Job, NewJob, QueueLimits, SubmitError, Submitted};

/// Milliseconds for which a request is known again.
pub(crate) const KEPT_FOR: i64 = 24 * 60 * 60 * 1000;

/// What those do who submit jobs.
#[async_trait]
pub trait Submissions {
    /// Puts `job` into the queue, unless as many wait already as `limits` allows: behind those of a higher priority, and among
    /// those of its own so that the clients take turns. Its blobs must be written. A request that its client has sent before,
    /// as its idempotency key says, makes no other job.
    ///
    /// # Errors
    /// [`SubmitError`] says which.
    async fn submit(&self, job: NewJob, limits: &QueueLimits) -> Result<Submitted, SubmitError>;

    /// The job that `client` has made by the same request before; `None` if it has not.
    ///
    /// # Errors
    /// [`SubmitError::OtherRequest`], or when the database fails.
    async fn find_repeated(&self, client: &Client, request: &Idempotency) -> Result<Option<Job>, SubmitError>;
}
