//! A job store whose answers are lost on demand.
#![allow(dead_code, reason = "every test binary uses a part of it")]

use std::{
    collections::{HashMap, HashSet},
    future::{Future, pending},
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use impasto_jobs::{
    ApiKey, Blame, BlobKey, CancelError, Claim, ClaimError, ClaimKey, Claims, Client, DueDelivery, Finished,
    Idempotency, Identity, Inventory, Job, JobError, JobId, JobPage, JobQuery, JobStore, Jobs, KeyId, Keys, Lease,
    Leases, Losses, NewJob, NewKeyError, News, Outbox, QueueLimits, Sight, Stamp, Standing, Status, StoreError,
    Submissions, SubmitError, Submitted, TryOutcome, Turn, Upkeep, Usage, WorkerName,
};
use impasto_recipe::{Fingerprint, Position, ProgressEntry};
use jiff::Timestamp;

/// A store that does what another does, unless something is to happen to an operation.
#[derive(Debug)]
pub struct FaultyJobs {
    jobs: Arc<dyn JobStore>,
    faults: Mutex<HashMap<&'static str, (Fault, u64)>>,
    asked: Mutex<HashMap<&'static str, u64>>,
}

/// What happens to an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is not done.
    Fails,
    /// It is done, and fails all the same for whoever asked.
    LosesAnswer,
    /// It is neither done nor answered.
    Hangs,
}

impl FaultyJobs {
    /// The store `jobs`, which works.
    pub fn on(jobs: Arc<dyn JobStore>) -> Arc<Self> {
        Arc::new(Self { jobs, faults: Mutex::default(), asked: Mutex::default() })
    }

    /// The next `times` times that `operation` is asked for, as the trait calls it, this happens.
    pub fn next(&self, operation: &'static str, fault: Fault, times: u64) {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).insert(operation, (fault, times));
    }

    /// From now on everything is well.
    pub fn end(&self) {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// How often `operation` was asked for.
    pub fn asked(&self, operation: &'static str) -> u64 {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).get(operation).copied().unwrap_or_default()
    }

    async fn through<T, E: From<StoreError>>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner).entry(operation).or_default() += 1;
        match self.strike(operation) {
            None => work.await,
            Some(Fault::Fails) => Err(StoreError::Failed("the store is away".into()).into()),
            Some(Fault::Hangs) => pending().await,
            Some(Fault::LosesAnswer) => {
                work.await?;
                Err(StoreError::Failed("the answer was lost".into()).into())
            }
        }
    }

    fn strike(&self, operation: &'static str) -> Option<Fault> {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let (fault, left) = faults.get_mut(operation)?;
        *left = left.checked_sub(1)?;
        Some(*fault)
    }
}

#[async_trait]
impl JobStore for FaultyJobs {
    async fn probe(&self) -> Result<(), StoreError> {
        self.through("probe", self.jobs.probe()).await
    }

    fn news(&self) -> News {
        self.jobs.news()
    }
}

#[async_trait]
impl Submissions for FaultyJobs {
    async fn submit(&self, job: NewJob, limits: &QueueLimits) -> Result<Submitted, SubmitError> {
        self.through("submit", self.jobs.submit(job, limits)).await
    }

    async fn find_repeated(&self, client: &Client, request: &Idempotency) -> Result<Option<Job>, SubmitError> {
        self.through("find_repeated", self.jobs.find_repeated(client, request)).await
    }
}

#[async_trait]
impl Jobs for FaultyJobs {
    async fn find(&self, id: JobId, sight: &Sight) -> Result<Option<Job>, StoreError> {
        self.through("find", self.jobs.find(id, sight)).await
    }

    async fn stamps(&self, ids: &[JobId]) -> Result<HashMap<JobId, Stamp>, StoreError> {
        self.through("stamps", self.jobs.stamps(ids)).await
    }

    async fn losses(&self, id: JobId, sight: &Sight, after: Position) -> Result<Option<Losses>, StoreError> {
        self.through("losses", self.jobs.losses(id, sight, after)).await
    }

    async fn list(&self, query: &JobQuery, sight: &Sight) -> Result<JobPage, StoreError> {
        self.through("list", self.jobs.list(query, sight)).await
    }

    async fn request_cancel(&self, id: JobId, sight: &Sight) -> Result<Job, CancelError> {
        self.through("request_cancel", self.jobs.request_cancel(id, sight)).await
    }

    async fn delete(&self, id: JobId, sight: &Sight) -> Result<bool, StoreError> {
        self.through("delete", self.jobs.delete(id, sight)).await
    }

    async fn counts(&self) -> Result<Vec<(Status, u64)>, StoreError> {
        self.through("counts", self.jobs.counts()).await
    }

    async fn longest_wait(&self) -> Result<Option<Duration>, StoreError> {
        self.through("longest_wait", self.jobs.longest_wait()).await
    }
}

#[async_trait]
impl Keys for FaultyJobs {
    async fn has_keys(&self) -> Result<bool, StoreError> {
        self.through("has_keys", self.jobs.has_keys()).await
    }

    async fn add_key(&self, key: &ApiKey) -> Result<(), NewKeyError> {
        self.through("add_key", self.jobs.add_key(key)).await
    }

    async fn find_key(&self, id: &KeyId) -> Result<Option<ApiKey>, StoreError> {
        self.through("find_key", self.jobs.find_key(id)).await
    }

    async fn list_keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        self.through("list_keys", self.jobs.list_keys()).await
    }

    async fn revoke_key(&self, name: &str) -> Result<Option<ApiKey>, StoreError> {
        self.through("revoke_key", self.jobs.revoke_key(name)).await
    }

    async fn touch_key(&self, id: &KeyId) -> Result<(), StoreError> {
        self.through("touch_key", self.jobs.touch_key(id)).await
    }

    async fn begin_session(&self, hash: &str, key: &KeyId, expires_at: Timestamp) -> Result<(), StoreError> {
        self.through("begin_session", self.jobs.begin_session(hash, key, expires_at)).await
    }

    async fn session_key(&self, hash: &str) -> Result<Option<ApiKey>, StoreError> {
        self.through("session_key", self.jobs.session_key(hash)).await
    }

    async fn end_session(&self, hash: &str) -> Result<bool, StoreError> {
        self.through("end_session", self.jobs.end_session(hash)).await
    }
}

#[async_trait]
impl Usage for FaultyJobs {
    async fn count_uploaded(&self, client: &Client, bytes: u64) -> Result<u64, StoreError> {
        self.through("count_uploaded", self.jobs.count_uploaded(client, bytes)).await
    }

    async fn uploaded_today(&self, client: &Client) -> Result<u64, StoreError> {
        self.through("uploaded_today", self.jobs.uploaded_today(client)).await
    }

    async fn take_turn(&self, client: &Client, a_minute: NonZeroU32) -> Result<Option<Turn>, StoreError> {
        self.through("take_turn", self.jobs.take_turn(client, a_minute)).await
    }
}

#[async_trait]
impl Outbox for FaultyJobs {
    async fn take_due_deliveries(&self, most: u32, lease: Duration) -> Result<Vec<DueDelivery>, StoreError> {
        self.through("take_due_deliveries", self.jobs.take_due_deliveries(most, lease)).await
    }

    async fn record_delivery(&self, id: &str, outcome: &TryOutcome) -> Result<(), StoreError> {
        self.through("record_delivery", self.jobs.record_delivery(id, outcome)).await
    }
}

#[async_trait]
impl Claims for FaultyJobs {
    async fn claim(&self, worker: &WorkerName, lease: Duration) -> Result<Option<Claim>, StoreError> {
        self.through("claim", self.jobs.claim(worker, lease)).await
    }

    async fn renew(&self, claim: &ClaimKey) -> Result<Standing, ClaimError> {
        self.through("renew", self.jobs.renew(claim)).await
    }

    async fn standing(&self, claim: &ClaimKey) -> Result<Standing, ClaimError> {
        self.through("standing", self.jobs.standing(claim)).await
    }

    async fn begin(&self, claim: &ClaimKey, fingerprint: &Fingerprint) -> Result<(), ClaimError> {
        self.through("begin", self.jobs.begin(claim, fingerprint)).await
    }

    async fn restart(&self, claim: &ClaimKey, fingerprint: &Fingerprint, why: &str) -> Result<(), ClaimError> {
        self.through("restart", self.jobs.restart(claim, fingerprint, why)).await
    }

    async fn record_progress(&self, claim: &ClaimKey, entry: &ProgressEntry) -> Result<(), ClaimError> {
        self.through("record_progress", self.jobs.record_progress(claim, entry)).await
    }

    async fn save_checkpoint(
        &self,
        claim: &ClaimKey,
        checkpoint: &BlobKey,
        preview: &BlobKey,
    ) -> Result<Vec<BlobKey>, ClaimError> {
        self.through("save_checkpoint", self.jobs.save_checkpoint(claim, checkpoint, preview)).await
    }

    async fn succeed(
        &self,
        claim: &ClaimKey,
        result: &BlobKey,
        result_16: &BlobKey,
    ) -> Result<Vec<BlobKey>, ClaimError> {
        self.through("succeed", self.jobs.succeed(claim, result, result_16)).await
    }

    async fn fail(&self, claim: &ClaimKey, error: &JobError) -> Result<Vec<BlobKey>, ClaimError> {
        self.through("fail", self.jobs.fail(claim, error)).await
    }

    async fn cancel(&self, claim: &ClaimKey) -> Result<Vec<BlobKey>, ClaimError> {
        self.through("cancel", self.jobs.cancel(claim)).await
    }

    async fn hand_back(&self, claim: &ClaimKey, why: &str) -> Result<(), ClaimError> {
        self.through("hand_back", self.jobs.hand_back(claim, why)).await
    }
}

#[async_trait]
impl Leases for FaultyJobs {
    async fn leases(&self) -> Result<Vec<Lease>, StoreError> {
        self.through("leases", self.jobs.leases()).await
    }

    async fn take_back(&self, lease: &Lease, why: &str, blame: Blame) -> Result<bool, StoreError> {
        self.through("take_back", self.jobs.take_back(lease, why, blame)).await
    }

    async fn take_back_from(&self, worker: &WorkerName, why: &str, blame: Blame) -> Result<u64, StoreError> {
        self.through("take_back_from", self.jobs.take_back_from(worker, why, blame)).await
    }
}

#[async_trait]
impl Upkeep for FaultyJobs {
    async fn fail_unstarted(&self) -> Result<u64, StoreError> {
        self.through("fail_unstarted", self.jobs.fail_unstarted()).await
    }

    async fn forget_what_is_past(&self) -> Result<(), StoreError> {
        self.through("forget_what_is_past", self.jobs.forget_what_is_past()).await
    }
}

#[async_trait]
impl Inventory for FaultyJobs {
    async fn finished(&self) -> Result<Vec<Finished>, StoreError> {
        self.through("finished", self.jobs.finished()).await
    }

    async fn named_blobs(&self) -> Result<HashSet<BlobKey>, StoreError> {
        self.through("named_blobs", self.jobs.named_blobs()).await
    }
}

#[async_trait]
impl Identity for FaultyJobs {
    async fn identity(&self) -> Result<String, StoreError> {
        self.through("identity", self.jobs.identity()).await
    }
}
