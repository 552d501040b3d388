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

/// Files that may be in memory at once because they were made for those who fetch them.
const MADE: usize = 8;

/// The room there is.
#[derive(Debug)]
pub(crate) struct Bounds {
    uploads: Shares,
    line: Shares,
    waiting: Shares,
    made: Shares,
    memory: Arc<Semaphore>,
    pieces: u32,
    /// One for each client: whoever asks for much comes behind itself before it comes behind others.
    own_turns: Shares,
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
            made: Shares::halves(MADE),
            memory: Arc::new(Semaphore::new(pieces as usize)),
            pieces,
            own_turns: Shares::one_each(),
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

    /// Room for one more file that is made for `client`, until it has taken it.
    pub async fn made(&self, client: &Client) -> Result<HeldPlace, Problem> {
        self.in_time("pictures", async { Ok(self.made.take(client).await) }).await
    }

    /// For `client`, reads a file by `read` and finds room for it and for what `need` says its picture takes, in bytes. A picture that needs
    /// more than there is has all of it for itself.
    pub async fn memory_for<T>(
        &self,
        client: &Client,
        read: impl Future<Output = Result<T, Problem>>,
        need: impl FnOnce(&T) -> u64,
    ) -> Result<(T, OwnedSemaphorePermit), Problem> {
        self.in_time("pictures", async {
            let _own_turn = self.own_turns.take(client).await;
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

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, sync::Mutex};

    use tokio::task::JoinSet;

    use super::*;

    /// Takes all of the memory for `number` of these, one after the other, and writes down who was served.
    fn ask(asking: &mut JoinSet<()>, bounds: &Arc<Bounds>, served: &Arc<Mutex<Vec<u8>>>, number: u8) {
        let (bounds, served) = (bounds.clone(), served.clone());
        asking.spawn(async move {
            let client = Client::at(Ipv4Addr::new(10, 0, 0, number).into());
            let room = bounds.memory_for(&client, async { Ok(()) }, |()| u64::MAX).await;
            served.lock().unwrap().push(number);
            tokio::task::yield_now().await;
            drop(room);
        });
    }

    #[tokio::test]
    async fn who_asks_for_much_comes_behind_itself() {
        let (bounds, served) = (Arc::new(Bounds::new(&Settings::default())), Arc::default());
        let mut asking = JoinSet::new();
        for _ in 0..20 {
            ask(&mut asking, &bounds, &served, 1);
        }
        tokio::task::yield_now().await;
        ask(&mut asking, &bounds, &served, 2);
        asking.join_all().await;
        let served = served.lock().unwrap();
        let before = served.iter().position(|&number| number == 2).unwrap();
        assert!(before <= 3, "{served:?}");
        assert_eq!(served.len(), 21);
    }
}
