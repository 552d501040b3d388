//! The endpoints. Each is registered with what it says of itself, so that openapi.yaml has them all.

mod about;
mod backbones;
mod cancel;
mod delete;
mod events;
mod health;
mod id;
mod job;
mod keys;
mod list;
mod losses;
mod paint;
mod preview;
mod result;
mod session;
mod submit;

pub(crate) use health::alive;
use impasto_jobs::Scope;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{app::Shared, docs, openapi, page};

/// Every endpoint, and the description of those that are for programs.
pub(crate) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::with_openapi(openapi::base())
        .routes(routes!(submit::submit, list::list))
        .routes(routes!(job::show, delete::delete))
        .routes(routes!(losses::losses))
        .routes(routes!(events::events))
        .routes(routes!(result::result))
        .routes(routes!(paint::paint))
        .routes(routes!(preview::preview))
        .routes(routes!(cancel::cancel))
        .routes(routes!(backbones::backbones))
        .routes(routes!(health::alive))
        .routes(routes!(health::ready))
        .routes(routes!(session::show, session::log_in, session::log_out))
        .routes(routes!(keys::list, keys::make))
        .routes(routes!(keys::revoke))
        .routes(routes!(about::metrics))
        .routes(routes!(about::openapi))
        .merge(page::router().into())
        .merge(docs::router().into())
}

/// What it takes to get to a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Nothing, and nobody counts how often.
    Free,
    /// No key, but not too often.
    Open,
    /// A key, where there are keys.
    Keyed,
}

/// The scopes that the key has to have for `route`, all of them, as the description says; each route's extractor sees to it.
pub(crate) fn scopes(route: &str, changes_something: bool) -> &'static [Scope] {
    match route {
        "/metrics" => &[Scope::Admin],
        "/v1/paint" => &[Scope::Submit, Scope::Read],
        _ if route.starts_with("/v1/keys") => &[Scope::Admin],
        _ if changes_something => &[Scope::Submit],
        _ => &[Scope::Read],
    }
}

/// What it takes to get to `route`, as the router spells it. Whatever is not named here takes a key.
pub(crate) fn access(route: &str) -> Access {
    match route {
        "/docs" | "/docs.css" | "/openapi.yaml" | "/healthz" | "/readyz" => Access::Free,
        _ if page::has(route) => Access::Free,
        "/v1/session" => Access::Open,
        _ => Access::Keyed,
    }
}
