//! Word of what changed, for those who would otherwise have to look.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::FutureExt;
use tokio::{
    sync::broadcast::{self, error::RecvError},
    time::{Instant, timeout_at},
};

use crate::JobId;

/// What somebody hears who was slow is that anything may have changed.
const MOST_UNHEARD: usize = 1024;
/// How much seldomer a look is needed where changes are told.
const SELDOMER: u32 = 10;

/// What has changed. Progress is not told: it comes often, and whoever waits for it looks often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A job came into the queue, or back to it.
    Queue,
    /// A job came to its end, or was asked to stop.
    Job(JobId),
    /// Whatever it was, it was missed.
    Anything,
}

impl Change {
    /// Whether the job `id` may look another now.
    pub fn is_of(&self, id: JobId) -> bool {
        matches!(self, Self::Anything) || *self == Self::Job(id)
    }

    /// Whether there may be more in the queue now.
    pub fn is_of_queue(&self) -> bool {
        matches!(self, Self::Anything | Self::Queue)
    }
}

/// Hears of what changes, in whichever process it was changed. Nothing may hang on it alone: word may be lost, and SQLite
/// gives none.
#[derive(Debug)]
pub struct News {
    changes: broadcast::Receiver<Change>,
    is_told: Arc<AtomicBool>,
}

impl News {
    /// The next change. It never comes where the database tells of none.
    pub async fn next(&mut self) -> Change {
        match self.changes.recv().await {
            Ok(change) => change,
            Err(RecvError::Lagged(_)) => Change::Anything,
            Err(RecvError::Closed) => pending().await,
        }
    }

    /// What has changed since the last look, if anything has: no waiting.
    pub fn missed(&mut self) -> Option<Change> {
        self.next().now_or_never()
    }

    /// Forgets what has changed so far: whoever looks now sees it.
    pub fn catch_up(&mut self) {
        self.changes = self.changes.resubscribe();
    }

    /// Returns when it is time to look again: at a change that `matters`, or else after `poll`, or ten times as long while
    /// changes are told.
    pub async fn next_look(&mut self, poll: Duration, matters: impl Fn(&Change) -> bool) {
        let latest = Instant::now() + if self.is_told.load(Ordering::Relaxed) { poll * SELDOMER } else { poll };
        let matters = async { while !matters(&self.next().await) {} };
        // Whichever it was, it is time.
        _ = timeout_at(latest, matters).await;
    }
}

/// Where a job store gives its news out.
#[derive(Debug, Clone)]
pub(crate) struct Newsroom {
    tell: broadcast::Sender<Change>,
    is_told: Arc<AtomicBool>,
}

impl Newsroom {
    /// One that tells nothing until it is told that it does.
    pub fn new() -> Self {
        Self { tell: broadcast::Sender::new(MOST_UNHEARD), is_told: Arc::default() }
    }

    pub fn subscribe(&self) -> News {
        News { changes: self.tell.subscribe(), is_told: self.is_told.clone() }
    }

    /// Tells whoever listens.
    pub fn tell(&self, change: Change) {
        // Nobody may be listening.
        _ = self.tell.send(change);
    }

    /// Says whether every change is told from now on.
    pub fn set_told(&self, is_told: bool) {
        self.is_told.store(is_told, Ordering::Relaxed);
    }
}
