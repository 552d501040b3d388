//! Jobs as JSON, made once for all who ask while nothing changes.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use impasto_jobs::{Attempt, Client, Job, JobId, Sight, Stamp};
use impasto_recipe::{Fingerprint, Position, ProgressEntry};
use quick_cache::{Weighter, sync::Cache};
use tokio::time::Instant;

use crate::{app::App, compression, problem::Problem, public_path::PublicPath, view::JobView, watcher};

/// Bytes of JSON that are kept.
const MOST_BYTES: u64 = 16 << 20;
/// Jobs that these are likely to be of.
const LIKELY_JOBS: usize = 1000;

/// A job as JSON, and what the headers of an answer say of it.
#[derive(Debug)]
pub(crate) struct RenderedJob {
    pub body: Bytes,
    /// The body for those who take gzip, once somebody has; `None` where it is not worth it.
    compressed: OnceLock<Option<Bytes>>,
    /// The body without its losses, as streams of events tell it.
    pub state: String,
    client: Client,
    pub stamp: Stamp,
    pub revision: u64,
    pub attempt: Attempt,
    /// Where its last progress entry is.
    pub latest: Position,
    pub fingerprint: Option<Fingerprint>,
    pub is_finished: bool,
    /// Seconds after which to ask again; `None` once the job has ended.
    pub retry_after: Option<u64>,
}

impl RenderedJob {
    /// The job as a service shows it that is seen under `under`.
    pub fn of(job: Job, under: &PublicPath) -> Result<Self, Problem> {
        let (is_finished, client, stamp) = (job.status.is_finished(), job.client.clone(), job.stamp());
        let latest = job.latest().map_or(Position::START, ProgressEntry::position);
        let (attempt, fingerprint) = (job.attempt, job.fingerprint.clone());
        let view = JobView::of(job, under);
        let body = serde_json::to_vec(&view).map_err(|error| Problem::internal(&error))?.into();
        let retry_after = view.retry_after();
        let state = serde_json::to_string(&view.without_losses()).map_err(|error| Problem::internal(&error))?;
        let (compressed, revision) = (OnceLock::new(), stamp.revision);
        Ok(Self {
            body,
            compressed,
            state,
            client,
            stamp,
            revision,
            attempt,
            latest,
            fingerprint,
            is_finished,
            retry_after,
        })
    }

    /// The body in gzip, made once for all who ask; `None` where it is not worth it.
    pub fn compressed(&self) -> Option<Bytes> {
        // Should it fail, which it cannot in memory, the answer goes out as it is.
        self.compressed.get_or_init(|| compression::gzip(&self.body).ok().flatten()).clone()
    }
}

/// A job as it stood at some time, as it is seen under a path: its links have that.
type Name = (JobId, Stamp, PublicPath);

/// What came of waiting for the end of a job.
#[derive(Debug)]
pub(crate) enum Waited {
    /// It has ended.
    Ended(Arc<RenderedJob>),
    /// It has not, and the time is up or the service shuts down.
    InVain,
    /// There was no room for one more that waits.
    Not,
}

/// Those that were asked for last.
#[derive(Debug)]
pub(crate) struct RenderedJobs(Cache<Name, Arc<RenderedJob>, Bodies>);

#[derive(Debug, Clone)]
struct Bodies;

impl Weighter<Name, Arc<RenderedJob>> for Bodies {
    fn weight(&self, _: &Name, job: &Arc<RenderedJob>) -> u64 {
        // Its compressed form comes later, and is no larger.
        (2 * job.body.len() + job.state.len()) as u64
    }
}

impl Default for RenderedJobs {
    fn default() -> Self {
        Self(Cache::with_weighter(LIKELY_JOBS, MOST_BYTES, Bodies))
    }
}

/// The job `id` as it is now, if `sight` sees it, for who sees the service under `under`.
pub(crate) async fn job(app: &App, id: JobId, sight: &Sight, under: &PublicPath) -> Result<Arc<RenderedJob>, Problem> {
    let job = whosever(app, id, under).await?;
    if sight.sees(&job.client) { Ok(job) } else { Err(Problem::no_such_job(&id)) }
}

/// Waits for the end of the job `id`, whosever it is, on behalf of `client` and for no longer than `wait`.
pub(crate) async fn wait_for_end(
    app: &App,
    client: &Client,
    id: JobId,
    under: &PublicPath,
    wait: Duration,
) -> Result<Waited, Problem> {
    let Ok(_place) = app.bounds.waiting(client) else { return Ok(Waited::Not) };
    let until = Instant::now() + wait;
    loop {
        let job = whosever(app, id, under).await?;
        if job.is_finished {
            return Ok(Waited::Ended(job));
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || app.shutdown.is_cancelled() {
            return Ok(Waited::InVain);
        }
        watcher::for_change(app, id, job.revision, left).await?;
    }
}

async fn whosever(app: &App, id: JobId, under: &PublicPath) -> Result<Arc<RenderedJob>, Problem> {
    let stamp = watcher::stamp(app, id).await?;
    match app.rendered.0.get_value_or_guard_async(&(id, stamp, under.clone())).await {
        Ok(rendered) => Ok(rendered),
        Err(guard) => {
            let job = app.find_job(id, &Sight::All).await?;
            // It may have changed since its stamp was told. Then it is not what the next one with that stamp is to see.
            let is_current = job.stamp() == stamp;
            let rendered = Arc::new(RenderedJob::of(job, under)?);
            if is_current {
                // Whoever holds the guard is alone; it refuses only what was removed meanwhile.
                drop(guard.insert(rendered.clone()));
            }
            Ok(rendered)
        }
    }
}
