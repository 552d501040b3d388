//! The body of an upload, taken in under limits.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    body::{Body, BodyDataStream},
    http::{HeaderMap, header},
};
use bytes::Bytes;
use futures::{FutureExt, Stream, StreamExt};
use tokio::task::JoinHandle;
use tower_http::timeout::{TimeoutBody, TimeoutError};

use crate::{
    Settings,
    problem::{Kind, Problem},
    quota::Tally,
};

/// Bytes between two parts at the most: a boundary and the head of a part. The parser gathers them in memory.
const MAX_HEAD: usize = 64 << 10;

/// How long a refused client may go on to send before it is cut off.
const DRAIN: Duration = Duration::from_secs(5);

/// A request body that ends in a [`Problem`] where it breaks a limit. Clones are one body: what one has read, the others
/// have not to read any more.
#[derive(Debug, Clone)]
pub(crate) struct Intake(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    body: BodyDataStream,
    stall: Duration,
    /// Some of it has arrived.
    begun: bool,
    /// Bytes taken since the last part ended; `None` within a part.
    head: Option<usize>,
    /// The client waits for a word before it sends its body.
    asks_first: bool,
    /// The last poll gave a chunk.
    just_gave: bool,
    /// What its bytes count towards.
    tally: Option<Tally>,
    /// Waits until the job store has heard of a portion of them.
    settling: Option<JoinHandle<Result<(), Problem>>>,
}

impl Intake {
    pub fn new(headers: &HeaderMap, body: Body, settings: &Settings) -> Self {
        let stall = Duration::from_secs(settings.upload_stall_seconds);
        Self(Arc::new(Mutex::new(State {
            body: Body::new(TimeoutBody::new(stall, body)).into_data_stream(),
            stall,
            begun: false,
            head: Some(0),
            asks_first: headers.contains_key(header::EXPECT),
            just_gave: false,
            tally: None,
            settling: None,
        })))
    }

    /// From now on, what arrives counts for its client.
    pub fn count_for(&self, tally: Tally) {
        self.state().tally = Some(tally);
    }

    /// What follows belongs to the data of a part.
    pub fn enter_part(&self) {
        self.state().head = None;
    }

    /// What follows is the head of the next part.
    pub fn leave_part(&self) {
        self.state().head = Some(0);
    }

    /// Reads what a refused client still sends and throws it away: many clients read the answer only after they have
    /// written everything, and a connection closed under their hands would cost them the answer.
    pub async fn drain(mut self) {
        let unasked = {
            let state = self.state();
            state.asks_first && !state.begun
        };
        if unasked {
            return;
        }
        self.enter_part();
        let rest = async { while let Some(Ok(_)) = self.next().await {} };
        // A client that sends for longer is cut off.
        _ = tokio::time::timeout(DRAIN, rest).await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that holds the lock panics between two writes that belong together.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stream for Intake {
    type Item = Result<Bytes, Problem>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut state = self.state();
        // The parser gathers chunks for as long as there are any, before it looks at one. It is to look at each.
        if std::mem::take(&mut state.just_gave) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Some(settling) = &mut state.settling {
            let settled = ready!(settling.poll_unpin(context));
            state.settling = None;
            if let Err(problem) = settled.unwrap_or_else(|died| Err(Problem::internal(&died))) {
                return Poll::Ready(Some(Err(problem)));
            }
        }
        let chunk = match ready!(state.body.poll_next_unpin(context)) {
            Some(Ok(chunk)) => chunk,
            Some(Err(error)) => return Poll::Ready(Some(Err(state.explain(&error)))),
            None => return Poll::Ready(None),
        };
        Poll::Ready(Some(state.admit(chunk)))
    }
}

impl State {
    fn admit(&mut self, chunk: Bytes) -> Result<Bytes, Problem> {
        self.begun = true;
        if let Some(tally) = &self.tally {
            tally.count(chunk.len() as u64)?;
            self.settling = tally.settling();
        }
        // The chunk in which a head begins may hold all of a small part as well; it does not count.
        if self.head.is_some_and(|head| head > MAX_HEAD) {
            let why = format!("the head of a part is above the limit of {MAX_HEAD} bytes");
            return Err(Problem::new(Kind::MalformedUpload, why));
        }
        self.head = self.head.map(|head| head + chunk.len());
        self.just_gave = true;
        Ok(chunk)
    }

    fn explain(&self, error: &(dyn std::error::Error + 'static)) -> Problem {
        if causes(error).any(|cause| cause.is::<TimeoutError>()) {
            let seconds = self.stall.as_secs();
            return Problem::new(Kind::UploadTimeout, format!("nothing arrived for {seconds} seconds"));
        }
        Problem::new(Kind::MalformedUpload, format!("the request broke off: {error}"))
    }
}

/// An error and what caused it, from the outside in.
pub(crate) fn causes<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| error.source())
}
