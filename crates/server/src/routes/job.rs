//! `GET /v1/jobs/{id}`

use std::time::Duration;

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::id::Id;
use crate::{
    app::Shared,
    caller::Reads,
    compression,
    conditional::{Known, tag_of_revision},
    problem::{Problem, ProblemDocument, StoreProblems},
    public_path::PublicPath,
    query::Query,
    rendered::{self, RenderedJob},
    view::JobView,
    watcher::{self, MAX_WAIT},
};

/// Look at a job
///
/// The ETag is made of the job's revision, which state changes and progress entries alone raise. With `wait`, the answer
/// is held back: with `If-None-Match` until the revision differs from those given, else 304 when the time is up; without
/// it until the next change, or until the time is up. A job that has ended is answered at once.
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}",
    tag = "jobs",
    operation_id = "getJob",
    params(
        ("id" = String, Path, format = Uuid, description = "The job"),
        ("wait" = Option<u32>, Query, minimum = 0,
            description = "Seconds to wait for a change; more than 30 counts as 30"),
        ("If-None-Match" = Option<String>, Header, nullable = false, description = "ETags that the client has the job under already"),
    ),
    responses(
        (status = 200, description = "The job", body = JobView, headers(
            ("ETag" = String, description = "The job's revision, as a weak entity tag"),
            ("Retry-After" = u64, description = "On a job that has not ended: seconds after which to ask again"),
        )),
        (status = 304, description = "The job is as the client has it", headers(
            ("ETag" = String, description = "The job's revision, as a weak entity tag"),
            ("Retry-After" = u64, description = "On a job that has not ended: seconds after which to ask again"),
        )),
        (status = 404, description = "There is no such job",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 422, description = "`wait` is no whole number of seconds",
            body = ProblemDocument, content_type = "application/problem+json"),
        StoreProblems,
    ),
)]
pub(crate) async fn show(
    State(app): State<Shared>,
    Reads(caller): Reads,
    Id(id): Id,
    under: PublicPath,
    headers: HeaderMap,
    mut query: Query,
) -> Result<Response, Problem> {
    let wait = query.take_number("wait", "seconds")?.map(|seconds| Duration::from_secs(seconds.min(MAX_WAIT).into()));
    query.nothing_else("wait")?;
    let known = Known::of(&headers);
    let mut job = rendered::job(&app, id, &caller.sight(), &under).await?;
    if let Some(wait) = wait {
        let news = known.any() && !known.has(&tag_of_revision(job.revision));
        if !news && !job.is_finished {
            let _place = app.bounds.waiting(caller.client())?;
            watcher::for_change(&app, id, job.revision, wait).await?;
            job = rendered::job(&app, id, &caller.sight(), &under).await?;
        }
    }
    if known.has(&tag_of_revision(job.revision)) {
        return Ok(answer(StatusCode::NOT_MODIFIED, &job));
    }
    let mut response = answer(StatusCode::OK, &job);
    if compression::is_chosen(&headers)
        && let Some(body) = job.compressed()
    {
        compression::replace(&mut response, body);
    }
    Ok(response)
}

/// The job, with its tag and the time after which to ask again; a 304 says those alone.
pub(crate) fn answer(status: StatusCode, job: &RenderedJob) -> Response {
    let mut response = status.into_response();
    if status != StatusCode::NOT_MODIFIED {
        *response.body_mut() = job.body.clone().into();
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
    }
    tag(response.headers_mut(), tag_of_revision(job.revision));
    if let Some(seconds) = job.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

/// Tags an answer, which the client may keep and has to ask after each time.
pub(super) fn tag(headers: &mut HeaderMap, tag: HeaderValue) {
    headers.insert(header::ETAG, tag);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
}
