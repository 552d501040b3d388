//! `GET /v1/jobs/{id}/result`

use std::convert::Infallible;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures::stream;
use impasto_jobs::{BlobKey, Client, HandOut, Job, JobId, Status};
use impasto_picture::{Encoding, Format, JpegQuality};

use super::id::Id;
use crate::{
    app::{App, Shared},
    caller::Reads,
    conditional::{Known, strong},
    download,
    elsewhere::{self, FromHere},
    format,
    outgoing::Outgoing,
    partial,
    pictures::{self, PictureFile},
    problem::{Kind, Problem, ProblemDocument, StoreProblems},
    public_path::PublicPath,
    query::{Query, refuse},
    view::path_of,
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
        ("redirect" = Option<String>, Query, pattern = "^no$", nullable = false,
            description = "`no` has the picture from the service itself, as a page needs it that may load nothing from elsewhere"),
        ("Accept" = Option<String>, Header, nullable = false,
            description = "`image/png`, `image/jpeg`, `image/webp` or `image/tiff`"),
        ("If-None-Match" = Option<String>, Header, nullable = false, description = "ETags that the client has the picture under already"),
        ("Range" = Option<String>, Header, nullable = false, example = "bytes=1000-",
            description = "The bytes that the client would have; several ranges count as none"),
        ("If-Range" = Option<String>, Header, nullable = false,
            description = "The ETag of what the client has a part of: if it is another now, all of it is sent"),
    ),
    responses(
        (status = 200, description = "The picture",
            content((PictureFile = "image/png"), (PictureFile = "image/jpeg"), (PictureFile = "image/webp"),
                (PictureFile = "image/tiff")),
            headers(
                ("ETag" = String, description = "Names the picture in this format and quality"),
                ("Accept-Ranges" = String, description = "`bytes`"),
            )),
        (status = 206, description = "The part of the picture's file that `Range` names",
            content((PictureFile = "image/png"), (PictureFile = "image/jpeg"), (PictureFile = "image/webp"),
                (PictureFile = "image/tiff")),
            headers(
                ("ETag" = String, description = "Names the picture in this format and quality"),
                ("Content-Range" = String, description = "Which bytes of how many"),
            )),
        (status = 304, description = "The client has the picture already"),
        (status = 307, description = "The picture is to be fetched at another address, which needs no key and can be used for \
            some minutes: only of a service that is set so, and of the formats that are stored, `png` and `png16`", headers(
                ("Location" = String, description = "The picture, where it is stored. It takes `Range`"),
            )),
        (status = 404, description = "There is no such job",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "The picture is not there yet (`not-ready`, with `Retry-After`), or never will be \
            because the job failed or was canceled (`no-result`)",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 416, description = "`Range` begins after the end of the file",
            body = ProblemDocument, content_type = "application/problem+json", headers(
                ("Content-Range" = String, description = "How many bytes there are"),
            )),
        (status = 422, description = "`format` is none that can be written, or cannot hold a picture of this size; `quality` is \
            none or goes with no JPEG; `download` is no name; or `redirect` is not `no`",
            body = ProblemDocument, content_type = "application/problem+json"),
        StoreProblems,
    ),
)]
pub(crate) async fn result(
    State(app): State<Shared>,
    Reads(caller): Reads,
    Id(id): Id,
    method: Method,
    headers: HeaderMap,
    mut query: Query,
) -> Result<Response, Problem> {
    let wanted = Wanted::of(&mut query, &headers)?;
    let from_here = query.take::<FromHere>("redirect")?;
    query.nothing_else("format, quality, download and redirect")?;
    let job = app.find_job(id, &caller.sight()).await?;
    let key = finished(&job)?;
    let tag = wanted.tag(id);
    let caching = [
        (header::ETAG, tag.clone()),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=31536000, immutable")),
        (header::VARY, HeaderValue::from_static("Accept")),
    ];
    if Known::of(&headers).has(&tag) {
        return Ok((StatusCode::NOT_MODIFIED, caching).into_response());
    }
    if let (Source::AsItIs(stored), None) = (wanted.source(&job, key), from_here)
        && let Some(answer) = wanted.elsewhere(&app, &method, stored, id).await?
    {
        return Ok(answer);
    }
    let about = (wanted.about(id)?, caching);
    if method == Method::HEAD && matches!(wanted.source(&job, key), Source::MadeOf(_)) {
        // Nobody knows its length before it is made.
        let unknown = Body::from_stream(stream::empty::<Result<Vec<u8>, Infallible>>());
        return Ok((about, partial::IN_PARTS, unknown).into_response());
    }
    let file = wanted.file(&app, caller.client(), &job, key).await?;
    let answer = partial::answer(&method, &headers, &tag, about, file).await;
    answer.map_err(|error| pictures::unreadable(error, id))
}

/// How a picture is to be handed out.
#[derive(Debug)]
pub(super) struct Wanted {
    encoding: Encoding,
    /// The name to keep it under, as a `Content-Disposition`, where it is to be kept.
    attachment: Option<HeaderValue>,
}

impl Wanted {
    /// By the query or, where that says nothing, by `Accept`.
    pub fn of(query: &mut Query, headers: &HeaderMap) -> Result<Self, Problem> {
        let format = query.take::<Format>("format")?.unwrap_or_else(|| format::preferred(headers));
        let encoding = match query.take::<JpegQuality>("quality")? {
            None => format.into(),
            Some(quality) if format == Format::Jpeg => Encoding { format, quality },
            Some(_) => {
                let why = format!(
                    "a picture in the format {format} loses nothing: leave quality out, or ask for format=jpeg"
                );
                return Err(refuse("quality", why));
            }
        };
        let name = query.take::<String>("download")?;
        let attachment = name.map(|name| download::attachment(&name, format)).transpose()?;
        Ok(Self { encoding, attachment })
    }

    /// The result of `job`, whose blob is `key`, as a file for `client`.
    pub async fn file<'a>(
        &self,
        app: &'a App,
        client: &Client,
        job: &'a Job,
        key: &'a BlobKey,
    ) -> Result<Outgoing<'a>, Problem> {
        match self.source(job, key) {
            Source::AsItIs(key) => Ok(Outgoing::Stored(&app.blobs, key)),
            Source::MadeOf(key) => {
                let place = app.bounds.made(client).await?;
                let file = pictures::transcode(app, client, key, job.id, self.encoding).await?;
                Ok(Outgoing::Made(file, place))
            }
        }
    }

    fn source<'a>(&self, job: &'a Job, key: &'a BlobKey) -> Source<'a> {
        match (self.encoding.format, &job.result_16) {
            (Format::Png, _) => Source::AsItIs(key),
            (Format::Png16, Some(deep)) => Source::AsItIs(deep),
            (Format::Tiff, Some(deep)) => Source::MadeOf(deep),
            _ => Source::MadeOf(key),
        }
    }

    /// The tag of the file. Another version of this program may write another one of the same picture.
    pub fn tag(&self, id: JobId) -> HeaderValue {
        let (format, version) = (self.encoding.format, env!("CARGO_PKG_VERSION"));
        match format {
            Format::Png => result_tag(id),
            Format::Jpeg => strong(&format!("{id}-{format}-{}-{version}", self.encoding.quality)),
            _ => strong(&format!("{id}-{format}-{version}")),
        }
    }

    /// What the file is, and what to do with it.
    pub fn about(&self, id: JobId) -> Result<[(HeaderName, HeaderValue); 2], Problem> {
        let format = self.encoding.format;
        let disposition = match &self.attachment {
            Some(attachment) => attachment.clone(),
            None => download::inline(&format!("impasto-{id}"), format)?,
        };
        let mime = HeaderValue::from_static(format.mime());
        Ok([(header::CONTENT_TYPE, mime), (header::CONTENT_DISPOSITION, disposition)])
    }

    /// The answer that leads to the file of the job `id` where it is stored, which is `key`; `None` where there is none.
    async fn elsewhere(
        &self,
        app: &App,
        method: &Method,
        key: &BlobKey,
        id: JobId,
    ) -> Result<Option<Response>, Problem> {
        let [(_, mime), (_, disposition)] = self.about(id)?;
        let said = HandOut {
            // Our own are letters, digits and signs; what else there may be is not said.
            content_type: mime.to_str().unwrap_or_default(),
            disposition: disposition.to_str().ok(),
            has_to_say_so: self.attachment.is_some(),
        };
        elsewhere::lead_to(app, method, key, said).await
    }

    /// Where the same file is to be had, of a service that is seen under `under`.
    pub fn path(&self, id: JobId, under: &PublicPath) -> String {
        let (path, Encoding { format, quality }) = (path_of(id, under), self.encoding);
        match format {
            Format::Jpeg => format!("{path}/result?format={format}&quality={quality}"),
            _ => format!("{path}/result?format={format}"),
        }
    }
}

/// The blob that a file comes from.
#[derive(Debug)]
enum Source<'a> {
    AsItIs(&'a BlobKey),
    MadeOf(&'a BlobKey),
}

/// The tag of a job's result as it is stored.
pub(super) fn result_tag(id: JobId) -> HeaderValue {
    strong(&format!("{id}-{}", Format::Png))
}

/// The result of a job, which has to have one.
pub(super) fn finished(job: &Job) -> Result<&BlobKey, Problem> {
    job.result.as_ref().ok_or_else(|| match job.status {
        Status::Queued | Status::Running => not_ready(format!("the job is {}: wait for it to succeed", job.status)),
        status => Problem::new(Kind::NoResult, format!("the job is {status}: it has no result and will have none")),
    })
}

/// A picture is not there yet.
pub(super) fn not_ready(why: String) -> Problem {
    Problem::new(Kind::NotReady, why).retry_after(1)
}
