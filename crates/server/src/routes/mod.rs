//! The endpoints. Each is registered with what it says of itself, so that openapi.yaml has them all.

mod about;
mod backbones;
mod cancel;
mod delete;
mod health;
mod id;
mod job;
mod list;
mod losses;
mod preview;
mod result;
mod submit;

pub(crate) use health::alive;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{app::Shared, docs, openapi, page};

/// Every endpoint, and the description of those that are for programs.
pub(crate) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::with_openapi(openapi::base())
        .routes(routes!(submit::submit, list::list))
        .routes(routes!(job::show, delete::delete))
        .routes(routes!(losses::losses))
        .routes(routes!(result::result))
        .routes(routes!(preview::preview))
        .routes(routes!(cancel::cancel))
        .routes(routes!(backbones::backbones))
        .routes(routes!(health::alive))
        .routes(routes!(health::ready))
        .routes(routes!(about::metrics))
        .routes(routes!(about::openapi))
        .merge(page::router().into())
        .merge(docs::router().into())
}
