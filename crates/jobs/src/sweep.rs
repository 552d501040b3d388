//! Deletes the blobs that no job names.

use std::time::{Duration, SystemTime};

use crate::{BlobError, BlobStore, JobStore, StoreError};

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

/// Deletes the blobs that no job names, left where a process died between a blob and its row, and what was left of
/// uploads that were never finished; returns how many there were.
///
/// Only those are deleted that were last written longer than `older_than` ago. It has to be longer than a request may
/// take to upload all of its images: between the first image and the job's row, nobody names them.
///
/// # Errors
/// When one of the stores fails.
pub async fn sweep(store: &JobStore, blobs: &BlobStore, older_than: Duration) -> Result<u64, SweepError> {
    let Some(cutoff) = SystemTime::now().checked_sub(older_than) else { return Ok(0) };
    let mut deleted = blobs.delete_unfinished(cutoff).await?;
    // A blob is listed before its job is asked for: one that is named meanwhile is found named.
    for (job, found) in blobs.written_before(cutoff).await? {
        let named = store.blobs_of(job).await?;
        let orphans: Vec<_> = found.into_iter().filter(|blob| !named.contains(blob)).collect();
        blobs.delete(&orphans).await?;
        deleted += orphans.len() as u64;
    }
    Ok(deleted)
}
