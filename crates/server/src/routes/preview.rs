//! `GET /v1/jobs/{id}/preview`

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use impasto_jobs::BlobError;
use impasto_picture::Format;

use super::{id::Id, result::not_ready};
use crate::{
    app::Shared,
    caller::Reads,
    pictures::PictureFile,
    problem::{Kind, Problem, ProblemDocument, StoreProblems},
};

/// Workers save the next preview and delete the one before between a look at the job and a look at its picture, but not
/// time and again.
const TRIES: usize = 3;

/// Fetch the composite image as last saved
///
/// It is saved every few seconds while the job runs, and stays when the job has ended. Of a job that was done before the first
/// save, it is the result.
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}/preview",
    tag = "pictures",
    operation_id = "getPreview",
    params(("id" = String, Path, format = Uuid, description = "The job")),
    responses(
        (status = 200, description = "The picture", content((PictureFile = "image/png"))),
        (status = 404, description = "There is no such job",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "Nothing has been saved yet (`not-ready`, with `Retry-After`), or ever will be because \
            the job ended before (`no-result`)",
            body = ProblemDocument, content_type = "application/problem+json"),
        StoreProblems,
    ),
)]
pub(crate) async fn preview(State(app): State<Shared>, Reads(caller): Reads, Id(id): Id) -> Result<Response, Problem> {
    for _ in 0..TRIES {
        let job = app.find_job(id, &caller.sight()).await?;
        // A job that is done before its first save has its result to show, and one that failed by then has nothing.
        let Some(key) = job.preview.or(job.result) else {
            let why = format!("the job is {}, and no picture of it has been saved", job.status);
            return Err(if job.status.is_finished() { Problem::new(Kind::NoResult, why) } else { not_ready(why) });
        };
        match app.blobs.get(&key).await {
            Ok(file) => {
                let headers = [(header::CONTENT_TYPE, Format::Png.mime()), (header::CACHE_CONTROL, "no-store")];
                return Ok((headers, file).into_response());
            }
            Err(BlobError::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(not_ready("the picture is being replaced".to_owned()))
}
