//! What the tests have in common.

use std::{sync::Arc, time::Duration};

use impasto_jobs::{
    Blame, BlobKey, Claim, ClaimError, ClaimKey, Client, Job, JobId, JobPlace, JobStore, LeaseWatch, NewJob,
    QueueLimits, Sight, Terms, WorkerLocks, WorkerName,
};
use impasto_recipe::{Fingerprint, Inputs, Limits, Options, ProgressEntry, Recipe, Size};
use tempfile::TempDir;

use crate::database::{Connection, Database, FullDisk};

/// A lease that does not run out while a test runs.
pub const LONG: Duration = Duration::from_secs(3600);
/// A lease that has run out when it begins.
pub const LAPSED: Duration = Duration::ZERO;
/// More jobs than any test queues.
pub const NO_LIMIT: &QueueLimits = &QueueLimits { all: 1_000_000, own: 1_000_000 };
/// More crashes than any test counts.
pub const ANY_CRASHES: Blame = Blame::Job { most_crashes: 1000 };

/// A store in a database of its own, and a folder beside it, which live as long as this.
pub struct TestStore {
    pub folder: TempDir,
    pub store: Arc<dyn JobStore>,
    database: Database,
}

impl TestStore {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::fresh(folder.path()).await;
        let store = database.place().open().await.unwrap();
        Self { folder, store, database }
    }

    /// Where the store is.
    pub fn place(&self) -> JobPlace {
        self.database.place()
    }

    /// The same store with connections of its own, as another process has it.
    pub async fn opened_again(&self) -> Arc<dyn JobStore> {
        self.place().open().await.unwrap()
    }

    /// A connection to its database past the store, for what would take days.
    pub async fn connection(&self) -> Connection {
        self.database.connection().await
    }

    /// What lets the database's disk be full.
    pub async fn full_disk(&self) -> FullDisk {
        self.database.full_disk().await
    }

    /// Where the workers of this machine have their locks.
    pub fn locks(&self) -> WorkerLocks {
        WorkerLocks::in_folder(self.folder.path().join("workers"))
    }

    /// A watch over leases of a process of its own.
    pub async fn watch(&self, most_crashes: u32) -> LeaseWatch {
        LeaseWatch::new(self.opened_again().await, self.locks(), most_crashes)
    }

    pub async fn submit(&self) -> JobId {
        self.store.submit(new_job(), NO_LIMIT).await.unwrap().into_job().id
    }

    pub async fn submit_under(&self, terms: Terms) -> JobId {
        self.store.submit(NewJob { terms, ..new_job() }, NO_LIMIT).await.unwrap().into_job().id
    }

    pub async fn claim(&self) -> Claim {
        self.store.claim(&worker("one"), LONG).await.unwrap().expect("a job waits")
    }

    /// A job in the hands of the worker `one`.
    pub async fn running(&self) -> ClaimKey {
        self.submit().await;
        self.claim().await.key
    }

    pub async fn find(&self, id: JobId) -> Job {
        self.store.find(id, &Sight::All).await.unwrap().expect("the job is there")
    }
}

pub fn recipe() -> Recipe {
    let options = Options { style_weights: Some(vec![0.1, 0.2]), ..Options::default() };
    options.resolve(&Inputs::new(Size::new(300, 200), 2), &Limits::default()).unwrap()
}

pub fn new_job() -> NewJob {
    let id = JobId::new();
    NewJob {
        id,
        recipe: recipe(),
        content: BlobKey::content(id),
        styles: vec![BlobKey::style(id, 1), BlobKey::style(id, 2)],
        masks: vec![BlobKey::mask(id, 1)],
        style_masks: vec![BlobKey::style_mask(id, 1), BlobKey::style_mask(id, 2)],
        initial: Some(BlobKey::initial(id)),
        notices: Vec::new(),
        terms: Terms::default(),
    }
}

/// Finishes the job of `claim`; returns the blobs that it no longer needs.
pub async fn succeed(store: &Arc<dyn JobStore>, claim: &ClaimKey) -> Result<Vec<BlobKey>, ClaimError> {
    store.succeed(claim, &BlobKey::result(claim), &BlobKey::result_16(claim)).await
}

pub fn client(name: &str) -> Client {
    Client::with_key(&name.parse().unwrap())
}

pub fn worker(name: &str) -> WorkerName {
    WorkerName(name.to_owned())
}

pub fn fingerprint(device: &str) -> Fingerprint {
    let text = |text: &str| text.to_owned();
    Fingerprint {
        backbone: text("vgg16"),
        weights: text("c0ffee"),
        device: text(device),
        precision: text("f32"),
        kernels: text("candle"),
    }
}

pub fn entry(stage: u32, epoch: u32) -> ProgressEntry {
    ProgressEntry {
        stage,
        epoch,
        content: 0.1 + f64::from(epoch),
        style: 0.2,
        tv: 0.3,
        total: 1.0 / 3.0,
        learning_rate: 0.08,
        seconds_per_epoch: 0.05,
    }
}
