//! Files go out whole, or the part of them that a client asks for: one that lost its connection has the rest.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, IntoResponseParts, Response},
};
use impasto_jobs::BlobError;

use crate::{
    outgoing::Outgoing,
    problem::{Kind, Problem},
};

/// Says that a file may be had in parts.
pub(crate) const IN_PARTS: [(HeaderName, HeaderValue); 1] =
    [(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"))];

/// What a request would have of a file.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Whole,
    /// From the one byte to the other, both included.
    Of(u64, u64),
    /// What is not there.
    Beyond,
}

/// `file`, whose strong tag is `tag`, or what a request with `method` and `headers` would have of it; `about` says what it is.
///
/// # Errors
/// When the file cannot be read, or is gone.
pub(crate) async fn answer(
    method: &Method,
    headers: &HeaderMap,
    tag: &HeaderValue,
    about: impl IntoResponseParts,
    file: Outgoing<'_>,
) -> Result<Response, BlobError> {
    let length = file.length().await?;
    match part(method, headers, tag, length) {
        Part::Whole => {
            let body = if method == Method::HEAD { Body::empty() } else { file.into_body(None).await? };
            Ok((about, IN_PARTS, of_length(length), body).into_response())
        }
        Part::Of(first, last) => {
            let body = file.into_body(Some(first..last + 1)).await?;
            let sent = of_length(last + 1 - first);
            let response = (StatusCode::PARTIAL_CONTENT, about, IN_PARTS, sent, body).into_response();
            Ok(within(response, format!("bytes {first}-{last}/{length}")))
        }
        Part::Beyond => {
            let why = format!("the file has {length} bytes: ask for some of these");
            let problem = Problem::new(Kind::RangeNotSatisfiable, why).in_field("Range");
            Ok(within(problem.into_response(), format!("bytes */{length}")))
        }
    }
}

/// A body that comes piece by piece does not tell its length by itself.
pub(crate) fn of_length(bytes: u64) -> [(HeaderName, HeaderValue); 1] {
    [(header::CONTENT_LENGTH, bytes.into())]
}

fn within(mut response: Response, range: String) -> Response {
    // Letters, digits and a few signs are a header value.
    if let Ok(range) = HeaderValue::try_from(range) {
        response.headers_mut().insert(header::CONTENT_RANGE, range);
    }
    response
}

/// Several ranges, and what is no range, count as none, as RFC 9110 allows.
fn part(method: &Method, headers: &HeaderMap, tag: &HeaderValue, length: u64) -> Part {
    // A date tells less than a tag; whoever sends one has all of the file again.
    let is_other = headers.get(header::IF_RANGE).is_some_and(|condition| condition != tag);
    let range = headers.get(header::RANGE).and_then(|range| range.to_str().ok());
    let Some(range) = range.filter(|_| method == Method::GET && !is_other) else { return Part::Whole };
    let Ok(ranges) = http_range_header::parse_range_header(range) else { return Part::Whole };
    if ranges.len() != 1 {
        return Part::Whole;
    }
    match ranges.validate(length).as_deref() {
        Ok([range]) => Part::Of(*range.start(), *range.end()),
        Ok(_) => Part::Whole,
        Err(_) => Part::Beyond,
    }
}
