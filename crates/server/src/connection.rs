//! One connection: HTTP/1.1 at a pace that the client has to keep. A request stands for one answer, so that HTTP/2 would bring
//! little behind a load balancer, and would bring its many streams a connection within every bound.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    Router,
    body::{Body, HttpBody},
    extract::ConnectInfo,
    response::Response,
};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{rt::TokioIo, server::graceful::Watcher};
use tokio::net::TcpStream;
use tower::ServiceExt;

use crate::pace::{Pace, Paced, Patience, Underway};

/// Bytes of a request's head at the most, and of what is read ahead of a body: the memory that a connection may hold.
const BUFFER: usize = 64 << 10;

/// What is done about a connection.
#[derive(Debug, Clone)]
pub(crate) struct Handling {
    /// What answers.
    pub router: Router,
    /// What the client may take how long over.
    pub patience: Patience,
    /// Whether it may ask for another thing after the first.
    pub is_kept: bool,
}

/// Answers what comes from `address` until either side has enough, or `watcher` tells that the service ends.
pub(crate) async fn answer(stream: TcpStream, address: SocketAddr, handling: Handling, watcher: Watcher) {
    let Handling { router, patience, is_kept } = handling;
    // An answer is written whole: waiting for more bytes to share a packet with would only delay it.
    _ = stream.set_nodelay(true);
    let pace = Pace::new(patience);
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let underway = pace.begin_request();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(address));
        let answering = router.clone().oneshot(request);
        async move { Ok::<_, Infallible>(until_written(answering.await?, underway)) }
    });
    let mut http = http1::Builder::new();
    // The pace is kept below, for what hyper does not time as well.
    http.header_read_timeout(None).max_buf_size(BUFFER).keep_alive(is_kept);
    let connection = http.serve_connection(TokioIo::new(Paced::new(stream, pace.clone())), service);
    tokio::select! {
        ended = watcher.watch(connection) => {
            if let Err(error) = ended {
                tracing::debug!(%address, "the connection broke: {error}");
            }
        }
        () = pace.overdue() => tracing::debug!(%address, "the client took too long"),
    }
}

/// Lets the request be under way until its answer is given to the connection, or the connection is gone.
fn until_written(response: Response, underway: Underway) -> Response {
    response.map(|body| Body::new(UntilWritten { body, _underway: underway }))
}

struct UntilWritten {
    body: Body,
    _underway: Underway,
}

impl HttpBody for UntilWritten {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
