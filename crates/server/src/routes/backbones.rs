//! `GET /v1/backbones`

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::{BackboneInfo, Shared},
    caller::Reads,
};

/// The networks that jobs may ask for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Backbones {
    backbones: Vec<BackboneInfo>,
}

/// List the backbones, and which of them `auto` means
#[utoipa::path(
    get,
    path = "/v1/backbones",
    tag = "service",
    operation_id = "listBackbones",
    responses((status = 200, description = "The backbones", body = Backbones)),
)]
pub(crate) async fn backbones(State(app): State<Shared>, _: Reads) -> Json<Backbones> {
    Json(Backbones { backbones: app.backbones.clone() })
}
