//! `POST /v1/jobs/{id}/cancel`

use axum::{extract::State, http::StatusCode, response::Response};

use super::{id::Id, job::answer};
use crate::{
    app::Shared,
    caller::Submits,
    problem::{Problem, ProblemDocument, StoreProblems},
    public_path::PublicPath,
    rendered::RenderedJob,
    view::JobView,
};

/// Stop a job
///
/// A queued job is canceled at once; a running one stops within an epoch or a few. To ask twice is fine.
#[utoipa::path(
    post,
    path = "/v1/jobs/{id}/cancel",
    tag = "jobs",
    operation_id = "cancelJob",
    params(("id" = String, Path, format = Uuid, description = "The job")),
    responses(
        (status = 202, description = "The job, which is canceled or will be", body = JobView),
        (status = 404, description = "There is no such job",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "The job has ended already",
            body = ProblemDocument, content_type = "application/problem+json"),
        StoreProblems,
    ),
)]
pub(crate) async fn cancel(
    State(app): State<Shared>,
    Submits(caller): Submits,
    Id(id): Id,
    under: PublicPath,
) -> Result<Response, Problem> {
    let job = app.jobs.request_cancel(id, &caller.sight()).await?;
    tracing::info!(job = %id, status = %job.status, "job asked to stop");
    Ok(answer(StatusCode::ACCEPTED, &RenderedJob::of(job, &under)?))
}
