//! Small bodies of JSON, taken in under limits: whatever is no upload is no longer than this.

use std::time::Duration;

use axum::{
    body::to_bytes,
    extract::{FromRequest, Request},
    http::header,
};
use serde::de::DeserializeOwned;

use crate::problem::{Kind, Problem};

/// Bytes of it at the most.
const LONGEST: usize = 16 << 10;
/// How long it may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a request asks for in JSON.
#[derive(Debug)]
pub(crate) struct SmallJson<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for SmallJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
        // A form of another site can be sent without asking; JSON cannot.
        if !kind.eq_ignore_ascii_case("application/json") {
            return Err(refuse("is not said to be JSON: send Content-Type: application/json"));
        }
        let read = tokio::time::timeout(PATIENCE, to_bytes(request.into_body(), LONGEST)).await;
        let read = read.map_err(|_| {
            Problem::new(Kind::UploadTimeout, format!("the body did not arrive within {} seconds", PATIENCE.as_secs()))
        })?;
        let bytes = read.map_err(|_| refuse(&format!("broke off, or is above the limit of {LONGEST} bytes")))?;
        // What is wrong is said by place, not by the text that stands there: it may be a secret.
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            let what = if error.is_data() { "lacks something, or has something that is unknown" } else { "is no JSON" };
            refuse(&format!("{what}, at line {}, column {}", error.line(), error.column()))
        })
    }
}

fn refuse(why: &str) -> Problem {
    Problem::new(Kind::InvalidBody, format!("the body {why}"))
}
