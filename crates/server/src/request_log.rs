//! A line in the log for every request: what was asked for, what came of it, and who asked, without anything that is a secret or
//! a client's own. Lines that are logged on the way stand in the request's span.

use std::{
    net::IpAddr,
    sync::{Arc, OnceLock},
    time::Instant,
};

use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderMap, header},
    middleware::Next,
    response::Response,
};
use impasto_jobs::{Client, JobId};
use tracing::{Instrument, Span};

use crate::{metrics::known, peer::Peer, request_id};

/// Where the name of whoever asks is left for the log by the extractor that finds it out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Signature(Arc<OnceLock<Client>>);

impl Signature {
    /// Leaves the name.
    pub fn sign(&self, client: &Client) {
        // The first one stands: a request comes from one client.
        _ = self.0.set(client.clone());
    }
}

/// What the log says of a request. Whatever becomes of it, a line is written: where it is dropped unanswered, that its client has
/// gone.
struct Line {
    span: Span,
    method: &'static str,
    route: String,
    job: Option<JobId>,
    received: Option<u64>,
    client: Signature,
    address: Option<IpAddr>,
    began: Instant,
    answered: bool,
}

/// Writes the request's line.
pub(crate) async fn log(route: Option<MatchedPath>, mut request: Request, next: Next) -> Response {
    let client = Signature::default();
    request.extensions_mut().insert(client.clone());
    let headers = request.headers();
    let mut line = Line {
        // An error's span is there wherever an error is logged.
        span: tracing::error_span!("request", id = request_id::of(headers)),
        method: known(request.method()),
        // What a client makes up may be anything, a secret that was pasted in the wrong place among it.
        route: route.map_or_else(|| "none".to_owned(), |route| route.as_str().to_owned()),
        job: request.uri().path().split('/').find_map(|part| part.parse().ok()),
        received: length(headers),
        client,
        address: request.extensions().get::<Peer>().map(|peer| peer.address),
        began: Instant::now(),
        answered: false,
    };
    let response = next.run(request).instrument(line.span.clone()).await;
    line.answer(&response);
    response
}

impl Line {
    fn answer(&mut self, response: &Response) {
        self.answered = true;
        self.write(Some(response.status().as_u16()), length(response.headers()), "answered");
    }

    fn write(&self, status: Option<u16>, bytes: Option<u64>, message: &'static str) {
        let Self { span, method, route, job, received, client, address, began, .. } = self;
        let (job, seconds) = (job.map(tracing::field::display), began.elapsed().as_secs_f64());
        // A key by its name that may be shown; an address only by what sort of place it is.
        let key = client.0.get().and_then(Client::key);
        let client = key.map_or_else(|| class_of(*address).to_owned(), |key| format!("key:{key}"));
        // What asks every few seconds whether all is well is of interest when it is not.
        let routine = matches!(route.as_str(), "/healthz" | "/readyz" | "/metrics");
        span.in_scope(|| {
            if routine && status.is_some_and(|status| status < 400) {
                tracing::debug!(method, route, job, status, seconds, bytes, received, client, "{message}");
            } else {
                tracing::info!(method, route, job, status, seconds, bytes, received, client, "{message}");
            }
        });
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if !self.answered {
            self.write(None, None, "the client went away");
        }
    }
}

fn class_of(address: Option<IpAddr>) -> &'static str {
    let Some(address) = address.map(|address| address.to_canonical()) else { return "unknown" };
    let private = match address {
        IpAddr::V4(address) => address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => address.is_unique_local() || address.is_unicast_link_local(),
    };
    match address.is_loopback() {
        true => "loopback",
        false if private => "private",
        false => "public",
    }
}

fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
