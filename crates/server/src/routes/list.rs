//! `GET /v1/jobs`

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use impasto_jobs::{JobQuery, Status};

use crate::{
    app::Shared,
    caller::Reads,
    problem::{Problem, ProblemDocument, StoreProblems},
    public_path::PublicPath,
    query::{Query, refuse},
    view::ListView,
};

const DEFAULT_LIMIT: u32 = 20;
const MAX_LIMIT: u32 = 100;

/// List jobs, the one submitted last first
#[utoipa::path(
    get,
    path = "/v1/jobs",
    tag = "jobs",
    operation_id = "listJobs",
    params(
        ("status" = Option<Status>, Query, description = "Only jobs in this status"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "Jobs on the page; 20 if left out"),
        ("cursor" = Option<String>, Query, description = "The `next` of the page before"),
    ),
    responses(
        (status = 200, description = "A page of the list", body = ListView),
        (status = 422, description = "A parameter cannot be",
            body = ProblemDocument, content_type = "application/problem+json"),
        StoreProblems,
    ),
)]
pub(crate) async fn list(
    State(app): State<Shared>,
    Reads(caller): Reads,
    under: PublicPath,
    mut query: Query,
) -> Result<Response, Problem> {
    let page = JobQuery {
        status: query.take("status")?,
        limit: query.take_number("limit", "jobs")?.unwrap_or(DEFAULT_LIMIT),
        cursor: query.take("cursor")?,
    };
    query.nothing_else("status, limit and cursor")?;
    if !(1..=MAX_LIMIT).contains(&page.limit) {
        return Err(refuse("limit", format!("{} is out of range: give 1 to {MAX_LIMIT}", page.limit)));
    }
    let jobs = ListView::of(app.jobs.list(&page, &caller.sight()).await?, &under);
    Ok(([(header::CACHE_CONTROL, "private, no-cache")], Json(jobs)).into_response())
}
