//! `POST /v1/jobs`

use axum::{
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use impasto_jobs::{Job, JobId, NewJob};
use impasto_recipe::{BackboneChoice, Inputs, Objective, OptimiserChoice, Precision, Preset};
use utoipa::ToSchema;

use super::job::answer;
use crate::{
    app::Shared,
    intake::Intake,
    pending::PendingBlobs,
    pictures,
    problem::{Problem, ProblemDocument},
    rendered::RenderedJob,
    upload::{self, Order, refuse_option, style_field},
    view::{JobView, path_of},
};

/// The pictures, and the options: each a field of its own, and each given once at the most. What is left out is for the
/// preset to say.
#[derive(ToSchema)]
#[schema(example = json!({
    "content": "@photograph.jpg", "style": ["@painting.jpg"], "preset": "paint", "size": "512",
}))]
#[expect(dead_code, reason = "describes the form to OpenAPI")]
struct JobForm {
    /// The photograph to repaint: a PNG, JPEG or WebP file. EXIF orientation is followed, transparency laid on white.
    #[schema(value_type = String, format = Binary)]
    content: Vec<u8>,
    /// The pictures to take the style of: the field once for each file, in the same formats.
    #[schema(value_type = Vec<String>, format = Binary, min_items = 1, max_items = 8)]
    style: Vec<Vec<u8>>,
    /// The recipe to start from; `paint` if left out.
    #[schema(nullable = false)]
    preset: Option<Preset>,
    /// What is compared.
    #[schema(nullable = false)]
    objective: Option<Objective>,
    /// How large the result is to be, in pixels: its longest side, or its width and height.
    #[schema(nullable = false, pattern = "^[0-9]+(x[0-9]+)?$", example = "512")]
    size: Option<String>,
    /// Every stage, spelled out as `WIDTHxHEIGHT:EPOCHS[:DECAY]` and separated by commas; excludes `size` and `epochs`.
    /// The learning rate is multiplied by 0.1 every DECAY epochs.
    #[schema(nullable = false, example = "300x200:500:200,1200x800:300:100")]
    stages: Option<String>,
    /// The epochs of all stages together, shared out in the preset's proportions.
    #[schema(nullable = false, minimum = 1)]
    epochs: Option<u32>,
    /// Whose features are compared; `auto` if left out.
    #[schema(nullable = false)]
    backbone: Option<BackboneChoice>,
    /// How far the result goes from the photograph: from 0, its forms in the painting's tones, to 1, a free painting; 0.5 if
    /// left out. Excludes `style_weight`.
    #[schema(nullable = false, minimum = 0, maximum = 1)]
    strength: Option<f64>,
    /// The weight of the content loss.
    #[schema(nullable = false, minimum = 0)]
    content_weight: Option<f64>,
    /// The weight of the style loss, in place of `strength`.
    #[schema(nullable = false, minimum = 0)]
    style_weight: Option<f64>,
    /// The weight of the total-variation loss.
    #[schema(nullable = false, minimum = 0)]
    tv_weight: Option<f64>,
    /// How much each style counts, in the order of the style pictures, separated by commas; equal if left out.
    #[schema(nullable = false, example = "2,1")]
    style_weights: Option<String>,
    /// What moves the pixels; the preset's if left out.
    #[schema(nullable = false)]
    optimiser: Option<OptimiserChoice>,
    /// Adam's rate at the start of each stage, or the size of L-BFGS's first step.
    #[schema(nullable = false, exclusive_minimum = 0)]
    learning_rate: Option<f64>,
    /// Epochs from one progress entry to the next.
    #[schema(nullable = false, minimum = 1)]
    report_every: Option<u32>,
    /// The number format of the convolutions; `auto` if left out.
    #[schema(nullable = false)]
    precision: Option<Precision>,
}

/// Submit a job
///
/// `curl -F content=@photograph.jpg -F style=@painting.jpg -F size=512 http://127.0.0.1:8080/v1/jobs`
///
/// Nothing is kept of a form that is refused.
#[utoipa::path(
    post,
    path = "/v1/jobs",
    tag = "jobs",
    operation_id = "submitJob",
    request_body(content = JobForm, content_type = "multipart/form-data"),
    responses(
        (status = 202, description = "The job, which waits for a worker now", body = JobView, headers(
            ("Location" = String, description = "The job's path"),
            ("ETag" = String, description = "The job's revision, as a weak entity tag"),
            ("Retry-After" = u64, description = "Seconds after which to ask for the job"),
        )),
        (status = 400, description = "The multipart form is broken",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 408, description = "The form did not arrive in time",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 413, description = "A file has too many bytes or a picture too many pixels; `field` says which",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 415, description = "The request is no multipart form",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 422, description = "A picture or an option is missing, unknown, or cannot be; `field` says which",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 500, description = "The service made a mistake; its log says which.",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "The queue is full, too much is uploaded or decoded at once, or the store of jobs or \
            pictures does not answer",
            body = ProblemDocument, content_type = "application/problem+json", headers(
                ("Retry-After" = u64, description = "Seconds to wait before the next try"),
            )),
    ),
)]
pub(crate) async fn submit(State(app): State<Shared>, request: Request) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let intake = Intake::new(&head.headers, body, &app.settings);
    let id = JobId::new();
    let blobs = PendingBlobs::new(app.clone(), id);
    let ordered = async {
        // Kept until the pictures are looked at: a connection that has carried an upload holds on to its buffers.
        let _room = app.bounds.upload().await?;
        resolve(&app, id, upload::receive(&app, id, &head.headers, &intake).await?).await
    };
    match ordered.await {
        Ok(job) => {
            let job = RenderedJob::of(enqueue(app, job, blobs).await?)?;
            let location = path_of(id);
            let mut response = answer(StatusCode::ACCEPTED, &job);
            // A path of letters, digits, slashes and hyphens is a header value.
            let location = HeaderValue::try_from(location).map_err(|error| Problem::internal(&error))?;
            response.headers_mut().insert(header::LOCATION, location);
            Ok(response)
        }
        Err(problem) => {
            blobs.discard().await;
            intake.drain().await;
            Err(problem)
        }
    }
}

/// Looks at the pictures, and at the options in the light of them.
async fn resolve(app: &Shared, id: JobId, order: Order) -> Result<NewJob, Problem> {
    let Order { content, styles, options } = order;
    let size = pictures::check(app, &content, "content").await?;
    for (number, style) in styles.iter().enumerate() {
        pictures::check(app, style, &style_field(number)).await?;
    }
    // What `auto` means now is what it means for this job, whatever is downloaded until it is its turn.
    let inputs = Inputs { automatic: app.default_backbone(), ..Inputs::new(size, styles.len()) };
    let recipe = options.resolve(&inputs, &app.settings.recipe_limits()).map_err(refuse_option)?;
    Ok(NewJob { id, recipe, content, styles })
}

/// Puts the job into the queue. A client that goes away meanwhile changes nothing: its job is there with its blobs, or
/// neither is.
async fn enqueue(app: Shared, job: NewJob, blobs: PendingBlobs) -> Result<Job, Problem> {
    let (id, preset) = (job.id, job.recipe.preset);
    let background = app.background.clone();
    let submitting = background.spawn(async move {
        match app.jobs.submit(job, app.settings.max_queued).await {
            Ok(job) => {
                blobs.keep();
                Ok(job)
            }
            Err(refusal) => {
                blobs.discard().await;
                Err(Problem::from(refusal))
            }
        }
    });
    let job = submitting.await.map_err(|died| Problem::internal(&died))??;
    tracing::info!(job = %id, %preset, styles = job.styles.len(), "job submitted");
    Ok(job)
}
