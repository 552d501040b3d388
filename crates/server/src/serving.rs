//! The connections that there are. Above their bound a client is told at once to come again, by one of a few connections that
//! are kept for that; whoever asks on those whether the service is alive hears that it is.

use std::{collections::VecDeque, net::SocketAddr};

use axum::{Router, routing::get, serve::Listener};
use hyper_util::server::graceful::GracefulShutdown;
use impasto_jobs::Client;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use crate::{
    connection::{self, Handling},
    pace::Patience,
    peer::TrustedProxies,
    problem::{Kind, Problem},
    routes,
    shares::Shares,
};

/// Connections above the bound. One more takes the place of the oldest, whose client has had its answer or is slow.
const RESERVE: usize = 16;

/// Seconds after which a client that was turned away may try again.
const RETRY: u64 = 5;

/// How a listener is served.
#[derive(Debug)]
pub(crate) struct Serving {
    /// What answers.
    pub router: Router,
    /// What answers above the bound.
    pub when_full: Router,
    /// Connections at the most, of which one address has half.
    pub most: usize,
    /// What a client may take how long over.
    pub patience: Patience,
    /// Addresses that stand for many clients.
    pub trusted: TrustedProxies,
}

/// Serves `listener` until `shutdown`, and returns when all requests that were open then have come to their end.
pub(crate) async fn serve(mut listener: TcpListener, serving: Serving, shutdown: &CancellationToken) {
    let Serving { router, when_full, most, patience, trusted } = serving;
    let places = Shares::halves(most);
    let usual = Handling { router, patience, is_kept: true };
    let graceful = GracefulShutdown::new();
    let mut reserve = Reserve { connections: VecDeque::new(), router: when_full };
    // It waits out what keeps the system from giving a connection, such as too many open files.
    while let Some((stream, address)) = shutdown.run_until_cancelled(Listener::accept(&mut listener)).await {
        let place = if trusted.include(address.ip()) {
            places.try_take_for_many()
        } else {
            places.try_take(&Client::at(address.ip()))
        };
        let Some(place) = place else {
            reserve.turn_away(stream, address, &graceful).await;
            continue;
        };
        let answering = connection::answer(stream, address, usual.clone(), graceful.watcher());
        tokio::spawn(async move {
            answering.await;
            drop(place);
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

/// The connections above the bound.
#[derive(Debug)]
struct Reserve {
    /// The oldest first.
    connections: VecDeque<JoinHandle<()>>,
    router: Router,
}

impl Reserve {
    async fn turn_away(&mut self, stream: TcpStream, address: SocketAddr, graceful: &GracefulShutdown) {
        self.connections.retain(|connection| !connection.is_finished());
        if self.connections.len() >= RESERVE
            && let Some(oldest) = self.connections.pop_front()
        {
            oldest.abort();
            // It is closed before the next one is accepted: they never are more than there may be files.
            _ = oldest.await;
        }
        let handling = Handling { router: self.router.clone(), patience: Patience::SHORT, is_kept: false };
        let answering = connection::answer(stream, address, handling, graceful.watcher());
        self.connections.push_back(tokio::spawn(answering));
    }
}

/// What is answered above the bound.
pub(crate) fn when_full<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let full = async || {
        let why = "as many connections as there may be are open; try again later";
        Problem::new(Kind::Busy, why).retry_after(RETRY)
    };
    Router::new().route("/healthz", get(routes::alive)).fallback(full)
}
