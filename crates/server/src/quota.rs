//! Bytes that a client may upload in a day. They count as they arrive, whatever becomes of them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use impasto_jobs::{Client, StoreError};
use jiff::Timestamp;
use tokio::sync::OnceCell;
use tracing::Instrument;

use crate::{
    app::{App, Shared},
    problem::{Kind, Problem},
    rate_limit::Limit,
};

/// Seconds of a day.
const DAY: i64 = 24 * 60 * 60;

/// What clients who are uploading have uploaded today.
#[derive(Debug, Default)]
pub(crate) struct Quotas(Mutex<HashMap<Client, Open>>);

/// An account that uploads under way have a share in.
#[derive(Debug, Default)]
struct Open {
    account: Arc<Account>,
    uploads: usize,
}

impl Quotas {
    /// A share in the account of `client` for one more upload, until it is [closed](Self::close).
    fn open(&self, client: &Client) -> Share {
        let mut accounts = self.accounts();
        let open = accounts.entry(client.clone()).or_default();
        open.uploads += 1;
        Share { account: open.account.clone(), own: Mutex::default() }
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
    /// What is with the job store is in it. It is asked once, and before anything else is counted: bytes that an upload hands over
    /// meanwhile would count twice, or not at all.
    is_read: OnceCell<()>,
    used: Mutex<Used>,
}

impl Account {
    async fn read(&self, app: &App, client: &Client) -> Result<(), StoreError> {
        let reading = async || {
            let day = today();
            let stored = app.jobs.uploaded_today(client).await?;
            add(&self.used, day, stored);
            Ok(())
        };
        self.is_read.get_or_try_init(reading).await.copied()
    }
}

/// What one upload counts in its client's account.
#[derive(Debug)]
struct Share {
    account: Arc<Account>,
    own: Mutex<Used>,
}

impl Share {
    /// Counts bytes that have arrived on `day`; returns what its client has uploaded on it.
    fn count(&self, day: i64, arrived: u64) -> u64 {
        add(&self.own, day, arrived);
        add(&self.account.used, day, arrived)
    }

    /// What it has counted on `day`.
    fn counted(&self, day: i64) -> u64 {
        add(&self.own, day, 0)
    }
}

/// Bytes of one day, counted from 1970.
#[derive(Debug, Default)]
struct Used {
    day: i64,
    bytes: u64,
}

/// Counts `bytes` of `day`, with which those of the days before are forgotten.
fn add(used: &Mutex<Used>, day: i64, bytes: u64) -> u64 {
    let mut used = used.lock().unwrap_or_else(PoisonError::into_inner);
    if day > used.day {
        *used = Used { day, bytes: 0 };
    }
    used.bytes += bytes;
    used.bytes
}

/// What one upload counts towards its client's day.
#[derive(Debug, Clone)]
pub(crate) struct Tally(Option<Arc<Counted>>);

#[derive(Debug)]
struct Counted {
    app: Shared,
    client: Client,
    share: Share,
}

impl Tally {
    /// Begins to count an upload of `client`, who may have used up its day before.
    pub async fn begin(app: &Shared, client: &Client) -> Result<Self, Problem> {
        if app.limits.bytes_a_day == 0 {
            return Ok(Self(None));
        }
        let counted = Counted { app: app.clone(), client: client.clone(), share: app.quotas.open(client) };
        counted.share.account.read(app, client).await?;
        let tally = Self(Some(Arc::new(counted)));
        tally.count(0)?;
        Ok(tally)
    }

    /// Counts bytes that have arrived, as long as there may be more.
    pub fn count(&self, arrived: u64) -> Result<(), Problem> {
        let Some(counted) = &self.0 else { return Ok(()) };
        let limit = counted.app.limits.bytes_a_day;
        let used = counted.share.count(today(), arrived);
        // What is there exactly may be used up, and then there is nothing to begin with.
        let is_over = if arrived == 0 { used >= limit } else { used > limit };
        if is_over { Err(used_up(limit)) } else { Ok(()) }
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
    /// Hands the count to the job store, and closes the account only then: an upload that begins meanwhile counts on. What came
    /// before midnight counts for a day that nobody asks for any more.
    fn drop(&mut self) {
        let (app, client) = (self.app.clone(), self.client.clone());
        let bytes = self.share.counted(today());
        let handing_over = async move {
            if bytes > 0
                && let Err(error) = app.jobs.count_uploaded(&client, bytes).await
            {
                tracing::warn!(%client, bytes, "could not count what was uploaded: {error}");
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

    #[test]
    fn uploads_that_overlap_count_together_and_carry_nothing_past_midnight() {
        let (quotas, client) = (Quotas::default(), Client::at(Ipv4Addr::LOCALHOST.into()));
        let (one, other) = (quotas.open(&client), quotas.open(&client));
        assert_eq!((one.count(7, 100), other.count(7, 20)), (100, 120));
        assert_eq!((one.count(8, 1), other.count(8, 0)), (1, 1));
        // What is handed over is of the day on which it is.
        assert_eq!((one.counted(8), other.counted(8)), (1, 0));
        quotas.close(&client);
        assert_eq!(quotas.open(&client).count(8, 2), 3, "the account is there for as long as one of them is");
    }

    #[test]
    fn nothing_is_kept_of_clients_that_upload_nothing() {
        let (quotas, client) = (Quotas::default(), Client::at(Ipv4Addr::LOCALHOST.into()));
        quotas.open(&client);
        quotas.open(&client);
        quotas.close(&client);
        assert_eq!(quotas.accounts().len(), 1);
        quotas.close(&client);
        assert!(quotas.accounts().is_empty());
    }
}
