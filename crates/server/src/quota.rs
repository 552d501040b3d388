//! Bytes that a client may upload in a day. They count as they arrive, whatever becomes of them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use impasto_jobs::Client;
use jiff::Timestamp;

use crate::{
    app::Shared,
    problem::{Kind, Problem},
};

/// What clients who are uploading have uploaded today.
#[derive(Debug, Default)]
pub(crate) struct Quotas(Mutex<HashMap<Client, Used>>);

#[derive(Debug)]
struct Used {
    /// Bytes of today.
    bytes: u64,
    /// Uploads under way. What they count is with the job store once the last has ended.
    uploads: usize,
}

impl Quotas {
    fn used(&self) -> MutexGuard<'_, HashMap<Client, Used>> {
        // No code that holds the lock panics between two writes that belong together.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one upload counts towards its client's day.
#[derive(Debug, Clone)]
pub(crate) struct Tally(Option<Arc<Counted>>);

#[derive(Debug)]
struct Counted {
    app: Shared,
    client: Client,
    bytes: Mutex<u64>,
}

impl Tally {
    /// Begins to count an upload of `client`, who may have used up its day before.
    pub async fn begin(app: &Shared, client: &Client) -> Result<Self, Problem> {
        if app.limits.bytes_a_day == 0 {
            return Ok(Self(None));
        }
        let stored = app.jobs.uploaded_today(client).await?;
        app.quotas.used().entry(client.clone()).or_insert(Used { bytes: stored, uploads: 0 }).uploads += 1;
        let tally = Counted { app: app.clone(), client: client.clone(), bytes: Mutex::default() };
        let tally = Self(Some(Arc::new(tally)));
        tally.count(0)?;
        Ok(tally)
    }

    /// Counts bytes that have arrived, as long as there may be more.
    pub fn count(&self, arrived: u64) -> Result<(), Problem> {
        let Some(counted) = &self.0 else { return Ok(()) };
        *counted.bytes.lock().unwrap_or_else(PoisonError::into_inner) += arrived;
        let limit = counted.app.limits.bytes_a_day;
        let used = counted.app.quotas.used().get_mut(&counted.client).map_or(0, |used| {
            used.bytes += arrived;
            used.bytes
        });
        // What is there exactly may be used up, and then there is nothing to begin with.
        let is_over = if arrived == 0 { used >= limit } else { used > limit };
        if is_over { Err(used_up(limit)) } else { Ok(()) }
    }
}

fn used_up(limit: u64) -> Problem {
    let why = format!("{limit} bytes may be uploaded in a day, and they have been; a new day begins at midnight, UTC");
    Problem::new(Kind::Quota, why).retry_after(seconds_until_midnight())
}

/// In UTC, as the job store counts days.
fn seconds_until_midnight() -> u64 {
    const DAY: i64 = 24 * 60 * 60;
    (DAY - Timestamp::now().as_second().rem_euclid(DAY)).unsigned_abs()
}

impl Drop for Counted {
    /// Hands the count to the job store, and forgets the client only then: an upload that begins meanwhile counts on.
    fn drop(&mut self) {
        let (app, client) = (self.app.clone(), self.client.clone());
        let bytes = *self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        app.background.clone().spawn(async move {
            if bytes > 0
                && let Err(error) = app.jobs.count_uploaded(&client, bytes).await
            {
                tracing::warn!(%client, bytes, "could not count what was uploaded: {error}");
            }
            let mut used = app.quotas.used();
            if let Some(entry) = used.get_mut(&client) {
                entry.uploads -= 1;
                if entry.uploads == 0 {
                    used.remove(&client);
                }
            }
        });
    }
}
