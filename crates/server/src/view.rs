//! A job as the API shows it.

use impasto_jobs::{Attempt, Cursor, Delivery, Job, JobError, JobId, JobPage, Priority, Status};
use impasto_recipe::{Fingerprint, Position, ProgressEntry, Recipe};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::public_path::PublicPath;

/// One request to stylise.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Job)]
pub(crate) struct JobView {
    /// Its name.
    #[schema(value_type = String, format = Uuid)]
    id: JobId,
    /// Where it stands: `queued`, then `running`, then `succeeded`, `failed` or `canceled`. A running job whose worker
    /// stops goes back to `queued`.
    status: Status,
    /// When it was submitted.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When a worker first took it.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    started_at: Option<Timestamp>,
    /// When it came to its end.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    finished_at: Option<Timestamp>,
    /// Its place in the queue, 1 being the next; null unless it is queued. It may change while the ETag does not.
    #[schema(required)]
    queue_position: Option<u64>,
    /// Its options, resolved.
    recipe: Recipe,
    /// What computes it; null until a worker has said so.
    #[schema(required)]
    fingerprint: Option<Fingerprint>,
    /// How far it has come.
    progress: Progress,
    /// Why it failed; null unless it did.
    #[schema(required)]
    error: Option<JobError>,
    /// A number that state changes and progress entries alone raise. The ETag is made of it.
    revision: u64,
    /// How often a worker has taken it.
    #[schema(value_type = u32)]
    attempt: Attempt,
    /// Whether someone asked for it to stop. A running job stops within an epoch or a few.
    cancel_requested: bool,
    /// What was done to its files to read them, and then what befell it on the way, in sentences for people.
    notices: Vec<String>,
    /// Before and after whose jobs it is done.
    priority: Priority,
    /// When it fails unless a worker has begun it by then; null where it may wait.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    start_by: Option<Timestamp>,
    /// Whom its end is told to; null where that is nobody.
    #[schema(required)]
    webhook: Option<Webhook>,
    /// Where to go from here.
    links: Links,
    /// Seconds after which there may be news: the next progress entry, or the end. `None` once the job has ended.
    #[serde(skip)]
    #[schema(ignore)]
    retry_after: Option<u64>,
}

/// How far a job has come, by its last progress entry.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Progress {
    /// The stage, counted from 1.
    stage: u32,
    /// How many stages there are.
    stages: usize,
    /// The epochs of this stage that are done.
    epoch: u32,
    /// The epochs of this stage.
    epochs: u32,
    /// The part of all work that is done, from 0 to 1; epochs are weighed by their stage's pixels.
    fraction: f64,
    /// Seconds to go; null while that is unknown.
    #[schema(required)]
    eta_seconds: Option<f64>,
    /// The progress entries so far, in order: all of them, or some 200 spread evenly with the first and the last among
    /// them. `links.losses` has all. Lists carry none.
    losses: Vec<ProgressEntry>,
}

/// An address that is told of a job's end.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Webhook {
    /// The address.
    url: String,
    /// What it was told, or is to be told: none before the job has ended. Lists carry none.
    deliveries: Vec<DeliveryView>,
}

/// A message to a webhook.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Delivery)]
pub(crate) struct DeliveryView {
    /// The message's name, which comes as `webhook-id` with every try.
    id: String,
    /// How often it was tried.
    tries: u32,
    /// When it is tried next; null once it is delivered or given up.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    next_try_at: Option<Timestamp>,
    /// When it was taken; null until it is.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    delivered_at: Option<Timestamp>,
    /// The status that the last try was answered with; null where it was not answered.
    #[schema(required)]
    last_status: Option<u16>,
    /// Why the last try failed; null where none has, or the last one has not.
    #[schema(required)]
    last_error: Option<String>,
}

/// Paths that belong to a job, relative to the origin of the service.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Links {
    /// The job.
    #[serde(rename = "self")]
    job: String,
    /// The finished picture.
    result: String,
    /// The composite image as last saved.
    preview: String,
    /// Every progress entry.
    losses: String,
    /// The same progress as server-sent events.
    events: String,
    /// POST here to stop it.
    cancel: String,
}

/// Losses of a job.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Losses)]
pub(crate) struct LossesView {
    /// Every progress entry after the place asked for, in the order of stages and epochs.
    pub losses: Vec<ProgressEntry>,
}

/// A page of the list of jobs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JobList)]
pub(crate) struct ListView {
    /// The jobs, the one submitted last first.
    jobs: Vec<JobView>,
    /// Give this as `cursor` for the next page; null on the last one.
    #[schema(required)]
    next: Option<String>,
}

/// The path of a job of a service that is seen under `under`.
pub(crate) fn path_of(id: JobId, under: &PublicPath) -> String {
    under.before(&format!("/v1/jobs/{id}"))
}

/// The path of the preview number `number` of a job: another number, another address, so that a page shows another picture.
pub(crate) fn preview_path(id: JobId, under: &PublicPath, number: u64) -> String {
    format!("{}/preview?v={number}", path_of(id, under))
}

impl JobView {
    /// The job as a service shows it that is seen under `under`.
    pub fn of(job: Job, under: &PublicPath) -> Self {
        let path = path_of(job.id, under);
        let progress = Progress::of(&job);
        Self {
            id: job.id,
            status: job.status,
            created_at: job.created_at,
            started_at: job.started_at,
            finished_at: job.finished_at,
            queue_position: job.queue_position,
            retry_after: retry_after(&job, progress.eta_seconds),
            progress: Progress { losses: job.losses, ..progress },
            recipe: job.recipe,
            fingerprint: job.fingerprint,
            error: job.error,
            revision: job.revision,
            attempt: job.attempt,
            cancel_requested: job.cancel_requested,
            notices: job.notices,
            priority: job.priority,
            start_by: job.start_by,
            webhook: job
                .webhook
                .map(|url| Webhook { url, deliveries: job.deliveries.into_iter().map(DeliveryView::from).collect() }),
            links: Links {
                result: format!("{path}/result"),
                preview: format!("{path}/preview"),
                losses: format!("{path}/losses"),
                events: format!("{path}/events"),
                cancel: format!("{path}/cancel"),
                job: path,
            },
        }
    }
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        let Delivery { id, tries, next_try_at, delivered_at, last_status, last_error } = delivery;
        Self { id, tries, next_try_at, delivered_at, last_status, last_error }
    }
}

impl ListView {
    /// The page as a service shows it that is seen under `under`.
    pub fn of(page: JobPage, under: &PublicPath) -> Self {
        let next = page.next.map(|cursor: Cursor| cursor.to_string());
        Self { jobs: page.jobs.into_iter().map(|job| JobView::of(job, under)).collect(), next }
    }
}

impl Progress {
    /// What the latest entry of `job` tells, with no losses yet.
    fn of(job: &Job) -> Self {
        let (recipe, latest) = (&job.recipe, job.latest());
        let position = latest.map_or(Position::START, ProgressEntry::position);
        let stage = position.stage.checked_sub(1).and_then(|index| recipe.stages.get(index as usize));
        Self {
            stage: position.stage,
            stages: recipe.stages.len(),
            epoch: position.epoch,
            epochs: stage.map_or(0, |stage| stage.epochs),
            fraction: recipe.fraction_done(position),
            eta_seconds: if job.status == Status::Running { recipe.seconds_left(&job.stage_ends) } else { None },
            losses: Vec::new(),
        }
    }
}

/// The range of `Retry-After` in seconds, so that a client that obeys it neither sleeps nor knocks all the time.
const RETRY_AFTER: std::ops::RangeInclusive<f64> = 1.0..=10.0;

fn retry_after(job: &Job, eta_seconds: Option<f64>) -> Option<u64> {
    let to_next_entry = job.latest().map_or(0.0, |entry| {
        let to_end = eta_seconds.unwrap_or(0.0);
        to_end.min(entry.seconds_per_epoch * f64::from(job.recipe.report_every))
    });
    let seconds = to_next_entry.ceil().clamp(*RETRY_AFTER.start(), *RETRY_AFTER.end());
    (!job.status.is_finished()).then_some(seconds as u64)
}

impl JobView {
    /// The same with no losses in it.
    pub fn without_losses(mut self) -> Self {
        self.progress.losses.clear();
        self
    }

    /// Seconds after which to ask again; `None` once the job has ended.
    pub fn retry_after(&self) -> Option<u64> {
        self.retry_after
    }
}
