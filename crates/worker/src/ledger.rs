//! What is written down of one claim: a blob first, then the row that names it, then the blobs it replaces are deleted.

use std::{future::Future, time::Duration};

use bytes::Bytes;
use impasto_jobs::{BlobError, BlobKey, BlobStore, ClaimError, ClaimKey, JobError, JobStore, StoreError};
use impasto_recipe::{Fingerprint, ProgressEntry};

use crate::engine_thread::Save;

/// Why something was not written down.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LedgerError {
    /// The job is somebody else's now.
    #[error("the claim is lost")]
    Lost,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Blob(#[from] BlobError),
}

impl From<ClaimError> for LedgerError {
    fn from(error: ClaimError) -> Self {
        match error {
            ClaimError::Lost => Self::Lost,
            ClaimError::Store(error) => Self::Store(error),
        }
    }
}

/// Tries in all, before a store that fails is given up.
const TRIES: u32 = 6;
/// The pause after the first try; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Writes under one claim.
pub(crate) struct Ledger {
    jobs: JobStore,
    blobs: BlobStore,
    claim: ClaimKey,
    saves: u64,
}

impl Ledger {
    pub fn new(jobs: JobStore, blobs: BlobStore, claim: ClaimKey) -> Self {
        Self { jobs, blobs, claim, saves: 0 }
    }

    pub async fn begin(&self, fingerprint: &Fingerprint, from_scratch: Option<&str>) -> Result<(), LedgerError> {
        patiently(|| async {
            match from_scratch {
                Some(why) => Ok(self.jobs.restart(&self.claim, fingerprint, why).await?),
                None => Ok(self.jobs.begin(&self.claim, fingerprint).await?),
            }
        })
        .await
    }

    pub async fn progress(&self, entry: &ProgressEntry) -> Result<(), LedgerError> {
        patiently(|| async { Ok(self.jobs.record_progress(&self.claim, entry).await?) }).await
    }

    pub async fn save(&mut self, save: Save) -> Result<(), LedgerError> {
        self.saves += 1;
        let checkpoint = BlobKey::checkpoint(&self.claim, self.saves);
        let preview = BlobKey::preview(&self.claim, self.saves);
        let (checkpoint_bytes, preview_bytes) = (Bytes::from(save.checkpoint), Bytes::from(save.preview));
        let written = patiently(|| async {
            self.blobs.put(&checkpoint, checkpoint_bytes.clone()).await?;
            self.blobs.put(&preview, preview_bytes.clone()).await?;
            Ok(self.jobs.save_checkpoint(&self.claim, &checkpoint, &preview).await?)
        })
        .await;
        self.tidy(written, &[checkpoint.clone(), preview.clone()]).await
    }

    pub async fn succeed(&self, picture: Vec<u8>) -> Result<(), LedgerError> {
        let result = BlobKey::result(&self.claim);
        let bytes = Bytes::from(picture);
        let written = patiently(|| async {
            self.blobs.put(&result, bytes.clone()).await?;
            Ok(self.jobs.succeed(&self.claim, &result).await?)
        })
        .await;
        self.tidy(written, std::slice::from_ref(&result)).await
    }

    pub async fn fail(&self, error: &JobError) -> Result<(), LedgerError> {
        let written = patiently(|| async { Ok(self.jobs.fail(&self.claim, error).await?) }).await;
        self.tidy(written, &[]).await
    }

    pub async fn cancel(&self) -> Result<(), LedgerError> {
        let written = patiently(|| async { Ok(self.jobs.cancel(&self.claim).await?) }).await;
        self.tidy(written, &[]).await
    }

    pub async fn hand_back(&self, why: &str) -> Result<(), LedgerError> {
        patiently(|| async { Ok(self.jobs.hand_back(&self.claim, why).await?) }).await
    }

    /// Deletes what a write replaced, or, where the claim was lost, what was written in vain.
    async fn tidy(&self, written: Result<Vec<BlobKey>, LedgerError>, new: &[BlobKey]) -> Result<(), LedgerError> {
        match written {
            Ok(replaced) => {
                self.discard(&replaced).await;
                Ok(())
            }
            Err(LedgerError::Lost) => {
                self.discard(new).await;
                Err(LedgerError::Lost)
            }
            Err(error) => Err(error),
        }
    }

    /// Deletes blobs that no row names any more. What stays in spite of it the next sweep finds.
    async fn discard(&self, blobs: &[BlobKey]) {
        if let Err(error) = self.blobs.delete(blobs).await {
            tracing::warn!(%error, "blobs that are no longer needed could not be deleted");
        }
    }
}

/// Does it again while a store fails, which may be a passing fault: a full disk, a locked database.
async fn patiently<T, F>(mut write: impl FnMut() -> F) -> Result<T, LedgerError>
where
    F: Future<Output = Result<T, LedgerError>>,
{
    let mut pause = FIRST_PAUSE;
    for tries_left in (0..TRIES).rev() {
        match write().await {
            Err(error) if tries_left > 0 && !matches!(error, LedgerError::Lost) => {
                tracing::warn!(%error, "could not write; trying again");
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            outcome => return outcome,
        }
    }
    unreachable!("the last try returns")
}
