//! `GET /v1/jobs/{id}/result`

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use impasto_jobs::{BlobError, BlobKey, Job, Status};
use impasto_picture::Format;

use super::id::Id;
use crate::{
    app::{App, Shared},
    conditional::{Known, weak},
    format,
    pictures::{self, PictureFile},
    problem::{Kind, Problem, ProblemDocument, StoreProblems},
    query::Query,
};

/// Fetch the finished picture
///
/// It is a PNG, or a JPEG or lossless WebP where `format` says so or, without `format`, where `Accept` likes that best.
/// It never changes.
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}/result",
    tag = "pictures",
    operation_id = "getResult",
    params(
        ("id" = String, Path, format = Uuid, description = "The job"),
        ("format" = Option<String>, Query, pattern = "^(png|jpeg|webp)$",
            description = "`png`, `jpeg` or `webp`; goes before `Accept`"),
        ("Accept" = Option<String>, Header, nullable = false,
            description = "`image/png`, `image/jpeg` or `image/webp`; PNG where none of them is liked better"),
        ("If-None-Match" = Option<String>, Header, nullable = false, description = "ETags that the client has the picture under already"),
    ),
    responses(
        (status = 200, description = "The picture",
            content((PictureFile = "image/png"), (PictureFile = "image/jpeg"), (PictureFile = "image/webp")),
            headers(("ETag" = String, description = "Names the picture in this format"))),
        (status = 304, description = "The client has the picture already"),
        (status = 404, description = "There is no such job",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "The picture is not there yet (`not-ready`, with `Retry-After`), or never will be \
            because the job failed or was canceled (`no-result`)",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 422, description = "`format` is none that can be written, or cannot hold a picture of this size",
            body = ProblemDocument, content_type = "application/problem+json"),
        StoreProblems,
    ),
)]
pub(crate) async fn result(
    State(app): State<Shared>,
    Id(id): Id,
    headers: HeaderMap,
    mut query: Query,
) -> Result<Response, Problem> {
    let format = query.take::<Format>("format")?;
    query.nothing_else("format")?;
    let format = format.unwrap_or_else(|| format::preferred(&headers));
    let job = app.find_job(id).await?;
    let key = finished(&job)?;
    let tag = weak(&format!("{id}-{format}"));
    let caching = [
        (header::ETAG, tag.clone()),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=31536000, immutable")),
        (header::VARY, HeaderValue::from_static("Accept")),
    ];
    if Known::of(&headers).has(&tag) {
        return Ok((StatusCode::NOT_MODIFIED, caching).into_response());
    }
    let file = match format {
        Format::Png => read(&app, key, &job).await?,
        Format::Jpeg | Format::WebP => pictures::transcode(&app, key, format).await?,
    };
    let about = [
        (header::CONTENT_TYPE, format.mime().to_owned()),
        (header::CONTENT_DISPOSITION, format!("inline; filename=\"impasto-{id}.{}\"", format.extension())),
    ];
    Ok((about, caching, file).into_response())
}

fn finished(job: &Job) -> Result<&BlobKey, Problem> {
    job.result.as_ref().ok_or_else(|| match job.status {
        Status::Queued | Status::Running => not_ready(format!("the job is {}: wait for it to succeed", job.status)),
        status => Problem::new(Kind::NoResult, format!("the job is {status}: it has no result and will have none")),
    })
}

/// A picture is not there yet.
pub(super) fn not_ready(why: String) -> Problem {
    Problem::new(Kind::NotReady, why).retry_after(1)
}

async fn read(app: &App, key: &BlobKey, job: &Job) -> Result<bytes::Bytes, Problem> {
    app.blobs.get(key).await.map_err(|error| match error {
        BlobError::NotFound(_) => Problem::no_such_job(&job.id),
        error => error.into(),
    })
}
