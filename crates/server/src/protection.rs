//! What every answer asks of the browser that gets it.

use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};

use crate::peer::Peer;

/// What the answers of the API may do in a browser: nothing.
const API_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

const ALWAYS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, API_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];

const EMBEDDING: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// A year. Other names of the same domain are none of our business.
const HTTPS_ONLY: &str = "max-age=31536000";

/// Who may show what is answered in a page of theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Embedding {
    /// The pages of the service itself.
    Own,
    /// Other sites' too, as they may use the API.
    Any,
}

/// Puts the headers that an answer has not set by itself.
pub(crate) async fn protect(embedding: Embedding, request: Request, next: Next) -> Response {
    let is_https = Peer::of(request.extensions()).is_https;
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let embedding = match embedding {
        Embedding::Own => "same-origin",
        Embedding::Any => "cross-origin",
    };
    let https = is_https.then_some((header::STRICT_TRANSPORT_SECURITY, HTTPS_ONLY));
    for (name, value) in ALWAYS.into_iter().chain([(EMBEDDING, embedding)]).chain(https) {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
