//! `GET /metrics` and `GET /openapi.yaml`

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};

use crate::{
    app::Shared,
    caller::Administers,
    openapi,
    problem::{Problem, StoreProblems},
    public_path::PublicPath,
};

/// Requests, jobs and the queue in numbers, in Prometheus' text format
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "service",
    operation_id = "getMetrics",
    responses((status = 200, description = "The numbers", body = String, content_type = "text/plain"), StoreProblems),
)]
pub(crate) async fn metrics(State(app): State<Shared>, _: Administers) -> Result<Response, Problem> {
    app.exposition.response().await
}

/// This description
#[utoipa::path(
    get,
    path = "/openapi.yaml",
    tag = "service",
    operation_id = "getOpenApi",
    responses((status = 200, description = "OpenAPI 3.1", body = String, content_type = "application/yaml")),
)]
pub(crate) async fn openapi(under: PublicPath) -> Response {
    ([(header::CONTENT_TYPE, "application/yaml")], openapi::yaml(&under)).into_response()
}
