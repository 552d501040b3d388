//! From what workers measure to what Prometheus is told.

use std::{sync::Arc, time::Duration};

use impasto_metrics::Metrics;
use impasto_worker::{Measured, Pulse};
use tokio::time::interval;

/// From one look at what was measured to the next.
pub const EVERY: Duration = Duration::from_secs(1);

/// Writes down what a worker has measured.
pub fn record(metrics: &Metrics, measured: &Measured) {
    match measured {
        Measured::FirstClaim { waited } => metrics.first_claim(seconds(*waited)),
        Measured::JobEnded { status, ran } => metrics.job_ended(status.name(), seconds(*ran)),
        Measured::Epochs { device, precision, seconds } => metrics.epochs(device, precision, seconds),
        Measured::Checkpoint { bytes, seconds: took } => metrics.checkpoint(*bytes, seconds(*took)),
        Measured::Blobs { kind, read, written } => metrics.blobs(kind.name(), *read, *written),
    }
}

/// Writes down what the worker of this very process measures, until it ends.
pub async fn keep_recording(pulse: Arc<Pulse>, metrics: Metrics) {
    let mut ticks = interval(EVERY);
    loop {
        ticks.tick().await;
        pulse.take_measured().iter().for_each(|each| record(&metrics, each));
        metrics.upkeep();
    }
}

/// What another process says may be anything.
fn seconds(number: f64) -> Duration {
    Duration::try_from_secs_f64(number).unwrap_or_default()
}
