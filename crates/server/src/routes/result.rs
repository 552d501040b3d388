//! `GET /v1/jobs/{id}/result`

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use impasto_jobs::{BlobKey, Job, Status};
use impasto_picture::{Encoding, Format, JpegQuality};

use super::id::Id;
use crate::{
    app::Shared,
    caller::Reads,
    conditional::{Known, weak},
    download, format,
    pictures::{self, PictureFile},
    problem::{Kind, Problem, ProblemDocument, StoreProblems},
    query::{Query, refuse},
};

/// Fetch the finished picture
///
/// It is a PNG, or what `format` says or, without `format`, what `Accept` names plainly: a header that likes anything else as
/// much, as those of browsers do, leaves it at PNG. `png16` and `tiff` have 16 bits a channel. It never changes.
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}/result",
    tag = "pictures",
    operation_id = "getResult",
    params(
        ("id" = String, Path, format = Uuid, description = "The job"),
        ("format" = Option<String>, Query, pattern = "^(png|png16|jpeg|webp|tiff)$",
            description = "`png`, `png16`, `jpeg`, `webp` (lossless) or `tiff`; goes before `Accept`"),
        ("quality" = Option<u8>, Query, minimum = 1, maximum = 100,
            description = "How well a JPEG is written, on libjpeg's scale; 95 if left out. For no other format"),
        ("download" = Option<String>, Query,
            description = "The name to keep the file under, for browsers: the answer is an attachment then. The format's \
                ending is added unless it has it"),
        ("Accept" = Option<String>, Header, nullable = false,
            description = "`image/png`, `image/jpeg`, `image/webp` or `image/tiff`"),
        ("If-None-Match" = Option<String>, Header, nullable = false, description = "ETags that the client has the picture under already"),
    ),
    responses(
        (status = 200, description = "The picture",
            content((PictureFile = "image/png"), (PictureFile = "image/jpeg"), (PictureFile = "image/webp"),
                (PictureFile = "image/tiff")),
            headers(("ETag" = String, description = "Names the picture in this format and quality"))),
        (status = 304, description = "The client has the picture already"),
        (status = 404, description = "There is no such job",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "The picture is not there yet (`not-ready`, with `Retry-After`), or never will be \
            because the job failed or was canceled (`no-result`)",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 422, description = "`format` is none that can be written, or cannot hold a picture of this size; `quality` is \
            none or goes with no JPEG; or `download` is no name",
            body = ProblemDocument, content_type = "application/problem+json"),
        StoreProblems,
    ),
)]
pub(crate) async fn result(
    State(app): State<Shared>,
    Reads(caller): Reads,
    Id(id): Id,
    headers: HeaderMap,
    mut query: Query,
) -> Result<Response, Problem> {
    let encoding = wanted(&mut query, &headers)?;
    let format = encoding.format;
    let disposition = match query.take::<String>("download")? {
        Some(name) => download::attachment(&name, format)?,
        None => download::inline(&format!("impasto-{id}"), format)?,
    };
    query.nothing_else("format, quality and download")?;
    let job = app.find_job(id, &caller.sight()).await?;
    let key = finished(&job)?;
    let tag = match format {
        Format::Jpeg => weak(&format!("{id}-{format}-{}", encoding.quality)),
        _ => weak(&format!("{id}-{format}")),
    };
    let caching = [
        (header::ETAG, tag.clone()),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=31536000, immutable")),
        (header::VARY, HeaderValue::from_static("Accept")),
    ];
    if Known::of(&headers).has(&tag) {
        return Ok((StatusCode::NOT_MODIFIED, caching).into_response());
    }
    let file = match (format, &job.result_16) {
        (Format::Png, _) => pictures::read(&app, key, id).await?,
        (Format::Png16, Some(deep)) => pictures::read(&app, deep, id).await?,
        (Format::Tiff, Some(deep)) => pictures::transcode(&app, deep, id, encoding).await?,
        _ => pictures::transcode(&app, key, id, encoding).await?,
    };
    let about =
        [(header::CONTENT_TYPE, HeaderValue::from_static(format.mime())), (header::CONTENT_DISPOSITION, disposition)];
    Ok((about, caching, file).into_response())
}

/// How the picture is to be written, by the query or, where that says nothing, by `Accept`.
fn wanted(query: &mut Query, headers: &HeaderMap) -> Result<Encoding, Problem> {
    let format = query.take::<Format>("format")?.unwrap_or_else(|| format::preferred(headers));
    match query.take::<JpegQuality>("quality")? {
        None => Ok(format.into()),
        Some(quality) if format == Format::Jpeg => Ok(Encoding { format, quality }),
        Some(_) => {
            let why =
                format!("a picture in the format {format} loses nothing: leave quality out, or ask for format=jpeg");
            Err(refuse("quality", why))
        }
    }
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
