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
    Settings,
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

/// Serves `router` on `listener` until `shutdown`, and returns when all requests that were open then have come to their end.
pub(crate) async fn serve(
    mut listener: TcpListener,
    router: Router,
    settings: &Settings,
    trusted: &TrustedProxies,
    shutdown: &CancellationToken,
) {
    let places = Shares::halves(settings.max_connections.get());
    let usual = Handling { router, patience: Patience::of(settings), is_kept: true };
    let graceful = GracefulShutdown::new();
    let mut reserve = Reserve::default();
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

/// The connections above the bound, the oldest first.
#[derive(Debug, Default)]
struct Reserve(VecDeque<JoinHandle<()>>);

impl Reserve {
    async fn turn_away(&mut self, stream: TcpStream, address: SocketAddr, graceful: &GracefulShutdown) {
        self.0.retain(|connection| !connection.is_finished());
        if self.0.len() >= RESERVE
            && let Some(oldest) = self.0.pop_front()
        {
            oldest.abort();
            // It is closed before the next one is accepted: they never are more than there may be files.
            _ = oldest.await;
        }
        let handling = Handling { router: while_full(), patience: Patience::SHORT, is_kept: false };
        let answering = connection::answer(stream, address, handling, graceful.watcher());
        self.0.push_back(tokio::spawn(answering));
    }
}

/// What is answered above the bound.
fn while_full() -> Router {
    let full = async || {
        let why = "as many connections as there may be are open; try again later";
        Problem::new(Kind::Busy, why).retry_after(RETRY)
    };
    Router::new().route("/healthz", get(routes::alive)).fallback(full)
}
