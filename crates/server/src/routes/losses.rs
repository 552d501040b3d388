//! `GET /v1/jobs/{id}/losses`

use std::str::FromStr;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use impasto_recipe::Position;

use super::{id::Id, job};
use crate::{
    app::Shared,
    caller::Reads,
    conditional::{Known, tag_of_revision},
    problem::{Problem, ProblemDocument, StoreProblems},
    query::Query,
    view::LossesView,
};

/// Fetch every progress entry of a job, or those that the client has not seen yet
///
/// A job that starts over, on another kind of device, starts over with its losses too; its `attempt` and `notices` say so.
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}/losses",
    tag = "jobs",
    operation_id = "getLosses",
    params(
        ("id" = String, Path, format = Uuid, description = "The job"),
        ("after" = Option<String>, Query, pattern = "^[0-9]+\\.[0-9]+$", example = "1.150",
            description = "`STAGE.EPOCH`: only the entries that come after this one; all of them if left out"),
        ("If-None-Match" = Option<String>, Header, nullable = false, description = "ETags that the client has the losses under already"),
    ),
    responses(
        (status = 200, description = "The losses", body = LossesView, headers(
            ("ETag" = String, description = "The job's revision, as a weak entity tag"),
        )),
        (status = 304, description = "The job is as the client has it", headers(
            ("ETag" = String, description = "The job's revision, as a weak entity tag"),
        )),
        (status = 404, description = "There is no such job",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 422, description = "`after` is not a stage and an epoch",
            body = ProblemDocument, content_type = "application/problem+json"),
        StoreProblems,
    ),
)]
pub(crate) async fn losses(
    State(app): State<Shared>,
    Reads(caller): Reads,
    Id(id): Id,
    headers: HeaderMap,
    mut query: Query,
) -> Result<Response, Problem> {
    let after = query.take::<After>("after")?;
    query.nothing_else("after")?;
    // Stages count from 1: everything comes after this.
    let after = after.map_or(Position { stage: 0, epoch: 0 }, |After(position)| position);
    let found = app.jobs.losses(id, &caller.sight(), after).await?.ok_or_else(|| Problem::no_such_job(&id))?;
    let tag = tag_of_revision(found.revision);
    let mut response = if Known::of(&headers).has(&tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Json(LossesView { losses: found.entries }).into_response()
    };
    job::tag(response.headers_mut(), tag);
    Ok(response)
}

/// A place in a run, as `after` spells it.
struct After(Position);

impl FromStr for After {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
        let place = text.split_once('.').and_then(|(stage, epoch)| Some((number(stage)?, number(epoch)?)));
        let (stage, epoch) =
            place.ok_or_else(|| format!("'{text}' is not a place in a run: give STAGE.EPOCH, such as 1.150"))?;
        Ok(Self(Position { stage, epoch }))
    }
}
