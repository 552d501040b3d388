//! The studio: the page that people use.

use axum::{
    Router,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
    routing::get,
};

/// What the pages of the service may do in a browser: nothing may come from elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src 'self' blob: data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The page and its files.
pub(crate) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/", get(async || file("text/html; charset=utf-8", include_str!("../page/index.html"))))
        .route("/studio.css", get(async || file("text/css; charset=utf-8", include_str!("../page/studio.css"))))
        .route("/studio.js", get(async || file("text/javascript; charset=utf-8", include_str!("../page/studio.js"))))
}

/// A file of a page. Browsers ask again each time, so that a new version of the service is seen at once.
pub(crate) fn file(kind: &'static str, text: impl IntoResponse) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, text).into_response()
}
