//! What Prometheus is told of the service: a [`Metrics`] for each process, and in [`FAMILIES`] every number that it may tell.
//!
//! It knows nothing of what is measured but names, units and labels: the API, the supervisor of workers and the workers
//! themselves each record what they see.
#![forbid(unsafe_code)]

mod families;
mod http;
mod jobs;
mod recorder;
mod workers;

pub use families::{FAMILIES, Family, Kind};
pub use http::WebhookTry;
pub use recorder::{Metrics, MetricsError};
pub use workers::{Restart, Seat, WorkerState};
