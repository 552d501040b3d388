//! What Prometheus is told.

use std::time::{Duration, Instant};

use axum::{
    extract::{MatchedPath, Request, State},
    http::Method,
    middleware::Next,
    response::Response,
};
use impasto_jobs::Status;
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use crate::app::Shared;

const REQUESTS: &str = "impasto_http_requests_total";
const DURATION: &str = "impasto_http_request_duration_seconds";
const JOBS: &str = "impasto_jobs";
const WEBHOOK_TRIES: &str = "impasto_webhook_tries_total";
const QUEUE_DEPTH: &str = "impasto_queue_depth";

/// Seconds. A long poll takes up to 30, an upload may take longer.
const DURATION_BUCKETS: &[f64] = &[0.001, 0.005, 0.02, 0.1, 0.5, 1.0, 5.0, 15.0, 35.0, 120.0];

/// The numbers of one service: two of them in one process do not mix theirs.
#[derive(Debug)]
pub(crate) struct Metrics {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
}

impl Metrics {
    pub fn new() -> Result<Self, BuildError> {
        let duration = Matcher::Full(DURATION.to_owned());
        let recorder = PrometheusBuilder::new().set_buckets_for_metric(duration, DURATION_BUCKETS)?.build_recorder();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            describe_counter!(REQUESTS, "HTTP requests by method, route and status");
            describe_histogram!(DURATION, Unit::Seconds, "Time to the head of the response by method and route");
            describe_gauge!(JOBS, "Jobs by status, as the job store counts them");
            describe_counter!(WEBHOOK_TRIES, "Tries to tell webhooks of their jobs' ends by outcome");
            describe_gauge!(QUEUE_DEPTH, "Jobs that wait for a worker");
        });
        Ok(Self { recorder, handle })
    }

    fn count_request(&self, method: &'static str, route: String, status: u16, took: Duration) {
        metrics::with_local_recorder(&self.recorder, || {
            counter!(REQUESTS, "method" => method, "route" => route.clone(), "status" => status.to_string())
                .increment(1);
            histogram!(DURATION, "method" => method, "route" => route).record(took.as_secs_f64());
        });
    }

    /// Counts a try to tell a webhook, which came out as `outcome` says.
    pub fn count_webhook_try(&self, outcome: &'static str) {
        metrics::with_local_recorder(&self.recorder, || counter!(WEBHOOK_TRIES, "outcome" => outcome).increment(1));
    }

    /// Everything in Prometheus' text format, with `jobs` in each status.
    pub fn render(&self, jobs: &[(Status, u64)]) -> String {
        metrics::with_local_recorder(&self.recorder, || {
            for &(status, count) in jobs {
                gauge!(JOBS, "status" => status.name()).set(count as f64);
                if status == Status::Queued {
                    gauge!(QUEUE_DEPTH).set(count as f64);
                }
            }
        });
        self.handle.render()
    }
}

/// Counts and times a request. The route is the template, so that jobs do not each get a series of their own.
pub(crate) async fn record(
    State(app): State<Shared>,
    route: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let method = known(request.method());
    let route = route.map_or_else(|| "none".to_owned(), |route| route.as_str().to_owned());
    let began = Instant::now();
    let response = next.run(request).await;
    app.metrics.count_request(method, route, response.status().as_u16(), began.elapsed());
    response
}

/// A method's name. A client may make up methods; they count as one.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Histograms keep every sample until they are drained, which nobody does while nobody scrapes.
pub(crate) async fn upkeep(app: Shared) {
    let mut ticks = tokio::time::interval(Duration::from_secs(5));
    while app.shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
        app.metrics.handle.run_upkeep();
    }
}
