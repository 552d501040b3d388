//! What is read and written of one claim. Of what is written, a blob comes first, then the row that names it, then the blobs
//! that it replaces are deleted.

use std::sync::Arc;

use bytes::Bytes;
use impasto_jobs::{BlobError, BlobKey, BlobStore, ClaimKey, JobError, JobStore};
use impasto_recipe::{Fingerprint, ProgressEntry};

use crate::{
    engine_thread::{Results, Save},
    patience::{Patience, StorageError},
};

/// Reads and writes under one claim.
pub(crate) struct Ledger {
    jobs: Arc<dyn JobStore>,
    blobs: BlobStore,
    claim: ClaimKey,
    patience: Patience,
    saves: u64,
}

impl Ledger {
    pub fn new(jobs: Arc<dyn JobStore>, blobs: BlobStore, claim: ClaimKey, patience: Patience) -> Self {
        Self { jobs, blobs, claim, patience, saves: 0 }
    }

    /// The blob, or `None` where there surely is none.
    pub async fn read(&self, key: &BlobKey) -> Result<Option<Bytes>, StorageError> {
        match self.patience.with(|| async { Ok(self.blobs.get(key).await?) }).await {
            Err(StorageError::Blobs(BlobError::NotFound(_))) => Ok(None),
            read => read.map(Some),
        }
    }

    pub async fn begin(&self, fingerprint: &Fingerprint, from_scratch: Option<&str>) -> Result<(), StorageError> {
        self.patience
            .with(|| async {
                match from_scratch {
                    Some(why) => Ok(self.jobs.restart(&self.claim, fingerprint, why).await?),
                    None => Ok(self.jobs.begin(&self.claim, fingerprint).await?),
                }
            })
            .await
    }

    pub async fn progress(&self, entry: &ProgressEntry) -> Result<(), StorageError> {
        self.patience.with(|| async { Ok(self.jobs.record_progress(&self.claim, entry).await?) }).await
    }

    /// Saves once; where that fails, the save before stays.
    pub async fn save(&mut self, save: &Save) -> Result<(), StorageError> {
        self.saves += 1;
        let checkpoint = BlobKey::checkpoint(&self.claim, self.saves);
        let preview = BlobKey::preview(&self.claim, self.saves);
        match self.patience.once(self.write_save(save, &checkpoint, &preview)).await {
            Ok(replaced) => {
                self.discard(&replaced).await;
                Ok(())
            }
            Err(error) => {
                // A job store that failed may have named them all the same, and its answer is lost: then they are the sweeper's.
                // Where the blob store failed, no row was written. One that has another blob under the name keeps it.
                if let StorageError::Blobs(cause) = &error
                    && !matches!(cause, BlobError::Taken(_))
                {
                    self.discard(&[checkpoint, preview]).await;
                }
                Err(error)
            }
        }
    }

    async fn write_save(
        &self,
        save: &Save,
        checkpoint: &BlobKey,
        preview: &BlobKey,
    ) -> Result<Vec<BlobKey>, StorageError> {
        self.blobs.create(checkpoint, save.checkpoint.iter().cloned()).await?;
        self.blobs.create(preview, [save.preview.clone()]).await?;
        Ok(self.jobs.save_checkpoint(&self.claim, checkpoint, preview).await?)
    }

    pub async fn succeed(&self, results: &Results) -> Result<(), StorageError> {
        let (result, result_16) = (BlobKey::result(&self.claim), BlobKey::result_16(&self.claim));
        let written = self
            .patience
            .with(|| async {
                self.blobs.create(&result, [results.png.clone()]).await?;
                self.blobs.create(&result_16, [results.png_16.clone()]).await?;
                Ok(self.jobs.succeed(&self.claim, &result, &result_16).await?)
            })
            .await;
        self.tidy(written).await
    }

    pub async fn fail(&self, error: &JobError) -> Result<(), StorageError> {
        let written = self.patience.with(|| async { Ok(self.jobs.fail(&self.claim, error).await?) }).await;
        self.tidy(written).await
    }

    pub async fn cancel(&self) -> Result<(), StorageError> {
        let written = self.patience.with(|| async { Ok(self.jobs.cancel(&self.claim).await?) }).await;
        self.tidy(written).await
    }

    pub async fn hand_back(&self, why: &str) -> Result<(), StorageError> {
        self.patience.with(|| async { Ok(self.jobs.hand_back(&self.claim, why).await?) }).await
    }

    /// Deletes what a write replaced. What was written in vain is the sweeper's: a write that is said to come too late may be
    /// one that was done before, and was not heard to be.
    async fn tidy(&self, written: Result<Vec<BlobKey>, StorageError>) -> Result<(), StorageError> {
        self.discard(&written?).await;
        Ok(())
    }

    /// Deletes blobs that no row names any more. What stays in spite of it the next sweep finds.
    async fn discard(&self, blobs: &[BlobKey]) {
        if let Err(error) = self.patience.once(async { Ok(self.blobs.delete(blobs).await?) }).await {
            tracing::warn!(%error, "blobs that are no longer needed could not be deleted");
        }
    }
}
