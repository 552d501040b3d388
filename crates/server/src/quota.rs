//! Bytes that a client may upload in a day. They count as they arrive, whatever becomes of them.
//!
//! The job store has the sum of all replicas. It hears of what arrives a [`PORTION`] at a time, and of the rest when an upload ends,
//! and says each time how much there is in all: together, replicas take no more than the limit, and a portion and a chunk each.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use impasto_jobs::{Client, StoreError};
use jiff::Timestamp;
use tokio::{
    sync::Mutex as AsyncMutex,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use tracing::Instrument;

use crate::{
    app::{App, Shared},
    problem::{Kind, Problem},
    rate_limit::Limit,
};

/// Seconds of a day.
const DAY: i64 = 24 * 60 * 60;
/// Bytes that arrive before the job store hears of them.
const PORTION: u64 = 4 << 20;
/// How long an upload waits for that. What the store does not answer by then counts here until it does.
const PATIENCE: Duration = Duration::from_secs(2);
/// From a try that failed to the next.
const PAUSE: Duration = Duration::from_secs(2);

/// What clients who are uploading have uploaded today.
#[derive(Debug, Default)]
pub(crate) struct Quotas(Mutex<HashMap<Client, Open>>);

/// An account that uploads under way count in.
#[derive(Debug, Default)]
struct Open {
    account: Arc<Account>,
    uploads: usize,
}

impl Quotas {
    /// The account of `client` for one more upload, until it is [closed](Self::close).
    fn open(&self, client: &Client) -> Arc<Account> {
        let mut accounts = self.accounts();
        let open = accounts.entry(client.clone()).or_default();
        open.uploads += 1;
        open.account.clone()
    }

    /// An upload of `client` has ended. With the last the account is forgotten: what was counted is with the job store by then.
    fn close(&self, client: &Client) {
        let mut accounts = self.accounts();
        if let Some(open) = accounts.get_mut(client) {
            open.uploads -= 1;
            if open.uploads == 0 {
                accounts.remove(client);
            }
        }
    }

    fn accounts(&self) -> MutexGuard<'_, HashMap<Client, Open>> {
        // No code that holds the lock panics between two writes that belong together.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one client has uploaded.
#[derive(Debug, Default)]
struct Account {
    used: Mutex<Used>,
    /// Held by whoever tells the job store.
    telling: Arc<AsyncMutex<()>>,
}

/// Bytes of one day, counted from 1970.
#[derive(Debug, Default)]
struct Used {
    day: i64,
    /// What the job store has, by all replicas, as far as it has said.
    known: u64,
    /// What it is being told.
    told: u64,
    /// What has arrived since.
    untold: u64,
    /// It has failed, and is not told anything until then.
    paused_until: Option<Instant>,
}

impl Used {
    /// With the first look at a day, the day before is forgotten.
    fn on(&mut self, day: i64) -> &mut Self {
        if day > self.day {
            *self = Self { day, paused_until: self.paused_until, ..Self::default() };
        }
        self
    }

    fn sum(&self) -> u64 {
        self.known + self.told + self.untold
    }
}

impl Account {
    /// Asks the job store what it has.
    async fn look(&self, app: &App, client: &Client) -> Result<(), StoreError> {
        let day = today();
        let stored = app.jobs.uploaded_today(client).await?;
        self.hear(day, stored);
        Ok(())
    }

    /// The job store has `stored` bytes of `day`. What it is being told may be among them.
    fn hear(&self, day: i64, stored: u64) {
        let mut used = self.used();
        let used = used.on(day);
        if used.day == day {
            used.known = used.known.max(stored.saturating_sub(used.told));
        }
    }

    /// Counts bytes that have arrived on `day`; returns what its client has uploaded on it.
    fn count(&self, day: i64, arrived: u64) -> u64 {
        let mut used = self.used();
        let used = used.on(day);
        used.untold += arrived;
        used.sum()
    }

    /// Whether there is so much that the job store should hear of it.
    fn has_a_portion(&self) -> bool {
        let used = self.used();
        used.untold >= PORTION && used.paused_until.is_none_or(|until| until <= Instant::now())
    }

    /// Takes what the job store has not been told of `day`, to tell it.
    fn begin_to_tell(&self, day: i64) -> u64 {
        let mut used = self.used();
        let used = used.on(day);
        used.told = std::mem::take(&mut used.untold);
        used.told
    }

    /// It was told `bytes` of `day`, and has `sum` in all now, or `None` where it failed: then they are still to be told.
    fn end_telling(&self, day: i64, bytes: u64, sum: Option<u64>) {
        let mut used = self.used();
        if used.day == day {
            used.told = 0;
            match sum {
                Some(sum) => used.known = used.known.max(sum),
                None => used.untold += bytes,
            }
        }
    }

    /// Tells the job store all that it has not heard, which only one does at a time. What came before midnight counts for a day that
    /// nobody asks for any more. Bytes whose count is not answered count once more: rather too many than none.
    async fn tell(&self, app: &App, client: &Client) -> Result<(), StoreError> {
        let day = today();
        let bytes = self.begin_to_tell(day);
        if bytes == 0 {
            return Ok(());
        }
        let counted = app.jobs.count_uploaded(client, bytes).await;
        self.end_telling(day, bytes, counted.as_ref().ok().copied());
        if counted.is_err() {
            self.pause();
        }
        counted.map(drop)
    }

    fn pause(&self) {
        self.used().paused_until = Some(Instant::now() + PAUSE);
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        // As above.
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one upload counts towards its client's day.
#[derive(Debug, Clone)]
pub(crate) struct Tally(Option<Arc<Counted>>);

#[derive(Debug)]
struct Counted {
    app: Shared,
    client: Client,
    account: Arc<Account>,
}

impl Tally {
    /// Begins to count an upload of `client`, who may have used up its day before.
    pub async fn begin(app: &Shared, client: &Client) -> Result<Self, Problem> {
        if app.limits.bytes_a_day == 0 {
            return Ok(Self(None));
        }
        let counted = Counted { app: app.clone(), client: client.clone(), account: app.quotas.open(client) };
        counted.account.look(app, client).await?;
        // What is there exactly may be used up, and then there is nothing to begin with.
        counted.refuse(|used, limit| used >= limit)?;
        Ok(Self(Some(Arc::new(counted))))
    }

    /// Counts bytes that have arrived, as long as there may be more.
    pub fn count(&self, arrived: u64) -> Result<(), Problem> {
        let Some(counted) = &self.0 else { return Ok(()) };
        counted.account.count(today(), arrived);
        counted.refuse(|used, limit| used > limit)
    }

    /// Whether more may arrive once the job store has heard what has; `None` where it need not hear of it yet.
    pub fn settling(&self) -> Option<JoinHandle<Result<(), Problem>>> {
        let counted = self.0.clone().filter(|counted| counted.account.has_a_portion())?;
        let background = counted.app.background.clone();
        let settling = async move {
            if timeout(PATIENCE, counted.tell()).await.is_err() {
                counted.account.pause();
            }
            counted.refuse(|used, limit| used > limit)
        };
        Some(background.spawn(settling.in_current_span()))
    }

    /// Counts bytes that come all at once.
    pub async fn count_at_once(&self, bytes: u64) -> Result<(), Problem> {
        self.count(bytes)?;
        let Some(settling) = self.settling() else { return Ok(()) };
        settling.await.unwrap_or_else(|died| Err(Problem::internal(&died)))
    }
}

impl Counted {
    fn refuse(&self, is_over: impl FnOnce(u64, u64) -> bool) -> Result<(), Problem> {
        let limit = self.app.limits.bytes_a_day;
        if is_over(self.account.count(today(), 0), limit) { Err(used_up(limit)) } else { Ok(()) }
    }

    /// Tells the job store, unless another upload of the client has done it meanwhile. Whoever gives up to wait for it leaves it to
    /// come to its end.
    async fn tell(&self) {
        let turn = self.account.telling.clone().lock_owned().await;
        if !self.account.has_a_portion() {
            return;
        }
        let (app, client, account) = (self.app.clone(), self.client.clone(), self.account.clone());
        let telling = async move {
            if let Err(error) = account.tell(&app, &client).await {
                tracing::debug!(%client, "what is uploaded is counted by this replica alone: {error}");
            }
            drop(turn);
        };
        // It is the account that says how it went.
        _ = self.app.background.spawn(telling.in_current_span()).await;
    }
}

fn used_up(limit: u64) -> Problem {
    let why = format!("{limit} bytes may be uploaded in a day, and they have been; a new day begins at midnight, UTC");
    let seconds = seconds_until_midnight();
    Problem::new(Kind::Quota, why).retry_after(seconds).because_of(Limit::Bytes(limit))
}

/// In UTC, as the job store counts days.
fn today() -> i64 {
    Timestamp::now().as_second().div_euclid(DAY)
}

fn seconds_until_midnight() -> u64 {
    (DAY - Timestamp::now().as_second().rem_euclid(DAY)).unsigned_abs()
}

impl Drop for Counted {
    /// Tells the job store the rest, however long it is away, and closes the account only then: an upload that begins meanwhile
    /// counts on.
    fn drop(&mut self) {
        let (app, client, account) = (self.app.clone(), self.client.clone(), self.account.clone());
        let handing_over = async move {
            loop {
                let turn = account.telling.lock().await;
                let Err(error) = account.tell(&app, &client).await else { break };
                drop(turn);
                if app.shutdown.run_until_cancelled(sleep(PAUSE)).await.is_none() {
                    tracing::warn!(%client, "not all that was uploaded could be counted: {error}");
                    break;
                }
            }
            app.quotas.close(&client);
        };
        self.app.background.spawn(handing_over.in_current_span());
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn account() -> (Quotas, Client) {
        (Quotas::default(), Client::at(Ipv4Addr::LOCALHOST.into()))
    }

    #[test]
    fn uploads_that_overlap_count_together_and_carry_nothing_past_midnight() {
        let (quotas, client) = account();
        let (one, other) = (quotas.open(&client), quotas.open(&client));
        assert_eq!((one.count(7, 100), other.count(7, 20)), (100, 120));
        assert_eq!((one.count(8, 1), other.count(8, 0)), (1, 1));
        // What is told is of the day on which it is.
        assert_eq!(one.begin_to_tell(8), 1);
        quotas.close(&client);
        assert_eq!(quotas.open(&client).count(8, 2), 3, "the account is there for as long as one of them is");
    }

    #[test]
    fn what_the_store_is_being_told_counts_once_and_stays_if_it_fails() {
        let (quotas, client) = account();
        let account = quotas.open(&client);
        account.hear(7, 1000);
        account.count(7, 100);
        assert_eq!(account.begin_to_tell(7), 100);
        assert_eq!(account.count(7, 10), 1110, "while it is told");
        account.hear(7, 1100);
        assert_eq!(account.count(7, 0), 1110, "the store may have it already");
        account.end_telling(7, 100, None);
        assert_eq!(account.begin_to_tell(7), 110, "all of it once more");
        account.end_telling(7, 110, Some(5110));
        assert_eq!(account.count(7, 0), 5110, "with what other replicas have told");
        account.count(7, 5);
        account.begin_to_tell(7);
        assert_eq!(account.count(8, 1), 1);
        account.end_telling(7, 5, None);
        assert_eq!(account.count(8, 0), 1, "yesterday is over");
    }

    #[test]
    fn nothing_is_kept_of_clients_that_upload_nothing() {
        let (quotas, client) = account();
        quotas.open(&client);
        quotas.open(&client);
        quotas.close(&client);
        assert_eq!(quotas.accounts().len(), 1);
        quotas.close(&client);
        assert!(quotas.accounts().is_empty());
    }
}
