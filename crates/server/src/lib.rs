//! The HTTP API of impasto: [`run`] serves a [`Service`] until it is told to stop.
//!
//! It takes uploads into the blob store, jobs into the job store, and shows what workers make of them. It knows no
//! engine: what it says of backbones it was told by whoever started it.
#![forbid(unsafe_code)]

mod admission;
mod app;
mod asked;
mod bounds;
mod caller;
mod compression;
mod conditional;
mod connection;
mod credential;
mod cross_site;
mod docs;
mod download;
mod elsewhere;
mod events;
mod exposition;
#[cfg(test)]
#[path = "../../../tests/common/faulty_jobs.rs"]
mod faulty_jobs;
mod fields;
mod form;
mod format;
mod forwarded;
mod idempotency;
mod initial;
mod intake;
mod json;
mod keyring;
mod layers;
mod metrics;
mod new_losses;
mod openapi;
mod opening;
mod order;
mod outgoing;
mod pace;
mod page;
mod part;
mod partial;
mod peer;
mod pending;
mod pictures;
mod prefer;
mod problem;
mod protection;
mod public_path;
mod query;
mod quota;
mod rate_limit;
mod rates;
mod readiness;
mod rendered;
mod request_id;
mod request_log;
mod role;
mod routes;
mod serving;
mod settings;
mod shares;
mod submission;
mod terms;
mod turns;
mod upload;
mod view;
mod watcher;
mod webhooks;

pub use app::{BackboneInfo, Service, run};
pub use exposition::{Exposition, run_metrics};
pub use openapi::openapi_yaml;
pub use settings::{LimitSettings, Settings};
pub use webhooks::WebhookSettings;
