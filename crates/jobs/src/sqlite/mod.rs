//! todo
use crate::*;
use impasto_recipe::{Fingerprint, ProgressEntry};
use std::{path::Path, time::Duration};
#[derive(Debug, Clone)]
pub(crate) struct Sqlite;
#[allow(unused_variables)]
impl Sqlite {
    pub(crate) async fn open(database: &Path) -> Result<Self, StoreError> {
        todo!()
    }
    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        todo!()
    }
    pub(crate) async fn submit(&self, job: NewJob, most_queued: u64) -> Result<Job, SubmitError> {
        todo!()
    }
    pub(crate) async fn find(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        todo!()
    }
    pub(crate) async fn revision(&self, id: JobId) -> Result<Option<u64>, StoreError> {
        todo!()
    }
    pub(crate) async fn list(&self, query: &JobQuery) -> Result<JobPage, StoreError> {
        todo!()
    }
    pub(crate) async fn request_cancel(&self, id: JobId) -> Result<Job, CancelError> {
        todo!()
    }
    pub(crate) async fn delete(&self, id: JobId) -> Result<bool, StoreError> {
        todo!()
    }
    pub(crate) async fn counts(&self) -> Result<Vec<(Status, u64)>, StoreError> {
        todo!()
    }
    pub(crate) async fn blobs_of(&self, id: JobId) -> Result<Vec<BlobKey>, StoreError> {
        todo!()
    }
    pub(crate) async fn claim(&self, worker: &WorkerName, lease: Duration) -> Result<Option<Claim>, StoreError> {
        todo!()
    }
    pub(crate) async fn renew(&self, claim: &ClaimKey, lease: Duration) -> Result<Standing, ClaimError> {
        todo!()
    }
    pub(crate) async fn begin(&self, claim: &ClaimKey, fingerprint: &Fingerprint) -> Result<(), ClaimError> {
        todo!()
    }
    pub(crate) async fn restart(
        &self,
        claim: &ClaimKey,
        fingerprint: &Fingerprint,
        why: &str,
    ) -> Result<(), ClaimError> {
        todo!()
    }
    pub(crate) async fn record_progress(&self, claim: &ClaimKey, entry: &ProgressEntry) -> Result<(), ClaimError> {
        todo!()
    }
    pub(crate) async fn save_checkpoint(
        &self,
        claim: &ClaimKey,
        checkpoint: &BlobKey,
        preview: &BlobKey,
    ) -> Result<Vec<BlobKey>, ClaimError> {
        todo!()
    }
    pub(crate) async fn succeed(&self, claim: &ClaimKey, result: &BlobKey) -> Result<Vec<BlobKey>, ClaimError> {
        todo!()
    }
    pub(crate) async fn fail(&self, claim: &ClaimKey, error: &JobError) -> Result<Vec<BlobKey>, ClaimError> {
        todo!()
    }
    pub(crate) async fn cancel(&self, claim: &ClaimKey) -> Result<Vec<BlobKey>, ClaimError> {
        todo!()
    }
    pub(crate) async fn hand_back(&self, claim: &ClaimKey, why: &str) -> Result<(), ClaimError> {
        todo!()
    }
    pub(crate) async fn take_back_from(
        &self,
        worker: &WorkerName,
        why: &str,
        most_crashes: u32,
    ) -> Result<u64, StoreError> {
        todo!()
    }
    pub(crate) async fn take_back_lapsed(&self, most_crashes: u32) -> Result<u64, StoreError> {
        todo!()
    }
}
