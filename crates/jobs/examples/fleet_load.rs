//! What a fleet asks of one PostgreSQL, without the fleet: workers that paint in no time, and everything around them.
//!
//!     cargo run --release -p impasto-jobs --example fleet_load -- postgres://USER@HOST/DATABASE POSTMASTER_PID
//!
//! First each operation by itself, as often as it can be done; then a thousand workers at their own pace, and what the server's
//! processes take of a core for them. The second argument is the process id of the server, on this machine; the database is to be
//! empty, and holds finished jobs afterwards.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use impasto_jobs::{
    BlobKey, Claim, ClaimKey, Client, JobId, JobPlace, JobStore, NewJob, QueueLimits, Sight, Terms, WorkerName,
};
use impasto_recipe::{Fingerprint, Inputs, Limits, Options, ProgressEntry, Size};
use tokio::{task::JoinSet, time::interval};

/// Workers of the fleet.
const WORKERS: usize = 1000;
/// Processes that share their connections: as many as have ten each without a pooler.
const PROCESSES: usize = 10;
/// How long the fleet is looked at.
const FLEET_FOR: Duration = Duration::from_secs(60);
/// How long each operation is done by itself, by so many at once.
const ALONE_FOR: Duration = Duration::from_secs(5);
const AT_ONCE: usize = 16;

// What a worker does, by its defaults and a job of half a minute.
const JOB: Duration = Duration::from_secs(30);
const PROGRESS_EVERY: Duration = Duration::from_secs(1);
const CHECKPOINT_EVERY: Duration = Duration::from_secs(8);
const LEASE: Duration = Duration::from_secs(15);
const RENEW_EVERY: Duration = Duration::from_secs(5);
const STANDING_EVERY: Duration = Duration::from_secs(2);

// What the replicas of the API do.
const REPLICAS: usize = 4;
const STAMPS_EVERY: Duration = Duration::from_millis(200);
const LEASES_EVERY: Duration = Duration::from_secs(1);

const NO_LIMIT: QueueLimits = QueueLimits { all: u64::MAX, own: u64::MAX };

type Store = Arc<dyn JobStore>;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let (Some(database), Some(postmaster)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: fleet_load postgres://USER@HOST/DATABASE POSTMASTER_PID");
        std::process::exit(2);
    };
    let place = JobPlace::Server { database, listen: None };
    let mut stores = Vec::new();
    for _ in 0..PROCESSES {
        stores.push(place.open().await.expect("the database opens"));
    }
    let server = Server { postmaster };
    each_alone(&stores, &server).await;
    println!("\n{WORKERS} workers for {} s{:>28} {:>9}", FLEET_FOR.as_secs(), "workers alone", "all");
    let (workers, all) = (fleet(&stores, &server, false).await, fleet(&stores, &server, true).await);
    for (name, of) in [
        ("jobs a second", (|seen: &Seen| seen.jobs) as fn(&Seen) -> f64),
        ("progress entries a second", |seen| seen.entries),
        ("slowest operation, ms", |seen| seen.slowest),
        ("server's processes, of a core", |seen| seen.cores),
    ] {
        println!("{name:<30} {:>16.2} {:>9.2}", of(&workers), of(&all));
    }
}

/// Each operation as often as it can be done.
async fn each_alone(stores: &[Store], server: &Server) {
    println!("{:<22} {:>9} {:>16}", "alone, 16 at once", "a second", "core a thousand");
    measure("submit", stores, server, |store, _| async move { _ = submit(&store).await }).await;
    measure("claim", stores, server, |store, _| async move { drop(claim(&store).await) }).await;
    let claims: Arc<Vec<ClaimKey>> = Arc::new(running(&stores[0], 1000).await);
    let (all, entries) = (claims.clone(), Arc::new(AtomicU64::new(0)));
    measure("progress entry", stores, server, move |store, number| {
        let (claims, entries) = (all.clone(), entries.clone());
        async move {
            let epoch = entries.fetch_add(1, Ordering::Relaxed) as u32;
            store.record_progress(&claims[number % claims.len()], &entry(epoch)).await.expect("it is taken");
        }
    })
    .await;
    let all = claims.clone();
    measure("renewal", stores, server, move |store, number| {
        let claims = all.clone();
        async move { _ = store.renew(&claims[number % claims.len()]).await.expect("it stands") }
    })
    .await;
    let all = claims.clone();
    measure("look at a claim", stores, server, move |store, number| {
        let claims = all.clone();
        async move { _ = store.standing(&claims[number % claims.len()]).await.expect("it stands") }
    })
    .await;
    let all = claims.clone();
    measure("job, as polled", stores, server, move |store, number| {
        let claims = all.clone();
        async move { drop(store.find(claims[number % claims.len()].job, &Sight::All).await.expect("it is found")) }
    })
    .await;
    let ids: Arc<Vec<JobId>> = Arc::new(claims.iter().map(|claim| claim.job).collect());
    measure("stamps of 1000 jobs", stores, server, move |store, _| {
        let ids = ids.clone();
        async move { drop(store.stamps(&ids).await.expect("they are told")) }
    })
    .await;
    measure("request counted", stores, server, |store, number| async move {
        let client = Client::at(std::net::Ipv4Addr::from(number as u32 % 200).into());
        _ = store.take_turn(&client, std::num::NonZeroU32::MAX).await.expect("it is counted");
    })
    .await;
}

async fn measure<F, D>(name: &str, stores: &[Store], server: &Server, operation: F)
where
    F: Fn(Store, usize) -> D + Clone + Send + Sync + 'static,
    D: Future<Output = ()> + Send + 'static,
{
    let (began, used) = (Instant::now(), server.seconds());
    let mut tasks = JoinSet::new();
    for first in 0..AT_ONCE {
        let (store, operation) = (stores[first % stores.len()].clone(), operation.clone());
        tasks.spawn(async move {
            let mut done = 0;
            while began.elapsed() < ALONE_FOR {
                operation(store.clone(), first + done * AT_ONCE).await;
                done += 1;
            }
            done
        });
    }
    let done: usize = tasks.join_all().await.into_iter().sum();
    let (elapsed, used) = (began.elapsed().as_secs_f64(), server.seconds() - used);
    println!("{name:<22} {:>9.0} {:>16.2}", done as f64 / elapsed, 1000.0 * used / done as f64);
}

/// What was seen of a fleet.
struct Seen {
    jobs: f64,
    entries: f64,
    slowest: f64,
    cores: f64,
}

/// A thousand workers at their own pace, who always have a job: they claim, renew, look, report and finish. With `all` they save
/// checkpoints too, jobs are submitted for them as fast as they are done, and replicas of the API watch.
async fn fleet(stores: &[Store], server: &Server, all: bool) -> Seen {
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

/// The processes of a PostgreSQL server on this machine.
struct Server {
    postmaster: String,
}

impl Server {
    /// Processor seconds that they have taken so far, those that are gone included.
    fn seconds(&self) -> f64 {
        let ticks: u64 = fs::read_dir("/proc")
            .expect("there is /proc")
            .flatten()
            .filter_map(|entry| {
                let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
                let (id, rest) = stat.split_once(' ')?;
                let fields: Vec<&str> = rest.rsplit_once(')')?.1.split_ascii_whitespace().collect();
                let number = |field: usize| fields.get(field)?.parse::<u64>().ok();
                // State and parent come first; user and system time, and those of children that were waited for, are 11 to 14.
                let own = number(11)? + number(12)?;
                match (id == self.postmaster, fields.get(1) == Some(&self.postmaster.as_str())) {
                    (true, _) => Some(own + number(13)? + number(14)?),
                    (_, true) => Some(own),
                    _ => None,
                }
            })
            .sum();
        ticks as f64 / 100.0
    }
}

async fn submit(store: &Store) -> JobId {
    let id = JobId::new();
    let options = Options::default().resolve(&Inputs::new(Size::new(300, 200), 1), &Limits::default());
    let job = NewJob {
        id,
        recipe: options.expect("it is a recipe"),
        content: BlobKey::content(id),
        styles: vec![BlobKey::style(id, 1)],
        masks: Vec::new(),
        style_masks: Vec::new(),
        initial: None,
        notices: Vec::new(),
        terms: Terms::default(),
    };
    store.submit(job, &NO_LIMIT).await.expect("it is taken in").into_job().id
}

async fn claim(store: &Store) -> Option<Claim> {
    store.claim(&WorkerName::unique("load"), LEASE).await.expect("it looks")
}

/// So many jobs in the hands of workers.
async fn running(store: &Store, count: usize) -> Vec<ClaimKey> {
    let mut claims = Vec::new();
    while claims.len() < count {
        match claim(store).await {
            Some(claim) => claims.push(claim.key),
            None => drop(submit(store).await),
        }
    }
    claims
}

fn entry(epoch: u32) -> ProgressEntry {
    let loss = 1.0 / f64::from(epoch + 1);
    ProgressEntry {
        stage: 1,
        epoch,
        content: loss,
        style: loss,
        tv: loss,
        total: 3.0 * loss,
        learning_rate: 0.01,
        seconds_per_epoch: 0.1,
    }
}

fn fingerprint() -> Fingerprint {
    let text = str::to_owned;
    Fingerprint {
        backbone: text("vgg16"),
        weights: text("c0ffee"),
        device: text("cpu"),
        precision: text("f32"),
        kernels: text("none"),
    }
}
