//! What is told to a client whose request was not done: RFC 9457, `application/problem+json`.

use std::{any::Any, borrow::Cow, fmt};

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use impasto_jobs::{BlobError, CancelError, JobError, StoreError, SubmitError};
use impasto_recipe::OptionError;
use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};

use crate::rate_limit::{Left, Limit};

/// What sort of problem it is. Its `type` in a response is stable: programs may rely on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    NoSuchRoute,
    NoSuchJob,
    MethodNotAllowed,
    UploadTimeout,
    NotReady,
    NoResult,
    JobFailed,
    AlreadyFinished,
    FileTooLarge,
    TooManyPixels,
    NotMultipart,
    MalformedUpload,
    UnknownField,
    MissingFile,
    TooManyFiles,
    NotAPicture,
    InvalidOption,
    InvalidQuery,
    InvalidBody,
    NoSuchKey,
    NameTaken,
    KeyRequired,
    UnknownKey,
    NotAllowed,
    CrossSite,
    ForeignHost,
    TooManyRequests,
    Quota,
    InvalidHeader,
    RangeNotSatisfiable,
    IdempotencyMismatch,
    Internal,
    QueueFull,
    Busy,
    Unavailable,
}

impl Kind {
    pub const ALL: [Self; 35] = [
        Self::NoSuchRoute,
        Self::NoSuchJob,
        Self::MethodNotAllowed,
        Self::UploadTimeout,
        Self::NotReady,
        Self::NoResult,
        Self::JobFailed,
        Self::AlreadyFinished,
        Self::FileTooLarge,
        Self::TooManyPixels,
        Self::NotMultipart,
        Self::MalformedUpload,
        Self::UnknownField,
        Self::MissingFile,
        Self::TooManyFiles,
        Self::NotAPicture,
        Self::InvalidOption,
        Self::InvalidQuery,
        Self::InvalidBody,
        Self::NoSuchKey,
        Self::NameTaken,
        Self::KeyRequired,
        Self::UnknownKey,
        Self::NotAllowed,
        Self::CrossSite,
        Self::ForeignHost,
        Self::TooManyRequests,
        Self::Quota,
        Self::InvalidHeader,
        Self::RangeNotSatisfiable,
        Self::IdempotencyMismatch,
        Self::Internal,
        Self::QueueFull,
        Self::Busy,
        Self::Unavailable,
    ];

    fn facts(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::NoSuchRoute => ("/problems/no-such-route", StatusCode::NOT_FOUND, "There is nothing at this path"),
            Self::NoSuchJob => ("/problems/no-such-job", StatusCode::NOT_FOUND, "There is no such job"),
            Self::MethodNotAllowed => {
                ("/problems/method-not-allowed", StatusCode::METHOD_NOT_ALLOWED, "The path does not take this method")
            }
            Self::UploadTimeout => {
                ("/problems/upload-timeout", StatusCode::REQUEST_TIMEOUT, "The upload took too long")
            }
            Self::NotReady => ("/problems/not-ready", StatusCode::CONFLICT, "The picture is not there yet"),
            Self::NoResult => ("/problems/no-result", StatusCode::CONFLICT, "The job ended without a result"),
            Self::JobFailed => ("/problems/job-failed", StatusCode::INTERNAL_SERVER_ERROR, "The job has failed"),
            Self::AlreadyFinished => ("/problems/already-finished", StatusCode::CONFLICT, "The job has ended already"),
            Self::FileTooLarge => ("/problems/file-too-large", StatusCode::PAYLOAD_TOO_LARGE, "A file is too large"),
            Self::TooManyPixels => {
                ("/problems/too-many-pixels", StatusCode::PAYLOAD_TOO_LARGE, "A picture has too many pixels")
            }
            Self::NotMultipart => {
                ("/problems/not-multipart", StatusCode::UNSUPPORTED_MEDIA_TYPE, "The request is no multipart form")
            }
            Self::MalformedUpload => {
                ("/problems/malformed-upload", StatusCode::BAD_REQUEST, "The multipart form is broken")
            }
            Self::UnknownField => {
                ("/problems/unknown-field", StatusCode::UNPROCESSABLE_ENTITY, "The form has an unknown field")
            }
            Self::MissingFile => ("/problems/missing-file", StatusCode::UNPROCESSABLE_ENTITY, "A picture is missing"),
            Self::TooManyFiles => {
                ("/problems/too-many-files", StatusCode::UNPROCESSABLE_ENTITY, "There are too many pictures")
            }
            Self::NotAPicture => (
                "/problems/not-a-picture",
                StatusCode::UNPROCESSABLE_ENTITY,
                "A file is not a picture that can be read",
            ),
            Self::InvalidOption => {
                ("/problems/invalid-option", StatusCode::UNPROCESSABLE_ENTITY, "An option cannot be")
            }
            Self::InvalidQuery => {
                ("/problems/invalid-query", StatusCode::UNPROCESSABLE_ENTITY, "A query parameter cannot be")
            }
            Self::InvalidBody => {
                ("/problems/invalid-body", StatusCode::UNPROCESSABLE_ENTITY, "The body of the request cannot be")
            }
            Self::NoSuchKey => ("/problems/no-such-key", StatusCode::NOT_FOUND, "There is no such key"),
            Self::NameTaken => ("/problems/name-taken", StatusCode::CONFLICT, "There is a key of this name"),
            Self::KeyRequired => ("/problems/key-required", StatusCode::UNAUTHORIZED, "A key is needed"),
            Self::UnknownKey => ("/problems/unknown-key", StatusCode::UNAUTHORIZED, "The key opens nothing"),
            Self::NotAllowed => ("/problems/not-allowed", StatusCode::FORBIDDEN, "The key does not allow this"),
            Self::CrossSite => {
                ("/problems/cross-site", StatusCode::FORBIDDEN, "The request comes from a page of another site")
            }
            Self::ForeignHost => {
                ("/problems/foreign-host", StatusCode::MISDIRECTED_REQUEST, "The service has another name")
            }
            Self::TooManyRequests => {
                ("/problems/too-many-requests", StatusCode::TOO_MANY_REQUESTS, "There are too many requests")
            }
            Self::Quota => ("/problems/quota", StatusCode::TOO_MANY_REQUESTS, "The client has as much as it may have"),
            Self::InvalidHeader => ("/problems/invalid-header", StatusCode::UNPROCESSABLE_ENTITY, "A header cannot be"),
            Self::RangeNotSatisfiable => (
                "/problems/range-not-satisfiable",
                StatusCode::RANGE_NOT_SATISFIABLE,
                "The file ends before the range begins",
            ),
            Self::IdempotencyMismatch => (
                "/problems/idempotency-mismatch",
                StatusCode::UNPROCESSABLE_ENTITY,
                "The Idempotency-Key came with another request before",
            ),
            Self::Internal => ("/problems/internal", StatusCode::INTERNAL_SERVER_ERROR, "The service made a mistake"),
            Self::QueueFull => ("/problems/queue-full", StatusCode::SERVICE_UNAVAILABLE, "The queue is full"),
            Self::Busy => ("/problems/busy", StatusCode::SERVICE_UNAVAILABLE, "The service has its hands full"),
            Self::Unavailable => {
                ("/problems/unavailable", StatusCode::SERVICE_UNAVAILABLE, "The service cannot do this now")
            }
        }
    }

    /// The stable URI reference that names it.
    pub fn uri(self) -> &'static str {
        self.facts().0
    }

    /// Its name alone, for those who count.
    pub fn name(self) -> &'static str {
        self.uri().trim_start_matches("/problems/")
    }

    pub fn status(self) -> StatusCode {
        self.facts().1
    }

    pub fn title(self) -> &'static str {
        self.facts().2
    }
}

/// Why a request was not done.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    kind: Kind,
    status: StatusCode,
    detail: Cow<'static, str>,
    field: Option<String>,
    retry_after: Option<u64>,
    /// The client's limit that stands in the way.
    limit: Option<Limit>,
}

/// What went wrong, as RFC 9457 has it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem, example = json!({
    "type": "/problems/not-a-picture", "title": "A file is not a picture that can be read", "status": 422,
    "detail": "the file ends before the picture does", "field": "style[0]",
}))]
pub(crate) struct ProblemDocument {
    /// A URI reference that names the sort of problem and does not change between versions; the description of this API
    /// lists them.
    r#type: &'static str,
    /// The sort of problem in words.
    title: &'static str,
    /// The status code of the response.
    status: u16,
    /// What is wrong with this request, and what would be right.
    detail: Cow<'static, str>,
    /// The form field, query parameter or header at fault; `style[0]` is the first style picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    field: Option<String>,
}

/// What any request that needs the stores may be answered.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes responses to OpenAPI")]
pub(crate) enum StoreProblems {
    /// The service made a mistake; its log says which.
    #[response(status = 500, content_type = "application/problem+json")]
    Internal(ProblemDocument),
    /// The store of jobs or pictures does not answer: try again after `Retry-After` seconds.
    #[response(status = 503, content_type = "application/problem+json", headers(
        ("Retry-After" = u64, description = "Seconds to wait before the next try")
    ))]
    Unavailable(ProblemDocument),
}

/// Seconds to wait before asking a store again that did not answer.
const STORE_RETRY: u64 = 5;

/// Seconds after which a client's own queue may have got shorter.
const QUEUE_RETRY: u64 = 30;

impl Problem {
    pub fn new(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, status: kind.status(), detail: detail.into(), field: None, retry_after: None, limit: None }
    }

    /// What sort of problem it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Names the form field, query parameter or header at fault.
    pub fn in_field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// Says after how many seconds the same request may succeed.
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Says which of the client's limits it has come to.
    pub fn because_of(mut self, limit: Limit) -> Self {
        self.limit = Some(limit);
        self
    }

    /// A mistake of the service itself: the log is told, the client hears only that there was one.
    pub fn internal(mistake: &dyn fmt::Display) -> Self {
        tracing::error!("{mistake}");
        Self::new(Kind::Internal, "the service failed at this request; its log says why")
    }

    fn unavailable(cause: &dyn fmt::Display) -> Self {
        tracing::error!("{cause}");
        Self::new(Kind::Unavailable, "the store of jobs or pictures does not answer; try again later")
            .retry_after(STORE_RETRY)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self { kind, status, detail, field, retry_after, limit } = self;
        let document =
            ProblemDocument { r#type: kind.uri(), title: kind.title(), status: status.as_u16(), detail, field };
        let mut response = (status, Json(document)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if kind.status() == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer realm=\"impasto\""));
        }
        if let Some(limit) = limit {
            // The day comes to its end as it says; when a queue is empty nobody knows.
            let full_in = retry_after.filter(|_| matches!(limit, Limit::Bytes(_)));
            response.extensions_mut().insert(Left::nothing(limit, full_in));
        }
        // For those who count what is refused.
        response.extensions_mut().insert(kind);
        response
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.title(), self.detail)
    }
}

impl std::error::Error for Problem {}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::unavailable(&error)
    }
}

impl From<BlobError> for Problem {
    fn from(error: BlobError) -> Self {
        Self::unavailable(&error)
    }
}

/// An option that cannot be.
impl From<OptionError> for Problem {
    fn from(error: OptionError) -> Self {
        Self::new(Kind::InvalidOption, error.to_string()).in_field(error.option)
    }
}

impl From<SubmitError> for Problem {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::QueueFull { .. } => Self::new(Kind::QueueFull, error.to_string()).retry_after(STORE_RETRY),
            SubmitError::OwnQueueFull { limit } => {
                Self::new(Kind::Quota, error.to_string()).retry_after(QUEUE_RETRY).because_of(Limit::Queued(limit))
            }
            SubmitError::OtherRequest => {
                Self::new(Kind::IdempotencyMismatch, error.to_string()).in_field("Idempotency-Key")
            }
            SubmitError::Store(error) => error.into(),
        }
    }
}

impl From<CancelError> for Problem {
    fn from(error: CancelError) -> Self {
        match error {
            CancelError::NotFound(id) => Self::no_such_job(&id),
            CancelError::Finished(_) => Self::new(Kind::AlreadyFinished, error.to_string()),
            CancelError::Store(error) => error.into(),
        }
    }
}

/// Seconds after which a job that found no worker for it may find one.
const WORKER_RETRY: u64 = 60;

impl Problem {
    /// The job `id`, whose picture was waited for, has failed.
    pub fn job_failed(id: &dyn fmt::Display, error: &JobError) -> Self {
        let problem = Self::new(Kind::JobFailed, format!("the job {id} has failed: {}", error.message));
        match error.kind.as_str() {
            JobError::INPUT => Self { status: StatusCode::UNPROCESSABLE_ENTITY, ..problem },
            JobError::NOT_STARTED | JobError::BACKBONE_UNAVAILABLE => {
                Self { status: StatusCode::SERVICE_UNAVAILABLE, ..problem }.retry_after(WORKER_RETRY)
            }
            _ => problem,
        }
    }

    /// There is no job called `id`, or there is none any more.
    pub fn no_such_job(id: &dyn fmt::Display) -> Self {
        Self::new(Kind::NoSuchJob, format!("there is no job {id}: it never was, or it was deleted"))
    }
}

/// As much of a client's text as its problem repeats: a head may hold far more than anybody wants to read again.
pub(crate) fn excerpt(text: &str) -> String {
    const LONGEST: usize = 100;
    text.chars().take(LONGEST).collect()
}

/// What is answered when the code that handles a request panics.
pub(crate) fn of_panic(panic: Box<dyn Any + Send>) -> Response {
    let said = panic.downcast_ref::<String>().map(String::as_str);
    let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
    Problem::internal(&format_args!("a request handler panicked: {said}")).into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_kind_has_a_uri_and_a_title_of_its_own() {
        let uris: HashSet<_> = Kind::ALL.map(Kind::uri).into();
        let titles: HashSet<_> = Kind::ALL.map(Kind::title).into();
        assert_eq!((uris.len(), titles.len()), (Kind::ALL.len(), Kind::ALL.len()));
        assert!(Kind::ALL.iter().all(|kind| kind.status().is_client_error() || kind.status().is_server_error()));
    }

    #[tokio::test]
    async fn a_panic_is_answered_without_its_message() {
        let response = of_panic(Box::new("a secret".to_owned()));
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        assert!(!String::from_utf8_lossy(&body).contains("secret"));
    }
}
