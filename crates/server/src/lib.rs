//! The HTTP API of impasto: [`run`] serves a [`Service`] until it is told to stop.
//!
//! It takes uploads into the blob store, jobs into the job store, and shows what workers make of them. It knows no
//! engine: what it says of backbones it was told by whoever started it.
#![forbid(unsafe_code)]

mod app;
mod asked;
mod bounds;
mod caller;
mod compression;
mod conditional;
mod docs;
mod download;
mod events;
mod fields;
mod form;
mod format;
mod idempotency;
mod initial;
mod intake;
mod layers;
mod metrics;
mod new_losses;
mod openapi;
mod opening;
mod order;
mod page;
mod part;
mod partial;
mod peer;
mod pending;
mod pictures;
mod prefer;
mod problem;
mod query;
mod readiness;
mod rendered;
mod role;
mod routes;
mod settings;
mod submission;
mod terms;
mod upload;
mod view;
mod watcher;
mod webhooks;

pub use app::{BackboneInfo, Service, run};
pub use openapi::openapi_yaml;
pub use settings::Settings;
pub use webhooks::WebhookSettings;
