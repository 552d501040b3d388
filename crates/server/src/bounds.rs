//! What requests may hold of memory at one time, all of them together. Whoever finds no room waits, and is asked to come again
//! when that takes too long.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{
    sync::{Mutex, OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::{
    Settings,
    problem::{Kind, Problem},
};

/// Memory is given out in pieces of this many bytes.
const PIECE: u64 = 64 << 10;

/// Seconds after which a request that found no room may try again.
const RETRY: u64 = 10;

/// The room there is.
#[derive(Debug)]
pub(crate) struct Bounds {
    uploads: Arc<Semaphore>,
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
            uploads: Arc::new(Semaphore::new(settings.max_uploads.get())),
            memory: Arc::new(Semaphore::new(pieces as usize)),
            pieces,
            turn: Mutex::new(()),
            patience: Duration::from_secs(settings.busy_seconds),
        }
    }

    /// Room for one more upload under way. Until then none of its body is read.
    pub async fn upload(&self) -> Result<OwnedSemaphorePermit, Problem> {
        self.in_time("uploads", async {
            self.uploads.clone().acquire_owned().await.map_err(|closed| Problem::internal(&closed))
        })
        .await
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
        timeout(self.patience, room).await.unwrap_or_else(|_| {
            let why = format!("as many {things} as there is memory for are being worked on; try again later");
            Err(Problem::new(Kind::Busy, why).retry_after(RETRY))
        })
    }
}
