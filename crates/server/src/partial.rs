//! Files go out whole, or the part of them that a client asks for: one that lost its connection has the rest.

use axum::{
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, IntoResponseParts, Response},
};
use bytes::Bytes;

use crate::problem::{Kind, Problem};

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
pub(crate) fn answer(
    method: &Method,
    headers: &HeaderMap,
    tag: &HeaderValue,
    about: impl IntoResponseParts,
    file: Bytes,
) -> Response {
    let length = file.len();
    let in_parts = [(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"))];
    match part(method, headers, tag, length as u64) {
        Part::Whole => (about, in_parts, file).into_response(),
        Part::Of(first, last) => {
            // Both are within the file.
            let part = file.slice(first as usize..=last as usize);
            let response = (StatusCode::PARTIAL_CONTENT, about, in_parts, part).into_response();
            within(response, format!("bytes {first}-{last}/{length}"))
        }
        Part::Beyond => {
            let why = format!("the file has {length} bytes: ask for some of these");
            let problem = Problem::new(Kind::RangeNotSatisfiable, why).in_field("Range");
            within(problem.into_response(), format!("bytes */{length}"))
        }
    }
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
