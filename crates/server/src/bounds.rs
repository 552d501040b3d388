//! What requests may hold at one time, all of them together: memory, places among the uploads, and answers that are held back.
//! Whoever finds no room waits, and is asked to come again when that takes too long or too many wait already.

use std::{future::Future, sync::Arc, time::Duration};

use impasto_jobs::Client;
use tokio::{
    sync::{Mutex, OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::{
    Settings,
    problem::{Kind, Problem},
    shares::{HeldPlace, Shares},
};

/// Memory is given out in pieces of this many bytes.
const PIECE: u64 = 64 << 10;

/// Seconds after which a request that found no room may try again.
const RETRY: u64 = 10;

/// Requests that may wait for their turn to upload, for each that may upload: more would only wait in vain.
const LINE: usize = 16;

/// The room there is.
#[derive(Debug)]
pub(crate) struct Bounds {
    uploads: Shares,
    line: Shares,
    waiting: Shares,
    memory: Arc<Semaphore>,
    pieces: u32,
    /// Held from before a file is read until there is memory for its picture: files that wait would hold as much.
    turn: Mutex<()>,
    patience: Duration,
}

impl Bounds {
    pub fn new(settings: &Settings) -> Self {
        let pieces = u32::try_from(settings.decode_bytes.get().div_ceil(PIECE)).unwrap_or(u32::MAX);
        // No more than the semaphore can count.
        let pieces = pieces.min((Semaphore::MAX_PERMITS as u64).try_into().unwrap_or(u32::MAX));
        Self {
            uploads: Shares::halves(settings.max_uploads.get()),
            line: Shares::halves(settings.max_uploads.get().saturating_mul(LINE)),
            waiting: Shares::halves(settings.max_waiting),
            memory: Arc::new(Semaphore::new(pieces as usize)),
            pieces,
            turn: Mutex::new(()),
            patience: Duration::from_secs(settings.busy_seconds),
        }
    }

    /// Room for one more upload of `client` under way. Until then none of its body is read.
    pub async fn upload(&self, client: &Client) -> Result<HeldPlace, Problem> {
        let _in_line = self.line.try_take(client).ok_or_else(|| full("uploads"))?;
        self.in_time("uploads", async { Ok(self.uploads.take(client).await) }).await
    }

    /// Room for one more answer to `client` that is held back until there is news, or goes on while there is.
    pub fn waiting(&self, client: &Client) -> Result<HeldPlace, Problem> {
        self.waiting.try_take(client).ok_or_else(|| {
            let why = "as many requests as may wait for news are waiting; ask without wait, or try again later";
            Problem::new(Kind::Busy, why).retry_after(RETRY)
        })
    }

    /// Reads a file by `read` and finds room for it and for what `need` says its picture takes, in bytes. A picture that needs
    /// more than there is has all of it for itself.
    pub async fn memory_for<T>(
        &self,
        read: impl Future<Output = Result<T, Problem>>,
        need: impl FnOnce(&T) -> u64,
    ) -> Result<(T, OwnedSemaphorePermit), Problem> {
        self.in_time("pictures", async {
            let _turn = self.turn.lock().await;
            let file = read.await?;
            let pieces = u32::try_from(need(&file).div_ceil(PIECE)).unwrap_or(u32::MAX).min(self.pieces);
            let room = self.memory.clone().acquire_many_owned(pieces).await;
            Ok((file, room.map_err(|closed| Problem::internal(&closed))?))
        })
        .await
    }

    async fn in_time<T>(&self, things: &str, room: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
        timeout(self.patience, room).await.unwrap_or_else(|_| Err(full(things)))
    }
}

fn full(things: &str) -> Problem {
    let why = format!("as many {things} as there is room for are being worked on; try again later");
    Problem::new(Kind::Busy, why).retry_after(RETRY)
}
