//! Storage that fails now may work in a moment: a full disk, a locked database, a network that is away.

use std::{future::Future, sync::Arc, time::Duration};

use backon::{ExponentialBuilder, Retryable};
use impasto_jobs::{BlobError, ClaimError, StoreError};
use tokio::time::timeout;

use crate::{Settings, pulse::Pulse};

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
        !matches!(self, Self::Lost | Self::Blobs(BlobError::NotFound(_) | BlobError::Taken(_)))
    }
}

/// Tries again, with growing pauses, for so long.
#[derive(Debug, Clone)]
pub(crate) struct Patience {
    length: Duration,
    longest_try: Duration,
    /// Beats with every try.
    pulse: Arc<Pulse>,
}

/// The longest that one try may take: a large checkpoint on a slow disk takes a while.
const LONGEST_TRY: Duration = Duration::from_secs(120);

impl Patience {
    pub fn new(settings: &Settings, pulse: Arc<Pulse>) -> Self {
        // Storage that hangs is not to be taken for a device that does.
        let longest_try = LONGEST_TRY.min(settings.stall() / 2);
        Self { length: Duration::from_secs(settings.storage_seconds), longest_try, pulse }
    }

    /// Tries once, and not for ever.
    pub async fn once<T>(&self, work: impl Future<Output = Result<T, StorageError>>) -> Result<T, StorageError> {
        self.pulse.beat();
        timeout(self.longest_try, work).await.unwrap_or(Err(StorageError::TimedOut(self.longest_try)))
    }

    pub async fn with<T, F>(&self, mut work: impl FnMut() -> F) -> Result<T, StorageError>
    where
        F: Future<Output = Result<T, StorageError>>,
    {
        let pauses = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(100))
            .with_max_delay(Duration::from_secs(5))
            .without_max_times()
            .with_total_delay(Some(self.length));
        let tries = (|| self.once(work())).retry(pauses).when(StorageError::may_pass);
        tries.notify(|error, pause| tracing::warn!(%error, again_in = ?pause, "the stores failed")).await
    }
}
