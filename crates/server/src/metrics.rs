//! What is counted of every request.

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request, State},
    http::Method,
    middleware::Next,
    response::Response,
};

use crate::{app::Shared, problem::Kind, routes};

/// Counts and times a request.
pub(crate) async fn record(
    State(app): State<Shared>,
    route: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let method = known(request.method());
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    let takes_pictures = routes::takes_pictures(request.method(), route);
    let began = Instant::now();
    let response = next.run(request).await;
    let metrics = app.exposition.metrics();
    metrics.request(method, route, response.status().as_u16(), began.elapsed());
    if let Some(kind) = response.extensions().get::<Kind>().filter(|_| takes_pictures) {
        metrics.upload_refused(kind.name());
    }
    response
}

/// A method's name. A client may make up methods; they count as one.
pub(crate) fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
