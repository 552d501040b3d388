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

const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The page and its files: where each is, what it is, and what is in it.
const FILES: [(&str, &str, &str); 13] = [
    ("/", "text/html; charset=utf-8", include_str!("../page/index.html")),
    ("/studio.css", STYLE, include_str!("../page/studio.css")),
    ("/studio.js", SCRIPT, include_str!("../page/studio.js")),
    ("/curve.js", SCRIPT, include_str!("../page/curve.js")),
    ("/dom.js", SCRIPT, include_str!("../page/dom.js")),
    ("/fields.js", SCRIPT, include_str!("../page/fields.js")),
    ("/follow.js", SCRIPT, include_str!("../page/follow.js")),
    ("/job.js", SCRIPT, include_str!("../page/job.js")),
    ("/order.js", SCRIPT, include_str!("../page/order.js")),
    ("/pictures.js", SCRIPT, include_str!("../page/pictures.js")),
    ("/recent.js", SCRIPT, include_str!("../page/recent.js")),
    ("/service.js", SCRIPT, include_str!("../page/service.js")),
    ("/session.js", SCRIPT, include_str!("../page/session.js")),
];

/// The page and its files.
pub(crate) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    FILES
        .into_iter()
        .fold(Router::new(), |router, (path, kind, text)| router.route(path, get(async move || file(kind, text))))
}

/// Whether there is a file of the page at `path`.
pub(crate) fn has(path: &str) -> bool {
    FILES.iter().any(|(own, ..)| *own == path)
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
