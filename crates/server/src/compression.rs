//! Text travels compressed to clients that take gzip.

use std::io::{self, Write};

use axum::{
    extract::Request,
    http::{Extensions, HeaderMap, HeaderValue, StatusCode, Version, header},
    middleware::Next,
    response::Response,
};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use tower_http::{
    CompressionLevel,
    compression::{
        CompressionLayer,
        predicate::{Predicate, SizeAbove},
    },
};

/// Bytes up to which a body is not worth it: it fits one packet either way.
const SMALL: u64 = 1024;

/// Compresses text that is not small. Pictures are compressed already.
pub(crate) fn layer() -> CompressionLayer<impl Predicate> {
    // Losses and the page lose two thirds at the lowest level, and little more at a higher one.
    CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(SizeAbove::new(SMALL).and(is_text))
}

/// `text` as the layer would compress it, for an answer that is given many times; `None` where it is too small.
pub(crate) fn gzip(text: &[u8]) -> io::Result<Option<Bytes>> {
    if text.len() as u64 <= SMALL {
        return Ok(None);
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text)?;
    Ok(Some(encoder.finish()?.into()))
}

/// Puts `body`, which [`gzip`] has made, in the place of the response's own; the layer leaves it as it is.
pub(crate) fn replace(response: &mut Response, body: Bytes) {
    *response.body_mut() = body.into();
    response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    response.headers_mut().append(header::VARY, HeaderValue::from_static("accept-encoding"));
}

fn is_text(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim_end();
    // An event has to go out when it is there, not when there is enough to compress.
    kind.starts_with("text/") && kind != "text/event-stream" || kind.ends_with("json") || kind.ends_with("yaml")
}

/// Leaves the layer the choice between gzip and nothing. To a client that accepts neither it would answer 406, after the
/// request has had its effect.
pub(crate) async fn choose(mut request: Request, next: Next) -> Response {
    let headers = request.headers_mut();
    if headers.contains_key(header::ACCEPT_ENCODING) {
        let gzip = takes_gzip(headers);
        headers.remove(header::ACCEPT_ENCODING);
        if gzip {
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        }
    }
    next.run(request).await
}

/// Whether a request that came through [`choose`] takes gzip.
pub(crate) fn is_chosen(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT_ENCODING).is_some_and(|coding| coding == "gzip")
}

/// Whether `Accept-Encoding` allows gzip, by name or, where it is not named, by `*`.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|list| list.to_str().ok());
    let (mut by_name, mut by_star) = (None, None);
    for coding in lists.flat_map(|list| list.split(',')) {
        let mut parts = coding.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let quality = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
        let taken = quality.is_none_or(|quality| quality.trim().parse().unwrap_or(0.0) > 0.0);
        if name.eq_ignore_ascii_case("gzip") {
            by_name = Some(taken);
        } else if name == "*" {
            by_star = Some(taken);
        }
    }
    by_name.or(by_star).unwrap_or(false)
}
