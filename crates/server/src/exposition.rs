//! The numbers of a process by themselves: `/metrics` and `/healthz` on an address of their own, for those who have no API or
//! whose API is for everybody.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};
use impasto_jobs::{BlobStore, JobStore, Status, StoreError};
use impasto_metrics::Metrics;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    pace::Patience,
    peer::TrustedProxies,
    problem::Problem,
    serving::{self, Serving},
};

/// What Prometheus is told of a process.
#[derive(Debug, Clone)]
pub struct Exposition {
    metrics: Metrics,
    stores: Option<(Arc<dyn JobStore>, BlobStore)>,
}

impl Exposition {
    /// Of one that serves the API: of all jobs as well.
    pub fn of_service(metrics: Metrics, jobs: Arc<dyn JobStore>, blobs: BlobStore) -> Self {
        metrics.expect_webhooks();
        Self { metrics, stores: Some((jobs, blobs)) }
    }

    /// Of one that has workers alone. What is told of all jobs is told once, by the API.
    pub fn of_workers(metrics: Metrics) -> Self {
        Self { metrics, stores: None }
    }

    /// Where the process's own numbers are kept.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Everything in Prometheus' text format.
    async fn text(&self) -> Result<String, StoreError> {
        if let Some((jobs, blobs)) = &self.stores {
            let counts = jobs.counts().await?;
            for &(status, count) in &counts {
                self.metrics.jobs(status.name(), count);
            }
            let waiting = counts.iter().find(|(status, _)| *status == Status::Queued).map_or(0, |&(_, count)| count);
            self.metrics.queue(waiting, jobs.longest_wait().await?.unwrap_or_default());
            for (kind, moved) in blobs.take_traffic() {
                self.metrics.blobs(kind.name(), moved.read, moved.written);
            }
        }
        Ok(self.metrics.render())
    }

    /// The same as an answer.
    pub(crate) async fn response(&self) -> Result<Response, Problem> {
        let text = self.text().await?;
        Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
    }
}

/// Connections at the most: scrapers are few.
const MOST_CONNECTIONS: usize = 32;

/// What a scraper may take how long over. Between two of its rounds it may keep its connection.
const PATIENCE: Patience =
    Patience { head: Duration::from_secs(5), idle: Duration::from_secs(75), write: Duration::from_secs(10) };

/// Serves `exposition` on `listener` until `shutdown`, to whoever asks: it belongs on loopback or in an operator's own network.
pub async fn run_metrics(listener: TcpListener, exposition: Exposition, shutdown: CancellationToken) {
    let router = Router::new()
        .route("/metrics", get(async |State(exposition): State<Exposition>| exposition.response().await))
        .route("/healthz", get(crate::routes::alive))
        .with_state(exposition);
    let serving = Serving {
        router,
        when_full: serving::when_full(),
        most: MOST_CONNECTIONS,
        patience: PATIENCE,
        trusted: TrustedProxies::default(),
    };
    // Nobody waits for a scraper.
    tokio::select! {
        () = serving::serve(listener, serving, &shutdown) => {}
        () = shutdown.cancelled() => {}
    }
}
