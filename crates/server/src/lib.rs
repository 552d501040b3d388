//! The HTTP API of impasto: [`run`] serves a [`Service`] until it is told to stop.
//!
//! It takes uploads into the blob store, jobs into the job store, and shows what workers make of them. It knows no
//! engine: what it says of backbones it was told by whoever started it.
#![forbid(unsafe_code)]

mod app;
mod bounds;
mod caller;
mod compression;
mod conditional;
mod docs;
mod download;
mod exposition;
mod form;
mod format;
mod initial;
mod intake;
mod layers;
mod metrics;
mod openapi;
mod opening;
mod order;
mod page;
mod part;
mod peer;
mod pending;
mod pictures;
mod problem;
mod query;
mod readiness;
mod rendered;
mod request_log;
mod role;
mod routes;
mod settings;
mod upload;
mod view;
mod watcher;

pub use app::{BackboneInfo, Service, run};
pub use exposition::{Exposition, run_metrics};
pub use openapi::openapi_yaml;
pub use settings::Settings;
