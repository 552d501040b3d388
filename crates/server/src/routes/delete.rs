//! `DELETE /v1/jobs/{id}`

use axum::{extract::State, http::StatusCode};

use super::id::Id;
use crate::{
    app::Shared,
    caller::Submits,
    pending::PendingBlobs,
    problem::{Problem, ProblemDocument, StoreProblems},
};

/// Forget a job and all of its pictures
///
/// A running one is stopped.
#[utoipa::path(
    delete,
    path = "/v1/jobs/{id}",
    tag = "jobs",
    operation_id = "deleteJob",
    params(("id" = String, Path, format = Uuid, description = "The job")),
    responses(
        (status = 204, description = "The job is gone"),
        (status = 404, description = "There is no such job",
            body = ProblemDocument, content_type = "application/problem+json"),
        StoreProblems,
    ),
)]
pub(crate) async fn delete(
    State(app): State<Shared>,
    Submits(caller): Submits,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    if !app.jobs.delete(id, &caller.sight()).await? {
        return Err(Problem::no_such_job(&id));
    }
    tracing::info!(job = %id, "job deleted");
    // No job names them any more, just as if it had never been submitted.
    PendingBlobs::new(app, id).discard().await;
    Ok(StatusCode::NO_CONTENT)
}
