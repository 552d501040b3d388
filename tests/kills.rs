//! `kill -9` at seeded moments over a queue of jobs: whatever is killed, every job that was accepted ends in the picture of a
//! run that nothing disturbed.
//!
//! `IMPASTO_KILLS` says how many moments (12 unless told), `IMPASTO_SEED` which. It prints a line a kill.

mod common;

use std::{
    collections::BTreeSet,
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use common::{
    Service, id_of, is_finished,
    jobs::{result, service_with, undisturbed_picture},
    pictures,
    processes::workers_of,
};
use fastrand::Rng;
use impasto_jobs::{BlobStore, JobPlace, JobQuery, Retention, Sight, Status, Sweeper};
use rustix::process::{Signal, kill_process};
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

/// Each takes a second or two.
const RECIPES: [&[(&str, &str)]; 3] = [
    &[("stages", "48x36:30,64x48:10"), ("report_every", "3")],
    &[("stages", "56x42:24"), ("optimiser", "adam"), ("learning_rate", "0.05"), ("report_every", "2")],
    &[("stages", "40x30:20:7"), ("objective", "published"), ("optimiser", "adam"), ("report_every", "5")],
];

/// What is killed.
#[derive(Debug, Clone, Copy)]
enum Victim {
    /// Everything, as by a power cut.
    Everything,
    /// The API and supervisor alone.
    Service,
    /// The worker alone.
    Worker,
}

/// When it is killed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// So long after the processes were started, wherever they are then.
    StartUp(Duration),
    /// So long after the service answers.
    Later(Duration),
    /// When a job's attempt number rises.
    Claim,
    /// When a job's revision rises.
    Progress,
    /// While a checkpoint is written.
    Checkpoint,
    /// While a result is written.
    Result,
    /// So long after an upload began.
    Upload(Duration),
}

fn moment(rng: &mut Rng) -> (Victim, Moment) {
    let mut within = |milliseconds: u64| Duration::from_micros(rng.u64(0..milliseconds * 1000));
    let (soon, later, upload) = (within(20), within(1500), within(30));
    let moment = match rng.u8(0..10) {
        0 => Moment::StartUp(soon),
        1 | 2 => Moment::Later(later),
        3 => Moment::Claim,
        4 => Moment::Progress,
        5 | 6 => Moment::Checkpoint,
        7 | 8 => Moment::Result,
        _ => Moment::Upload(upload),
    };
    let victim = match rng.u8(0..4) {
        0 | 1 => Victim::Everything,
        2 => Victim::Service,
        _ => Victim::Worker,
    };
    (victim, moment)
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StartUp(after) => write!(f, "{after:?} after it was started"),
            Self::Later(after) => write!(f, "{after:?} after it answered"),
            Self::Claim => f.write_str("in a claim"),
            Self::Progress => f.write_str("in a progress entry"),
            Self::Checkpoint => f.write_str("in a checkpoint"),
            Self::Result => f.write_str("in a result"),
            Self::Upload(after) => write!(f, "{after:?} into an upload"),
        }
    }
}

/// The longest that a moment is waited for: when all jobs are done, most of them do not come.
const PATIENCE: Duration = Duration::from_secs(4);

fn from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |value| value.parse().expect("a whole number"))
}

async fn start(data: &Path) -> Service {
    // They are killed from outside, and no job is to answer for it.
    service_with(data, &[("WORKERS__LEASE_SECONDS", "5"), ("WORKERS__MOST_CRASHES", "1000")]).await
}

/// The jobs that were accepted, each with the number of its recipe.
type Accepted = Vec<(String, usize)>;

async fn submit(service: &Service, accepted: &mut Accepted) {
    let recipe = accepted.len() % RECIPES.len();
    let job = service.submit(RECIPES[recipe]).await;
    accepted.push((id_of(&job).to_owned(), recipe));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_job_ends_in_its_picture_whatever_is_killed() {
    let (kills, seed) = (from_environment("IMPASTO_KILLS", 12), from_environment("IMPASTO_SEED", 1));
    let mut rng = Rng::with_seed(seed);
    let data = tempfile::tempdir().expect("there is room");
    let expected = RECIPES.map(|recipe| undisturbed_picture(data.path(), recipe));
    let mut accepted = Accepted::new();

    for number in 1..=kills {
        let (victim, moment) = moment(&mut rng);
        let hit = live_until_killed(data.path(), victim, moment, &mut accepted, &mut rng).await;
        let missed = if hit { "" } else { " (which did not come)" };
        println!("kill {number} of {kills}: {victim:?} {moment}{missed}");
    }

    let service = start(data.path()).await;
    for (id, recipe) in &accepted {
        let job = service.wait_until_finished(id).await;
        assert_eq!(job["status"], "succeeded", "{job:#}");
        assert!(result(&service, &job).await == expected[*recipe], "job {id}: the picture of an undisturbed run");
    }
    // A job whose acceptance was never heard of is a job all the same.
    for job in all_jobs(&service).await {
        let job = service.wait_until_finished(id_of(&job)).await;
        assert_eq!(job["status"], "succeeded", "{job:#}");
    }
    assert!(service.stop_gently().await.success());
    assert_stores_agree(data.path()).await;
    println!("{kills} kills with seed {seed}: {} jobs, each with its picture", accepted.len());
}

/// Starts the service, gives it something to do, and kills the victim at the moment. Whether the moment came.
async fn live_until_killed(
    data: &Path,
    victim: Victim,
    moment: Moment,
    accepted: &mut Accepted,
    rng: &mut Rng,
) -> bool {
    if let Moment::StartUp(after) = moment {
        // Dropped, it kills all of its processes, wherever they are.
        return timeout(after, start(data)).await.is_err();
    }
    let service = start(data).await;
    while unfinished(&service).await < 2 {
        submit(&service, accepted).await;
    }
    let hit = timeout(PATIENCE, wait_for(&service, data, moment)).await.is_ok();
    match victim {
        Victim::Everything => service.kill().await,
        Victim::Service => {
            service.signal(Signal::KILL);
            // Its workers hand their jobs back meanwhile, or are killed while they do.
            sleep(Duration::from_millis(rng.u64(0..300))).await;
            service.kill().await;
        }
        Victim::Worker => {
            for worker in workers_of(&service) {
                // It may have ended by itself.
                let _ = kill_process(worker, Signal::KILL);
            }
            let next = accepted.first().map(|(id, _)| id.clone()).expect("a job was accepted");
            assert!(service.get(&format!("/v1/jobs/{next}")).await.status().is_success(), "the API does not notice");
            // Another worker takes the job up meanwhile.
            sleep(Duration::from_millis(rng.u64(0..1500))).await;
            service.kill().await;
        }
    }
    hit
}

async fn wait_for(service: &Service, data: &Path, moment: Moment) {
    match moment {
        Moment::StartUp(after) | Moment::Later(after) => sleep(after).await,
        Moment::Claim => changed(service, "attempt").await,
        Moment::Progress => changed(service, "revision").await,
        Moment::Checkpoint => unfinished_file(data, "checkpoint-").await,
        Moment::Result => unfinished_file(data, "result-").await,
        Moment::Upload(after) => {
            let (content, styles) = (pictures::photograph(900, 600), [pictures::painting(900, 600)]);
            let upload = service.order(&content, &styles, RECIPES[2]);
            drop(timeout(after, upload).await);
        }
    }
}

/// Waits until a number of the job that runs rises.
async fn changed(service: &Service, number: &str) {
    let value = async || all_jobs(service).await.iter().filter_map(|job| job[number].as_u64()).sum::<u64>();
    let before = value().await;
    while value().await == before {}
}

/// Waits until a blob is being written, or has just been.
async fn unfinished_file(data: &Path, name: &str) {
    let before = blobs(data);
    let is_new = |path: &PathBuf| path.to_string_lossy().contains(name) && !before.contains(path);
    while !blobs(data).iter().any(is_new) {
        tokio::task::yield_now().await;
    }
}

/// Every file of the blob store.
fn blobs(data: &Path) -> BTreeSet<PathBuf> {
    let entries = |folder: PathBuf| std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries(data.join("blobs/jobs")).flat_map(entries).collect()
}

async fn all_jobs(service: &Service) -> Vec<Value> {
    let page: Value = service.get("/v1/jobs?limit=100").await.json().await.expect("a list is JSON");
    page["jobs"].as_array().expect("jobs").clone()
}

async fn unfinished(service: &Service) -> usize {
    all_jobs(service).await.iter().filter(|job| !is_finished(job)).count()
}

/// No blob without a row once the sweeper was there, and no row without its blobs.
async fn assert_stores_agree(data: &Path) {
    let jobs = JobPlace::File(data.join("impasto.db")).open().await.expect("the database opens");
    let store = BlobStore::local(&data.join("blobs")).expect("the folder opens");
    let mut sweeper = Sweeper::new(jobs.clone(), store, Retention::default(), Duration::ZERO);
    let began = Instant::now();
    let swept = sweeper.sweep().await.expect("the stores can be swept");
    println!("the sweep found {} blobs that no job names, in {:?}", swept.litter, began.elapsed());
    let mut named = BTreeSet::new();
    let mut cursor = None;
    loop {
        let page = jobs
            .list(&JobQuery { status: None, limit: 100, cursor }, &Sight::All)
            .await
            .expect("the jobs can be listed");
        for job in page.jobs {
            assert_eq!(job.status, Status::Succeeded);
            let pictures = job.styles.iter().chain([&job.content]).chain(&job.masks).chain(&job.style_masks);
            let keys = pictures.chain(&job.initial).chain(&job.preview).chain(&job.result).chain(&job.result_16);
            named.extend(keys.map(|key| data.join("blobs").join(key.as_str())));
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(blobs(data), named, "every blob has its row, and every row its blobs");
}
