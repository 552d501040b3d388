//! A fleet at its own pace.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use impasto_jobs::BlobKey;
use tokio::{task::JoinSet, time::interval};

use crate::{
    Store,
    requests::{claim, entry, fingerprint, submit},
    server::Server,
};

/// Workers of the fleet.
pub const WORKERS: usize = 1000;
/// How long the fleet is looked at.
pub const FLEET_FOR: Duration = Duration::from_secs(60);

// What a worker does, by its defaults and a job of half a minute.
const JOB: Duration = Duration::from_secs(30);
const PROGRESS_EVERY: Duration = Duration::from_secs(1);
const CHECKPOINT_EVERY: Duration = Duration::from_secs(8);
const RENEW_EVERY: Duration = Duration::from_secs(5);
const STANDING_EVERY: Duration = Duration::from_secs(2);

// What the replicas of the API do.
const REPLICAS: usize = 4;
const STAMPS_EVERY: Duration = Duration::from_millis(200);
const LEASES_EVERY: Duration = Duration::from_secs(1);

/// What was seen of a fleet.
pub struct Seen {
    pub jobs: f64,
    pub entries: f64,
    pub slowest: f64,
    pub cores: f64,
}

/// A thousand workers at their own pace, who always have a job: they claim, renew, look, report and finish. With `all` they save
/// checkpoints too, jobs are submitted for them as fast as they are done, and replicas of the API watch.
pub async fn fleet(stores: &[Store], server: &Server, all: bool) -> Seen {
    let counts = Arc::new(Counts::default());
    if !all {
        // As many as will be done.
        let jobs = WORKERS * (2 + ((JOB + FLEET_FOR).as_secs() / JOB.as_secs()) as usize);
        for store in stores {
            for _ in 0..jobs / stores.len() {
                submit(store).await;
            }
        }
    }
    let mut tasks = JoinSet::new();
    for number in 0..WORKERS {
        let (store, counts) = (stores[number % stores.len()].clone(), counts.clone());
        tasks.spawn(async move {
            // They do not all begin at once.
            tokio::time::sleep(JOB * number as u32 / WORKERS as u32).await;
            loop {
                if all {
                    submit(&store).await;
                }
                work(&store, &counts, all).await;
            }
        });
    }
    for number in 0..if all { REPLICAS } else { 0 } {
        tasks.spawn(watch(stores[number % stores.len()].clone()));
    }
    tokio::time::sleep(JOB).await;
    counts.take();
    let (began, used) = (Instant::now(), server.seconds());
    tokio::time::sleep(FLEET_FOR).await;
    let (elapsed, used) = (began.elapsed().as_secs_f64(), server.seconds() - used);
    let (jobs, entries, slowest) = counts.take();
    Seen {
        jobs: jobs as f64 / elapsed,
        entries: entries as f64 / elapsed,
        slowest: slowest as f64,
        cores: used / elapsed,
    }
}

/// Sees one job through.
async fn work(store: &Store, counts: &Counts, all: bool) {
    let Some(claim) = counts.timed(claim(store)).await else { return };
    let key = claim.key;
    counts.timed(store.begin(&key, &fingerprint())).await.expect("it begins");
    let began = Instant::now();
    let [mut progress, mut checkpoints, mut renewals, mut standings] =
        [PROGRESS_EVERY, CHECKPOINT_EVERY, RENEW_EVERY, STANDING_EVERY].map(interval);
    let mut epoch = 0;
    while began.elapsed() < JOB {
        tokio::select! {
            _ = progress.tick() => {
                epoch += 10;
                counts.timed(store.record_progress(&key, &entry(epoch))).await.expect("it is taken");
                counts.entries.fetch_add(1, Ordering::Relaxed);
            }
            _ = checkpoints.tick(), if all => {
                let blobs = (BlobKey::checkpoint(&key, epoch.into()), BlobKey::preview(&key, epoch.into()));
                drop(counts.timed(store.save_checkpoint(&key, &blobs.0, &blobs.1)).await.expect("it is saved"));
            }
            _ = renewals.tick() => { _ = counts.timed(store.renew(&key)).await.expect("it stands"); }
            _ = standings.tick() => { _ = counts.timed(store.standing(&key)).await.expect("it stands"); }
        }
    }
    let (result, result_16) = (BlobKey::result(&key), BlobKey::result_16(&key));
    drop(counts.timed(store.succeed(&key, &result, &result_16)).await.expect("it ends"));
    counts.jobs.fetch_add(1, Ordering::Relaxed);
}

/// What a replica of the API asks, whoever polls it: how all jobs stand that anybody waits for, and whose workers live.
async fn watch(store: Store) {
    let (mut stamps, mut leases) = (interval(STAMPS_EVERY), interval(LEASES_EVERY));
    let mut ids = Vec::new();
    loop {
        tokio::select! {
            _ = stamps.tick() => drop(store.stamps(&ids).await.expect("they are told")),
            _ = leases.tick() => {
                ids = store.leases().await.expect("they are told").into_iter().map(|lease| lease.claim.job).collect();
                store.probe().await.expect("it writes");
                store.fail_unstarted().await.expect("it looks");
            }
        }
    }
}

#[derive(Default)]
struct Counts {
    jobs: AtomicU64,
    entries: AtomicU64,
    /// In milliseconds.
    slowest: AtomicU64,
}

impl Counts {
    async fn timed<T>(&self, operation: impl Future<Output = T>) -> T {
        let began = Instant::now();
        let outcome = operation.await;
        self.slowest.fetch_max(began.elapsed().as_millis() as u64, Ordering::Relaxed);
        outcome
    }

    fn take(&self) -> (u64, u64, u64) {
        let take = |count: &AtomicU64| count.swap(0, Ordering::Relaxed);
        (take(&self.jobs), take(&self.entries), take(&self.slowest))
    }
}
