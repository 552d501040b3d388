//! The job store: what can be asked of it and told to it. How a database does it is the business of the module of that
//! database, to which each of these functions hands on.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
    time::Duration,
};

use impasto_recipe::{Fingerprint, Position, ProgressEntry};
use jiff::Timestamp;

use crate::{
    ApiKey, Blame, BlobKey, CancelError, Claim, ClaimError, ClaimKey, Client, DueDelivery, Idempotency, Job, JobError,
    JobId, JobPage, JobQuery, KeyId, Lease, Losses, NewJob, NewKeyError, QueueLimits, Sight, Stamp, Standing, Status,
    StoreError, SubmitError, Submitted, TryOutcome, WorkerName, sqlite::Sqlite, sweep::Finished,
};

/// All jobs. Any number of processes may have the same store open; a clone shares its connections.
///
/// Each operation happens whole or not at all, and what it answered is on the disk. A future that is dropped halfway
/// leaves nothing done by halves.
#[derive(Debug, Clone)]
pub struct JobStore {
    database: Sqlite,
}

impl JobStore {
    /// Opens the database in the file `database`, creating it or bringing its tables up to date where needed. The
    /// folder that it lies in must be there.
    ///
    /// # Errors
    /// When the file cannot be opened or created, is no database, or was written by a later version.
    pub async fn open(database: &Path) -> Result<Self, StoreError> {
        Ok(Self { database: Sqlite::open(database).await? })
    }

    /// Whether the database can be read and written: writes one small row to the disk.
    ///
    /// # Errors
    /// When it cannot.
    pub async fn probe(&self) -> Result<(), StoreError> {
        self.database.probe().await
    }
}

/// What the API does.
impl JobStore {
    /// Puts `job` into the queue, unless as many wait already as `limits` allows: behind those of a higher priority, and among
    /// those of its own so that the clients take turns. Its blobs must be written. A request that its client has sent before,
    /// as its idempotency key says, makes no other job.
    ///
    /// # Errors
    /// [`SubmitError`] says which.
    pub async fn submit(&self, job: NewJob, limits: &QueueLimits) -> Result<Submitted, SubmitError> {
        self.database.submit(job, limits).await
    }

    /// The job that `client` has made by the same request before; `None` if it has not.
    ///
    /// # Errors
    /// [`SubmitError::OtherRequest`], or when the database fails.
    pub async fn find_repeated(&self, client: &Client, request: &Idempotency) -> Result<Option<Job>, SubmitError> {
        self.database.find_repeated(client, request).await
    }

    /// The job `id`, or `None` if there is none that `sight` sees.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find(&self, id: JobId, sight: &Sight) -> Result<Option<Job>, StoreError> {
        self.database.find(id, sight).await
    }

    /// The stamps of those of the jobs `ids` that there are. It is cheap to ask, and for many at once hardly dearer.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn stamps(&self, ids: &[JobId]) -> Result<HashMap<JobId, Stamp>, StoreError> {
        self.database.stamps(ids).await
    }

    /// The losses of the job `id` that come strictly after `after`, or `None` if there is no such job that `sight`
    /// sees.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn losses(&self, id: JobId, sight: &Sight, after: Position) -> Result<Option<Losses>, StoreError> {
        self.database.losses(id, sight, after).await
    }

    /// A page of the list of the jobs that `sight` sees.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list(&self, query: &JobQuery, sight: &Sight) -> Result<JobPage, StoreError> {
        self.database.list(query, sight).await
    }

    /// Asks for the job `id` to stop: a queued one is canceled at once, a running one when its worker hears of it. To
    /// ask again changes nothing.
    ///
    /// # Errors
    /// [`CancelError::NotFound`], [`CancelError::Finished`], or when the database fails.
    pub async fn request_cancel(&self, id: JobId, sight: &Sight) -> Result<Job, CancelError> {
        self.database.request_cancel(id, sight).await
    }

    /// Forgets the job `id`; returns whether there was one. The worker of a running one finds its claim lost at its next
    /// write. Its blobs are the caller's to delete, afterwards.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete(&self, id: JobId, sight: &Sight) -> Result<bool, StoreError> {
        self.database.delete(id, sight).await
    }

    /// How many jobs are in each status; every status is named.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn counts(&self) -> Result<Vec<(Status, u64)>, StoreError> {
        self.database.counts().await
    }

    /// How long ago the job was submitted that has waited longest; `None` where none waits.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn longest_wait(&self) -> Result<Option<Duration>, StoreError> {
        self.database.longest_wait().await
    }
}

/// Who may use the API.
impl JobStore {
    /// Whether there are keys, or were: where one was ever made, the API takes no request without one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn has_keys(&self) -> Result<bool, StoreError> {
        self.database.has_keys().await
    }

    /// Keeps a key.
    ///
    /// # Errors
    /// [`NewKeyError::NameTaken`], or when the database fails.
    pub async fn add_key(&self, key: &ApiKey) -> Result<(), NewKeyError> {
        self.database.add_key(key).await
    }

    /// The key `id`, revoked or not.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_key(&self, id: &KeyId) -> Result<Option<ApiKey>, StoreError> {
        self.database.find_key(id).await
    }

    /// Every key, revoked or not, the oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        self.database.list_keys().await
    }

    /// Revokes the key that is called `name`, or has this id, and ends its sessions; `None` if there is none. To revoke it
    /// again changes nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revoke_key(&self, name: &str) -> Result<Option<ApiKey>, StoreError> {
        self.database.revoke_key(name).await
    }

    /// Writes down that the key was used now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn touch_key(&self, id: &KeyId) -> Result<(), StoreError> {
        self.database.touch_key(id).await
    }

    /// Begins a session of the key `key`, whose cookie has the SHA-256 `hash`, until `expires_at`; forgets those that are over,
    /// and of the key's others all but the latest hundred.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin_session(&self, hash: &str, key: &KeyId, expires_at: Timestamp) -> Result<(), StoreError> {
        self.database.begin_session(hash, key, expires_at).await
    }

    /// The key of the session whose cookie has the SHA-256 `hash`, unless the session is over.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn session_key(&self, hash: &str) -> Result<Option<ApiKey>, StoreError> {
        self.database.session_key(hash).await
    }

    /// Ends a session; returns whether there was one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_session(&self, hash: &str) -> Result<bool, StoreError> {
        self.database.end_session(hash).await
    }

    /// Counts bytes that `client` has uploaded now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_uploaded(&self, client: &Client, bytes: u64) -> Result<(), StoreError> {
        self.database.count_uploaded(client, bytes).await
    }

    /// The bytes that `client` has uploaded today, in UTC.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn uploaded_today(&self, client: &Client) -> Result<u64, StoreError> {
        self.database.uploaded_today(client).await
    }
}

/// What is told to webhooks. A message is written in the transaction that ends its job.
impl JobStore {
    /// Takes up to `most` messages that are due. Nobody else takes one of them within `lease`; one whose outcome is not written
    /// down by then is due again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_due_deliveries(&self, most: u32, lease: Duration) -> Result<Vec<DueDelivery>, StoreError> {
        self.database.take_due_deliveries(most, lease).await
    }

    /// Writes down what came of a try, which raises the job's revision. A message that was delivered stays so, and one whose
    /// job is gone is gone with it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn record_delivery(&self, id: &str, outcome: &TryOutcome) -> Result<(), StoreError> {
        self.database.record_delivery(id, outcome).await
    }
}

/// What passes with time.
impl JobStore {
    /// Fails the jobs that no worker has begun in time; returns how many there were.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn fail_unstarted(&self) -> Result<u64, StoreError> {
        self.database.fail_unstarted().await
    }

    /// Forgets idempotency keys that are older than a day, sessions that are over, and uploads of days that are past.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget_what_is_past(&self) -> Result<(), StoreError> {
        self.database.forget_what_is_past().await
    }
}

/// What the sweeper asks.
impl JobStore {
    /// Every job that came to its end; the one that ended last comes first.
    pub(crate) async fn finished(&self) -> Result<Vec<Finished>, StoreError> {
        self.database.finished().await
    }

    /// Every blob that any job names.
    pub(crate) async fn named_blobs(&self) -> Result<HashSet<BlobKey>, StoreError> {
        self.database.named_blobs().await
    }
}

/// What a worker does. Each of its writes is refused with [`ClaimError::Lost`], and changes nothing, once the job is no
/// longer the claim's. A lease that ran out loses the claim only when someone takes the job back.
impl JobStore {
    /// Claims the job that is next in the queue for `worker`, which may be silent for `lease` before it loses its right to
    /// it. `None` when no job waits. A job that no worker has begun in time fails instead.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn claim(&self, worker: &WorkerName, lease: Duration) -> Result<Option<Claim>, StoreError> {
        self.database.claim(worker, lease).await
    }

    /// Lets everyone see that the worker lives.
    ///
    /// # Errors
    /// [`ClaimError::Lost`], or when the database fails.
    pub async fn renew(&self, claim: &ClaimKey) -> Result<Standing, ClaimError> {
        self.database.renew(claim).await
    }

    /// How the claim stands, without renewing it: cheap enough to ask several times a second.
    ///
    /// # Errors
    /// [`ClaimError::Lost`], or when the database fails.
    pub async fn standing(&self, claim: &ClaimKey) -> Result<Standing, ClaimError> {
        self.database.standing(claim).await
    }

    /// Writes down what computes the job. A fingerprint that it has already stays: a worker that cannot match it has to
    /// [`restart`](Self::restart) the job.
    ///
    /// # Errors
    /// [`ClaimError::Lost`], or when the database fails.
    pub async fn begin(&self, claim: &ClaimKey, fingerprint: &Fingerprint) -> Result<(), ClaimError> {
        self.database.begin(claim, fingerprint).await
    }

    /// Starts the job over from epoch 0 with another fingerprint: its progress and its checkpoint are forgotten, and
    /// `why` joins its notices. The preview stays until the next one.
    ///
    /// # Errors
    /// [`ClaimError::Lost`], or when the database fails.
    pub async fn restart(&self, claim: &ClaimKey, fingerprint: &Fingerprint, why: &str) -> Result<(), ClaimError> {
        self.database.restart(claim, fingerprint, why).await
    }

    /// Writes down a progress entry, in the place of an earlier one of the same stage and epoch: a run that went on from
    /// a checkpoint reports some again.
    ///
    /// # Errors
    /// [`ClaimError::Lost`], or when the database fails.
    pub async fn record_progress(&self, claim: &ClaimKey, entry: &ProgressEntry) -> Result<(), ClaimError> {
        self.database.record_progress(claim, entry).await
    }

    /// Names the blobs `checkpoint` and `preview`, which must be written. The job is held to be harmless again: crashes
    /// so far no longer count. Returns the blobs that these replace, for deletion.
    ///
    /// # Errors
    /// [`ClaimError::Lost`], or when the database fails.
    pub async fn save_checkpoint(
        &self,
        claim: &ClaimKey,
        checkpoint: &BlobKey,
        preview: &BlobKey,
    ) -> Result<Vec<BlobKey>, ClaimError> {
        self.database.save_checkpoint(claim, checkpoint, preview).await
    }

    /// Finishes the job with the blobs `result` and `result_16`, which must be written. Returns the blobs that it no longer needs, for
    /// deletion.
    ///
    /// # Errors
    /// [`ClaimError::Lost`], or when the database fails.
    pub async fn succeed(
        &self,
        claim: &ClaimKey,
        result: &BlobKey,
        result_16: &BlobKey,
    ) -> Result<Vec<BlobKey>, ClaimError> {
        self.database.succeed(claim, result, result_16).await
    }

    /// Finishes the job without a result, because of `error`. Returns the blobs that it no longer needs, for deletion.
    ///
    /// # Errors
    /// [`ClaimError::Lost`], or when the database fails.
    pub async fn fail(&self, claim: &ClaimKey, error: &JobError) -> Result<Vec<BlobKey>, ClaimError> {
        self.database.fail(claim, error).await
    }

    /// Finishes the job because it was asked to stop, and did. Returns the blobs that it no longer needs, for deletion.
    ///
    /// # Errors
    /// [`ClaimError::Lost`], or when the database fails.
    pub async fn cancel(&self, claim: &ClaimKey) -> Result<Vec<BlobKey>, ClaimError> {
        self.database.cancel(claim).await
    }

    /// Gives the job up unfinished, as a draining worker does: it goes back to its old place in the queue with its
    /// checkpoint, and `why` joins its notices. It does not count as a crash. A job that was asked to stop is canceled
    /// instead.
    ///
    /// # Errors
    /// [`ClaimError::Lost`], or when the database fails.
    pub async fn hand_back(&self, claim: &ClaimKey, why: &str) -> Result<(), ClaimError> {
        self.database.hand_back(claim, why).await
    }
}

/// What is done about workers that are gone. A job that was asked to stop is canceled; one that has failed by the rules
/// of [`Blame`] ends with the kind [`JobError::WORKER_CRASHED`]; any other goes back to its old place in the queue with its
/// checkpoint, and the reason joins its notices.
impl JobStore {
    /// The leases of all running jobs.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn leases(&self) -> Result<Vec<Lease>, StoreError> {
        self.database.leases().await
    }

    /// Takes the job of `lease` back, unless it was renewed or ended since it looked so. Returns whether it was.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_back(&self, lease: &Lease, why: &str, blame: Blame) -> Result<bool, StoreError> {
        self.database.take_back(lease, why, blame).await
    }

    /// Takes back the jobs of `worker`, which has died. Returns how many there were.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_back_from(&self, worker: &WorkerName, why: &str, blame: Blame) -> Result<u64, StoreError> {
        self.database.take_back_from(worker, why, blame).await
    }
}
