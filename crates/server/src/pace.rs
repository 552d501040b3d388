//! How long one connection may take over what: a client that sends its request's head byte by byte, sends nothing, or reads
//! nothing of its answer costs the service a connection, and only for a while. Bodies have limits of their own.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::Notify,
    time::{Instant, sleep_until},
};

use crate::Settings;

/// How long a client may take over what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// From the first byte of a request's head to its last.
    pub head: Duration,
    /// Before the first byte of a request.
    pub idle: Duration,
    /// Without taking a byte of an answer.
    pub write: Duration,
}

impl Patience {
    pub fn of(settings: &Settings) -> Self {
        let (head, idle) = (Duration::from_secs(settings.header_seconds), Duration::from_secs(settings.idle_seconds));
        Self { head, idle, write: Duration::from_secs(settings.write_seconds) }
    }

    /// For a client that is only to be told to go.
    pub const SHORT: Self =
        Self { head: Duration::from_secs(2), idle: Duration::from_secs(2), write: Duration::from_secs(2) };
}

/// The pace of one connection. Clones are of the same.
#[derive(Debug, Clone)]
pub(crate) struct Pace(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    patience: Patience,
    state: Mutex<State>,
    moved: Notify,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    /// When the client is to have sent what it has to send.
    read_by: Option<Instant>,
    /// When it is to have read some of what it is sent.
    write_by: Option<Instant>,
}

#[derive(Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing of the next request is there.
    Idle,
    /// Some of its head is.
    Head,
    /// All of its head is there, and not all of its answer is written.
    Request,
}

impl State {
    fn due(&self) -> Option<Instant> {
        [self.read_by, self.write_by].into_iter().flatten().min()
    }
}

impl Pace {
    pub fn new(patience: Patience) -> Self {
        let state = State { phase: Phase::Idle, read_by: Some(Instant::now() + patience.idle), write_by: None };
        Self(Arc::new(Inner { patience, state: Mutex::new(state), moved: Notify::new() }))
    }

    /// The head of a request is there. The request is over when what this returns is dropped.
    pub fn begin_request(&self) -> Underway {
        self.change(|state, _| (state.phase, state.read_by) = (Phase::Request, None));
        Underway(self.clone())
    }

    /// Returns when the client has taken too long over something.
    pub async fn overdue(&self) {
        loop {
            let due = self.state().due();
            match due {
                None => self.0.moved.notified().await,
                Some(due) if due <= Instant::now() => return,
                Some(due) => tokio::select! {
                    () = sleep_until(due) => {}
                    () = self.0.moved.notified() => {}
                },
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that holds the lock panics between two writes that belong together.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State, Patience)) {
        let mut state = self.state();
        let before = state.due();
        change(&mut state, self.0.patience);
        let after = state.due();
        // Whoever sleeps towards an earlier time looks again by itself.
        if after.is_some_and(|after| before.is_none_or(|before| after < before)) {
            self.0.moved.notify_one();
        }
    }

    fn heard(&self) {
        self.change(|state, patience| {
            if state.phase == Phase::Idle {
                (state.phase, state.read_by) = (Phase::Head, Some(Instant::now() + patience.head));
            }
        });
    }

    fn told(&self) {
        self.change(|state, patience| {
            state.write_by = None;
            // The answer is still on its way: the client cannot ask for the next thing yet.
            if state.phase == Phase::Idle {
                state.read_by = Some(Instant::now() + patience.idle);
            }
        });
    }

    fn cannot_tell(&self) {
        self.change(|state, patience| {
            state.write_by.get_or_insert_with(|| Instant::now() + patience.write);
        });
    }
}

/// A request whose answer is not written yet.
#[derive(Debug)]
pub(crate) struct Underway(Pace);

impl Drop for Underway {
    fn drop(&mut self) {
        self.0.change(|state, patience| {
            (state.phase, state.read_by) = (Phase::Idle, Some(Instant::now() + patience.idle));
        });
    }
}

/// A stream that keeps a [`Pace`].
#[derive(Debug)]
pub(crate) struct Paced<S> {
    stream: S,
    pace: Pace,
}

impl<S> Paced<S> {
    pub fn new(stream: S, pace: Pace) -> Self {
        Self { stream, pace }
    }

    fn written(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match written {
            Poll::Pending => self.pace.cannot_tell(),
            Poll::Ready(_) => self.pace.told(),
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.pace.heard();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.written(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const PATIENCE: Patience =
        Patience { head: Duration::from_secs(1000), idle: Duration::from_secs(6000), write: Duration::from_secs(3000) };

    /// What the client has left, in thousands of seconds.
    fn left(pace: &Pace) -> Option<u64> {
        let left = pace.state().due()?.saturating_duration_since(Instant::now());
        Some(left.as_secs_f64().ceil() as u64 / 1000)
    }

    #[tokio::test]
    async fn each_phase_has_its_time() {
        let pace = Pace::new(PATIENCE);
        let (mut client, server) = duplex(4);
        let mut server = Paced::new(server, pace.clone());
        assert_eq!(left(&pace), Some(6), "nothing sent yet");
        client.write_all(b"GE").await.unwrap();
        server.read_exact(&mut [0; 2]).await.unwrap();
        assert_eq!(left(&pace), Some(1), "a head that has begun");

        let request = pace.begin_request();
        assert_eq!(left(&pace), None, "an answer may take its time");
        let stuck = server.write_all(b"more than there is room for");
        assert!(tokio::time::timeout(Duration::ZERO, stuck).await.is_err());
        assert_eq!(left(&pace), Some(3), "an answer that nobody reads");
        client.read_exact(&mut [0; 4]).await.unwrap();
        server.write_all(b"rest").await.unwrap();
        assert_eq!(left(&pace), None, "it is read again");
        drop(request);
        assert_eq!(left(&pace), Some(6), "a connection that is kept");
    }

    #[tokio::test]
    async fn byte_after_byte_buys_no_time_for_a_head() {
        let pace = Pace::new(PATIENCE);
        pace.heard();
        let due = pace.state().due();
        pace.heard();
        assert_eq!(pace.state().due(), due);
    }

    #[tokio::test]
    async fn whoever_waits_for_it_hears_of_an_earlier_time() {
        let pace = Pace::new(Patience { head: Duration::ZERO, ..PATIENCE });
        let mut overdue = std::pin::pin!(pace.overdue());
        assert!(futures::poll!(overdue.as_mut()).is_pending());
        pace.heard();
        overdue.await;
    }
}
