//! `POST /v1/jobs`

use std::time::Duration;

use axum::{
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    response::Response,
};

use super::job::answer;
use crate::{
    app::Shared,
    caller::Submits,
    fields::Fields,
    form::JobForm,
    prefer,
    problem::{Problem, ProblemDocument},
    public_path::PublicPath,
    rendered::{self, Waited},
    submission::{self, Submission},
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
    params(
        ("Idempotency-Key" = Option<String>, Header, nullable = false, pattern = "^[!-~]{1,255}$",
            description = "The client's own name for this request: the same pictures and options under the same key make one \
                job, however often they are sent within a day"),
        ("Prefer" = Option<String>, Header, nullable = false, example = "wait=30",
            description = "`wait=SECONDS`: the answer is held back until the job has ended or the time is up, for as long as the \
                operator allows (60 seconds unless set otherwise)"),
    ),
    request_body(content = JobForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "The job, which has ended within the time that `Prefer` gives; or that the same request has \
            made before, as its `Idempotency-Key` says", body = JobView, headers(
            ("Location" = String, description = "The job's path"),
            ("ETag" = String, description = "The job's revision, as a weak entity tag"),
            ("Retry-After" = u64, description = "On a job that has not ended: seconds after which to ask for it"),
            ("Preference-Applied" = String, description = "For how long the answer was held back at the most"),
        ), links(
            ("job" = (operation_id = "getJob", parameters(("id" = "$response.body#/id")))),
            ("result" = (operation_id = "getResult", parameters(("id" = "$response.body#/id")))),
        )),
        (status = 202, description = "The job, which waits for a worker now", body = JobView, headers(
            ("Location" = String, description = "The job's path"),
            ("ETag" = String, description = "The job's revision, as a weak entity tag"),
            ("Retry-After" = u64, description = "Seconds after which to ask for the job"),
            ("Preference-Applied" = String, description = "For how long the answer was held back, where it was"),
        ), links(
            ("job" = (operation_id = "getJob", parameters(("id" = "$response.body#/id")))),
            ("losses" = (operation_id = "getLosses", parameters(("id" = "$response.body#/id")))),
            ("events" = (operation_id = "getEvents", parameters(("id" = "$response.body#/id")))),
            ("preview" = (operation_id = "getPreview", parameters(("id" = "$response.body#/id")))),
            ("result" = (operation_id = "getResult", parameters(("id" = "$response.body#/id")))),
            ("cancel" = (operation_id = "cancelJob", parameters(("id" = "$response.body#/id")))),
            ("delete" = (operation_id = "deleteJob", parameters(("id" = "$response.body#/id")))),
        )),
        (status = 400, description = "The multipart form is broken",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 408, description = "The form did not arrive in time",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 413, description = "A file has too many bytes or a picture too many pixels; `field` says which",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 415, description = "The request is no multipart form",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 422, description = "A picture or an option is missing, unknown, or cannot be, or the `Idempotency-Key` is none \
            or came with others before (`idempotency-mismatch`); `field` says which",
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
    under: PublicPath,
    request: Request,
) -> Result<Response, Problem> {
    let longest = Duration::from_secs(app.settings.sync_seconds);
    let wait = prefer::wait(request.headers()).map(|wait| wait.min(longest));
    let Submission { id, job, is_new } = submission::take_in(&app, &caller, &under, request, Fields::default()).await?;
    let waited = match wait {
        Some(wait) => rendered::wait_for_end(&app, caller.client(), id, &under, wait).await?,
        None => Waited::Not,
    };
    let mut response = match &waited {
        Waited::Ended(job) => answer(StatusCode::OK, job),
        _ if is_new => answer(StatusCode::ACCEPTED, &job),
        _ => answer(StatusCode::OK, &job),
    };
    // A path of letters, digits, slashes and hyphens is a header value.
    let location = HeaderValue::try_from(path_of(id, &under)).map_err(|error| Problem::internal(&error))?;
    response.headers_mut().insert(header::LOCATION, location);
    if let Some(wait) = wait
        && !matches!(waited, Waited::Not)
    {
        prefer::applied(response.headers_mut(), wait);
    }
    Ok(response)
}
