//! Deletes the blobs that no job names.

use std::time::Duration;

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

/// Deletes the blobs that no job names, left where a process died between a blob and its row; returns how many.
///
/// Only those are deleted that were last written longer than `older_than` ago. It has to be longer than a request may
/// take to upload all of its images: between the first image and the job's row, nobody names them.
///
/// # Errors
/// When one of the stores fails.
pub async fn sweep(store: &JobStore, blobs: &BlobStore, older_than: Duration) -> Result<u64, SweepError> {
    let _ = (store, blobs, older_than);
    todo!("sweep")
}
