//! `POST /v1/jobs`

use axum::{
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use impasto_jobs::{Job, JobId, NewJob, QueueLimits};

use super::job::answer;
use crate::{
    app::Shared,
    caller::Submits,
    form::JobForm,
    intake::Intake,
    order,
    pending::PendingBlobs,
    problem::{Problem, ProblemDocument},
    rendered::RenderedJob,
    request_log, upload,
    view::{JobView, path_of},
};

/// Submit a job
///
/// `curl -F content=@photograph.jpg -F style=@painting.jpg -F size=512 http://127.0.0.1:8080/v1/jobs`
///
/// Nothing is kept of a form that is refused.
#[utoipa::path(
    post,
    path = "/v1/jobs",
    tag = "jobs",
    operation_id = "submitJob",
    request_body(content = JobForm, content_type = "multipart/form-data"),
    responses(
        (status = 202, description = "The job, which waits for a worker now", body = JobView, headers(
            ("Location" = String, description = "The job's path"),
            ("ETag" = String, description = "The job's revision, as a weak entity tag"),
            ("Retry-After" = u64, description = "Seconds after which to ask for the job"),
        )),
        (status = 400, description = "The multipart form is broken",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 408, description = "The form did not arrive in time",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 413, description = "A file has too many bytes or a picture too many pixels; `field` says which",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 415, description = "The request is no multipart form",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 422, description = "A picture or an option is missing, unknown, or cannot be; `field` says which",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 500, description = "The service made a mistake; its log says which.",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "The queue is full, too much is uploaded or decoded at once, or the store of jobs or \
            pictures does not answer",
            body = ProblemDocument, content_type = "application/problem+json", headers(
                ("Retry-After" = u64, description = "Seconds to wait before the next try"),
            )),
    ),
)]
pub(crate) async fn submit(
    State(app): State<Shared>,
    Submits(caller): Submits,
    request: Request,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let intake = Intake::new(&head.headers, body, &app.settings);
    let id = JobId::new();
    let blobs = PendingBlobs::new(app.clone(), id);
    let ordered = async {
        // Kept until the pictures are looked at: a connection that has carried an upload holds on to its buffers.
        let _room = app.bounds.upload().await?;
        order::resolve(&app, &caller, id, upload::receive(&app, id, &head.headers, &intake).await?).await
    };
    match ordered.await {
        Ok(mut job) => {
            job.terms.request = request_log::id_of(&head.headers).map(str::to_owned);
            let job = RenderedJob::of(enqueue(app, job, blobs).await?)?;
            let location = path_of(id);
            let mut response = answer(StatusCode::ACCEPTED, &job);
            // A path of letters, digits, slashes and hyphens is a header value.
            let location = HeaderValue::try_from(location).map_err(|error| Problem::internal(&error))?;
            response.headers_mut().insert(header::LOCATION, location);
            Ok(response)
        }
        Err(problem) => {
            blobs.discard().await;
            intake.drain().await;
            Err(problem)
        }
    }
}

/// Puts the job into the queue. A client that goes away meanwhile changes nothing: its job is there with its blobs, or
/// neither is.
async fn enqueue(app: Shared, job: NewJob, blobs: PendingBlobs) -> Result<Job, Problem> {
    let (id, preset) = (job.id, job.recipe.preset);
    let background = app.background.clone();
    let submitting = background.spawn(async move {
        match app.jobs.submit(job, &QueueLimits::of_all(app.settings.max_queued)).await {
            Ok(submitted) => {
                blobs.keep();
                Ok(submitted.into_job())
            }
            Err(refusal) => {
                blobs.discard().await;
                Err(Problem::from(refusal))
            }
        }
    });
    let job = submitting.await.map_err(|died| Problem::internal(&died))??;
    tracing::info!(job = %id, %preset, styles = job.styles.len(), "job submitted");
    Ok(job)
}
