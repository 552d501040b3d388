//! What a worker does.

use std::time::Duration;

use async_trait::async_trait;
use impasto_recipe::{Fingerprint, ProgressEntry};

use crate::{BlobKey, Claim, ClaimError, ClaimKey, JobError, Standing, StoreError, WorkerName};

/// What a worker does. Each of its writes is refused with [`ClaimError::Lost`], and changes nothing, once the job is no longer
/// the claim's. A lease that ran out loses the claim only when someone takes the job back.
#[async_trait]
pub trait Claims {
    /// Claims the job that is next in the queue for `worker`, which may be silent for `lease` before it loses its right to
    /// it. `None` when no job waits. A job that no worker has begun in time fails instead.
    ///
    /// # Errors
    /// When the database fails.
    async fn claim(&self, worker: &WorkerName, lease: Duration) -> Result<Option<Claim>, StoreError>;

    /// Lets everyone see that the worker lives.
    ///
    /// # Errors
    /// [`ClaimError::Lost`], or when the database fails.
    async fn renew(&self, claim: &ClaimKey) -> Result<Standing, ClaimError>;

    /// How the claim stands, without renewing it: cheap enough to ask several times a second.
    ///
    /// # Errors
    /// [`ClaimError::Lost`], or when the database fails.
    async fn standing(&self, claim: &ClaimKey) -> Result<Standing, ClaimError>;

    /// Writes down what computes the job. A fingerprint that it has already stays: a worker that cannot match it has to
    /// [`restart`](Self::restart) the job.
    ///
    /// # Errors
    /// [`ClaimError::Lost`], or when the database fails.
    async fn begin(&self, claim: &ClaimKey, fingerprint: &Fingerprint) -> Result<(), ClaimError>;

    /// Starts the job over from epoch 0 with another fingerprint: its progress and its checkpoint are forgotten, and
    /// `why` joins its notices. The preview stays until the next one.
    ///
    /// # Errors
    /// [`ClaimError::Lost`], or when the database fails.
    async fn restart(&self, claim: &ClaimKey, fingerprint: &Fingerprint, why: &str) -> Result<(), ClaimError>;

    /// Writes down a progress entry, in the place of an earlier one of the same stage and epoch: a run that went on from
    /// a checkpoint reports some again.
    ///
    /// # Errors
    /// [`ClaimError::Lost`], or when the database fails.
    async fn record_progress(&self, claim: &ClaimKey, entry: &ProgressEntry) -> Result<(), ClaimError>;

    /// Names the blobs `checkpoint` and `preview`, which must be written. The job is held to be harmless again: crashes
    /// so far no longer count. Returns the blobs that these replace, for deletion.
    ///
    /// # Errors
    /// [`ClaimError::Lost`], or when the database fails.
    async fn save_checkpoint(
        &self,
        claim: &ClaimKey,
        checkpoint: &BlobKey,
        preview: &BlobKey,
    ) -> Result<Vec<BlobKey>, ClaimError>;

    /// Finishes the job with the blobs `result` and `result_16`, which must be written. Returns the blobs that it no longer needs, for
    /// deletion.
    ///
    /// # Errors
    /// [`ClaimError::Lost`], or when the database fails.
    async fn succeed(
        &self,
        claim: &ClaimKey,
        result: &BlobKey,
        result_16: &BlobKey,
    ) -> Result<Vec<BlobKey>, ClaimError>;

    /// Finishes the job without a result, because of `error`. Returns the blobs that it no longer needs, for deletion.
    ///
    /// # Errors
    /// [`ClaimError::Lost`], or when the database fails.
    async fn fail(&self, claim: &ClaimKey, error: &JobError) -> Result<Vec<BlobKey>, ClaimError>;

    /// Finishes the job because it was asked to stop, and did. Returns the blobs that it no longer needs, for deletion.
    ///
    /// # Errors
    /// [`ClaimError::Lost`], or when the database fails.
    async fn cancel(&self, claim: &ClaimKey) -> Result<Vec<BlobKey>, ClaimError>;

    /// Gives the job up unfinished, as a draining worker does: it goes back to its old place in the queue with its
    /// checkpoint, and `why` joins its notices. It does not count as a crash. A job that was asked to stop is canceled
    /// instead.
    ///
    /// # Errors
    /// [`ClaimError::Lost`], or when the database fails.
    async fn hand_back(&self, claim: &ClaimKey, why: &str) -> Result<(), ClaimError>;
}
