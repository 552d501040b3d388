//! `GET /v1/jobs/{id}/preview`

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use impasto_jobs::{BlobError, HandOut, Job};
use impasto_picture::Format;

use super::{
    id::Id,
    result::{not_ready, result_tag},
};
use crate::{
    app::Shared,
    caller::Reads,
    conditional::{Known, strong},
    elsewhere::{self, FromHere},
    outgoing::Outgoing,
    partial,
    pictures::PictureFile,
    problem::{Kind, Problem, ProblemDocument, StoreProblems},
    query::Query,
};

/// Workers save the next preview and delete the one before between a look at the job and a look at its picture, but not
/// time and again.
const TRIES: usize = 3;

/// Fetch the composite image as last saved
///
/// It is saved every few seconds while the job runs. Of a job that has succeeded it is the result as a PNG, and of another that
/// has ended the last one that was saved. Other query parameters are passed over, so that a page can ask under another address for
/// another picture.
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}/preview",
    tag = "pictures",
    operation_id = "getPreview",
    params(
        ("id" = String, Path, format = Uuid, description = "The job"),
        ("v" = Option<String>, Query, nullable = false, description = "The number of the preview, for caches: whatever it is, the last one is sent"),
        ("redirect" = Option<String>, Query, nullable = false, description = "`no` has the picture from the service itself"),
        ("If-None-Match" = Option<String>, Header, nullable = false, description = "ETags that the client has the picture under already"),
        ("Range" = Option<String>, Header, nullable = false, example = "bytes=1000-",
            description = "The bytes that the client would have; several ranges count as none"),
        ("If-Range" = Option<String>, Header, nullable = false,
            description = "The ETag of what the client has a part of: if it is another now, all of it is sent"),
    ),
    responses(
        (status = 200, description = "The picture", content((PictureFile = "image/png")), headers(
            ("ETag" = String, description = "Names the picture"),
            ("Accept-Ranges" = String, description = "`bytes`"),
        )),
        (status = 206, description = "The part of the picture's file that `Range` names",
            content((PictureFile = "image/png")), headers(
                ("ETag" = String, description = "Names the picture"),
                ("Content-Range" = String, description = "Which bytes of how many"),
            )),
        (status = 304, description = "The client has the picture already"),
        (status = 307, description = "The picture is to be fetched at another address, which needs no key and can be used for \
            some minutes: only of a service that is set so. One that is replaced meanwhile is not there any more: ask again",
            headers(("Location" = String, description = "The picture, where it is stored. It takes `Range`"))),
        (status = 404, description = "There is no such job",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "Nothing has been saved yet (`not-ready`, with `Retry-After`), or ever will be because \
            the job ended before (`no-result`)",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 416, description = "`Range` begins after the end of the file",
            body = ProblemDocument, content_type = "application/problem+json", headers(
                ("Content-Range" = String, description = "How many bytes there are"),
            )),
        StoreProblems,
    ),
)]
pub(crate) async fn preview(
    State(app): State<Shared>,
    Reads(caller): Reads,
    Id(id): Id,
    method: Method,
    headers: HeaderMap,
    mut query: Query,
) -> Result<Response, Problem> {
    // Whatever else it says is passed over, as everything is here.
    let from_here = query.take::<FromHere>("redirect").ok().flatten();
    for _ in 0..TRIES {
        let job = app.find_job(id, &caller.sight()).await?;
        let (key, tag) = match (&job.result, &job.preview) {
            (Some(result), _) => (result, result_tag(id)),
            (None, Some(preview)) => (preview, strong(&format!("{id}-preview-{}", job.previews))),
            (None, None) => return Err(nothing_to_show(&job)),
        };
        let about = [
            (header::CONTENT_TYPE, HeaderValue::from_static(Format::Png.mime())),
            (header::ETAG, tag.clone()),
            // Whatever its address says, the next one may be another.
            (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
        ];
        if Known::of(&headers).has(&tag) {
            return Ok((StatusCode::NOT_MODIFIED, about).into_response());
        }
        let said = HandOut { content_type: Format::Png.mime(), disposition: None, has_to_say_so: false };
        if from_here.is_none()
            && let Some(answer) = elsewhere::lead_to(&app, &method, key, said).await?
        {
            return Ok(answer);
        }
        let file = Outgoing::Stored(&app.blobs, key);
        match partial::answer(&method, &headers, &tag, about, file).await {
            Ok(answer) => return Ok(answer),
            Err(BlobError::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(not_ready("the picture is being replaced".to_owned()))
}

fn nothing_to_show(job: &Job) -> Problem {
    let why = format!("the job is {}, and no picture of it has been saved", job.status);
    if job.status.is_finished() { Problem::new(Kind::NoResult, why) } else { not_ready(why) }
}
