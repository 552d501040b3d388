//! The job that a path names.

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use impasto_jobs::JobId;

use crate::problem::{Problem, excerpt};

/// The `{id}` of a path. What is no identifier names no job.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Id(pub JobId);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Ok(Path(text)) = Path::<String>::from_request_parts(parts, state).await else {
            return Err(Problem::no_such_job(&"of this name"));
        };
        text.parse().map(Self).map_err(|_| Problem::no_such_job(&excerpt(&text)))
    }
}
