//! Storage that fails now may work in a moment: a full disk, a locked database, a network that is away.

use std::{future::Future, time::Duration};

use backon::{ExponentialBuilder, Retryable};
use impasto_jobs::{BlobError, ClaimError, StoreError};
use tokio::time::timeout;

use crate::pulse::Pulse;

/// Why something could not be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StorageError {
    /// The job is somebody else's now.
    #[error("the claim is lost")]
    Lost,
    #[error(transparent)]
    Jobs(#[from] StoreError),
    #[error(transparent)]
    Blobs(#[from] BlobError),
    #[error("the stores did not answer within {} seconds", .0.as_secs())]
    TimedOut(Duration),
}

impl From<ClaimError> for StorageError {
    fn from(error: ClaimError) -> Self {
        match error {
            ClaimError::Lost => Self::Lost,
            ClaimError::Store(error) => Self::Jobs(error),
        }
    }
}

impl StorageError {
    /// Whether it may be otherwise in a moment.
    fn may_pass(&self) -> bool {
        !matches!(self, Self::Lost | Self::Blobs(BlobError::NotFound(_)))
    }
}

/// The longest that one try may take. A large checkpoint on a slow disk takes a while.
const LONGEST_TRY: Duration = Duration::from_secs(120);

/// Tries for about half a minute, with growing pauses.
pub(crate) async fn patiently<T, F>(pulse: &Pulse, mut work: impl FnMut() -> F) -> Result<T, StorageError>
where
    F: Future<Output = Result<T, StorageError>>,
{
    let pauses = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_secs(5))
        .with_max_times(11);
    let one_try = || {
        let tried = work();
        async {
            pulse.beat();
            timeout(LONGEST_TRY, tried).await.unwrap_or(Err(StorageError::TimedOut(LONGEST_TRY)))
        }
    };
    let tries = one_try.retry(pauses).when(StorageError::may_pass);
    tries.notify(|error, pause| tracing::warn!(%error, again_in = ?pause, "the stores failed")).await
}
