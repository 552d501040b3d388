//! `POST /v1/paint`

use std::time::Duration;

use axum::{
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use impasto_jobs::JobId;

use super::{
    job::answer,
    result::{Wanted, finished},
};
use crate::{
    app::Shared,
    caller::{Caller, Paints},
    fields::Fields,
    form::JobForm,
    idempotency, partial,
    pictures::{self, PictureFile},
    prefer,
    problem::{Problem, ProblemDocument},
    public_path::PublicPath,
    query::Query,
    rendered::{self, RenderedJob, Waited},
    submission::{self, Submission},
    view::{JobView, path_of},
};

/// Submit a job and fetch its picture
///
/// `curl -F content=@photograph.jpg -F style=@painting.jpg 'http://127.0.0.1:8080/v1/paint?size=256' -o painted.png`
///
/// It is `POST /v1/jobs` and `GET /v1/jobs/{id}/result` in one: every field of the form that is text may be a query parameter as
/// well, but not both. A job that takes longer than the service waits goes on, and the answer leads to it. A client that goes away
/// before it has an answer stops its job, unless it may ask again under the same `Idempotency-Key`.
#[utoipa::path(
    post,
    path = "/v1/paint",
    tag = "pictures",
    operation_id = "paint",
    params(
        ("format" = Option<String>, Query, pattern = "^(png|png16|jpeg|webp|tiff)$",
            description = "As for the result, and so the next three"),
        ("quality" = Option<u8>, Query, minimum = 1, maximum = 100, description = "How well a JPEG is written"),
        ("download" = Option<String>, Query, description = "The name to keep the file under, for browsers"),
        ("Accept" = Option<String>, Header, nullable = false,
            description = "`image/png`, `image/jpeg`, `image/webp` or `image/tiff`"),
        ("size" = Option<String>, Query, pattern = "^([0-9]+(x[0-9]+)?|original)$",
            description = "As in the form, and so every other field that is text"),
        ("Idempotency-Key" = Option<String>, Header, nullable = false, pattern = "^[!-~]{1,255}$",
            description = "The client's own name for this request: the same pictures and options under the same key make one \
                job, however often they are sent within a day"),
        ("Prefer" = Option<String>, Header, nullable = false, example = "wait=30",
            description = "`wait=SECONDS`: how long to wait for the picture, where that is less than the operator allows (60 \
                seconds unless set otherwise)"),
    ),
    request_body(content = JobForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "The picture",
            content((PictureFile = "image/png"), (PictureFile = "image/jpeg"), (PictureFile = "image/webp"),
                (PictureFile = "image/tiff")),
            headers(
                ("Content-Location" = String, description = "Where the picture stays"),
                ("Link" = String, description = "The job, as `describedby`"),
                ("ETag" = String, description = "Names the picture in this format and quality"),
            )),
        (status = 303, description = "The job, which has not ended yet", body = JobView, headers(
            ("Location" = String, description = "The job's path"),
            ("Retry-After" = u64, description = "Seconds after which to ask for the job"),
        )),
        (status = 400, description = "The multipart form is broken",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 404, description = "The job was deleted meanwhile",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 408, description = "The form did not arrive in time",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 409, description = "The job was canceled meanwhile (`no-result`)",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 413, description = "A file has too many bytes or a picture too many pixels; `field` says which",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 415, description = "The request is no multipart form",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 422, description = "A picture, an option or a parameter is missing, unknown, given twice, or cannot be, or the \
            `Idempotency-Key` is none or came with others before (`idempotency-mismatch`), and `field` says which; or the job \
            has failed for what it was given (`job-failed`)",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 500, description = "The service made a mistake, or the job has failed (`job-failed`)",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "The queue is full, too much is uploaded or decoded at once, or the store of jobs or \
            pictures does not answer; or the job has failed for want of a worker that can do it now (`job-failed`)",
            body = ProblemDocument, content_type = "application/problem+json", headers(
                ("Retry-After" = u64, description = "Seconds to wait before the next try"),
            )),
    ),
)]
pub(crate) async fn paint(
    State(app): State<Shared>,
    Paints(caller): Paints,
    under: PublicPath,
    mut query: Query,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let wanted = Wanted::of(&mut query, &headers)?;
    let mut fields = Fields::default();
    for (name, text) in query.rest(Fields::has, "format, quality, download and the fields of the form that are text")? {
        fields.set(&name, &text)?;
    }
    let longest = Duration::from_secs(app.settings.sync_seconds);
    let wish = prefer::wait(&headers).map(|wish| wish.min(longest));
    let Submission { id, job, is_new } = submission::take_in(&app, &caller, &under, request, fields).await?;
    // What is made for one who waits is made for nobody once they have gone. What has a name of the client's own, others may wait
    // for, and the client may ask for again.
    let mut waiting = Waiting { app: &app, caller: &caller, id, is_sole: is_new && !idempotency::has_key(&headers) };
    let waited = rendered::wait_for_end(&app, caller.client(), id, &under, wish.unwrap_or(longest)).await;
    // The client is still there, whatever became of its wait.
    waiting.is_sole = false;
    let waited = waited?;
    let mut response = match &waited {
        Waited::Ended(_) => picture(&app, &caller, id, &under, &wanted).await?,
        Waited::InVain | Waited::Not => lead_to(path_of(id, &under), &job)?,
    };
    if let Some(wish) = wish
        && !matches!(waited, Waited::Not)
    {
        prefer::applied(response.headers_mut(), wish);
    }
    Ok(response)
}

/// Somebody who waits for the picture of a job. Dropped by a client that goes away, it stops the job.
struct Waiting<'a> {
    app: &'a Shared,
    caller: &'a Caller,
    id: JobId,
    /// Nobody else waits for it.
    is_sole: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.is_sole {
            let (app, id, sight) = (self.app.clone(), self.id, self.caller.sight());
            self.app.background.spawn(async move {
                match app.jobs.request_cancel(id, &sight).await {
                    Ok(_) => tracing::info!(job = %id, "job asked to stop: whoever waited for its picture has gone"),
                    // It has ended or was deleted meanwhile, or the store is away and the job is painted for nobody.
                    Err(error) => tracing::debug!(job = %id, "a job that nobody waits for goes on: {error}"),
                }
            });
        }
    }
}

async fn picture(
    app: &Shared,
    caller: &Caller,
    id: JobId,
    under: &PublicPath,
    wanted: &Wanted,
) -> Result<Response, Problem> {
    let job = app.find_job(id, &caller.sight()).await?;
    if let Some(error) = &job.error {
        return Err(Problem::job_failed(&id, error));
    }
    let unreadable = |error| pictures::unreadable(error, id);
    let file = wanted.file(app, caller.client(), &job, finished(&job)?).await?;
    let length = partial::of_length(file.length().await.map_err(unreadable)?);
    let header_value = |text: String| HeaderValue::try_from(text).map_err(|error| Problem::internal(&error));
    let places = [
        (header::CONTENT_LOCATION, header_value(wanted.path(id, under))?),
        (header::LINK, header_value(format!("<{}>; rel=\"describedby\"", path_of(id, under)))?),
        (header::ETAG, wanted.tag(id)),
        // The same request again is another job.
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    let body = file.into_body(None).await.map_err(unreadable)?;
    Ok((wanted.about(id)?, places, length, body).into_response())
}

/// Leads the client to its job, which takes longer than anybody waits.
fn lead_to(path: String, job: &RenderedJob) -> Result<Response, Problem> {
    let mut response = answer(StatusCode::SEE_OTHER, job);
    let location = HeaderValue::try_from(path).map_err(|error| Problem::internal(&error))?;
    response.headers_mut().insert(header::LOCATION, location);
    Ok(response)
}
