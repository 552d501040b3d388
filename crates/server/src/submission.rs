//! From a request to a job in the queue.

use axum::extract::Request;
use impasto_jobs::{Idempotency, Job, JobId, NewJob, SubmitError, Submitted};
use tracing::Instrument;

use crate::{
    app::Shared, caller::Caller, fields::Fields, idempotency, intake::Intake, order, pending::PendingBlobs,
    problem::Problem, public_path::PublicPath, quota::Tally, rendered::RenderedJob, request_id, terms, upload,
};

/// The job that a request asked for.
#[derive(Debug)]
pub(crate) struct Submission {
    pub id: JobId,
    pub job: RenderedJob,
    /// Whether this request has made it, and not the same request before.
    pub is_new: bool,
}

/// Takes in the form of `request` and puts the job that it asks for into the queue. `fields` are those that were given
/// before the form, and `under` is where the client sees the service. Nothing is kept of a form that is refused, or that came before.
pub(crate) async fn take_in(
    app: &Shared,
    caller: &Caller,
    under: &PublicPath,
    request: Request,
    fields: Fields,
) -> Result<Submission, Problem> {
    let (head, body) = request.into_parts();
    let intake = Intake::new(&head.headers, body, &app.settings);
    let id = JobId::new();
    let blobs = PendingBlobs::new(app.clone(), id);
    let ordered = async {
        let idempotency = idempotency::key(&head.headers)?;
        // Kept until the pictures are looked at: a connection that has carried an upload holds on to its buffers.
        let _room = app.bounds.upload(caller.client()).await?;
        // A repeat counts as well: only what has arrived tells that it is one.
        let tally = Tally::begin(app, caller.client()).await?;
        intake.count_for(tally.clone());
        let order = upload::receive(app, id, &head.headers, &intake, fields).await?;
        let idempotency = idempotency.map(|key| Idempotency { key, fingerprint: order.fields.asked.fingerprint() });
        if let Some(request) = &idempotency
            // A repeated request is not to fail for what has changed since: a job that it goes on from may be deleted, and the
            // operator may have other rules.
            && let Some(job) = app.jobs.find_repeated(caller.client(), request).await?
        {
            return Ok(Ordered::Before(Box::new(job)));
        }
        let mut terms = terms::of(app, caller, idempotency, &order.fields)?;
        terms.request = request_id::of(&head.headers).map(str::to_owned);
        let job = order::resolve(app, caller, &tally, id, terms, order).await?;
        Ok(Ordered::Now(Box::new(job)))
    };
    match ordered.await {
        Ok(Ordered::Now(job)) => enqueue(app.clone(), *job, under, blobs).await,
        Ok(Ordered::Before(job)) => {
            blobs.discard().await;
            submission(*job, under, false)
        }
        Err(problem) => {
            blobs.discard().await;
            intake.drain().await;
            Err(problem)
        }
    }
}

/// What a form asks for.
enum Ordered {
    Now(Box<NewJob>),
    /// What the same request has asked for before.
    Before(Box<Job>),
}

/// Puts the job into the queue. A client that goes away meanwhile changes nothing: its job is there with its blobs, or
/// is not there.
async fn enqueue(app: Shared, job: NewJob, under: &PublicPath, blobs: PendingBlobs) -> Result<Submission, Problem> {
    let (preset, styles) = (job.recipe.preset, job.styles.len());
    let background = app.background.clone();
    let submitting = async move {
        match app.jobs.submit(job, &app.limits.in_queue(app.settings.max_queued)).await {
            Ok(submitted) => {
                let is_new = matches!(submitted, Submitted::New(_));
                if is_new {
                    blobs.keep();
                } else {
                    blobs.discard().await;
                }
                Ok((submitted.into_job(), is_new))
            }
            // The answer alone may be lost: then the job waits for these blobs. Where it does not, they are the sweeper's.
            Err(SubmitError::Store(error)) => {
                blobs.keep();
                Err(Problem::from(error))
            }
            Err(refusal) => {
                blobs.discard().await;
                Err(Problem::from(refusal))
            }
        }
    };
    let (job, is_new) =
        background.spawn(submitting.in_current_span()).await.map_err(|died| Problem::internal(&died))??;
    if is_new {
        tracing::info!(job = %job.id, %preset, styles, "job submitted");
    }
    submission(job, under, is_new)
}

fn submission(job: Job, under: &PublicPath, is_new: bool) -> Result<Submission, Problem> {
    if !is_new {
        tracing::info!(job = %job.id, "job submitted again");
    }
    Ok(Submission { id: job.id, job: RenderedJob::of(job, under)?, is_new })
}
