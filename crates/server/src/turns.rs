//! Requests that clients make in a minute, counted together with all replicas where the job store is shared.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use impasto_jobs::{Client, JobStore};
use tokio::time::{Instant, timeout};

use crate::rates::{Rate, Rates};

/// How long the job store may take to say who asks, and again whether they may.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);
/// For how long it is not asked that again once it has failed: every request would wait for it.
const PAUSE: Duration = Duration::from_secs(1);

/// Counts the requests of each client.
#[derive(Debug)]
pub(crate) struct Turns {
    rates: Rates,
    /// Until then this replica counts by itself.
    alone_until: Mutex<Option<Instant>>,
}

impl Turns {
    /// `a_minute` requests a minute; 0 sets no limit.
    pub fn of(a_minute: u32) -> Self {
        Self { rates: Rates::of(a_minute), alone_until: Mutex::default() }
    }

    /// Counts a request of `client`: where it stands, if there is a limit. Whoever was told to wait, and does not, costs the store
    /// nothing.
    pub async fn take(&self, jobs: &dyn JobStore, client: &Client) -> Option<Rate> {
        let a_minute = self.rates.a_minute()?;
        if let Some(refused) = self.rates.refusal(client) {
            return Some(refused);
        }
        if self.is_alone() {
            return self.rates.take(client);
        }
        match timeout(PATIENCE, jobs.take_turn(client, a_minute)).await {
            Ok(Ok(Some(turn))) => return self.rates.note(client, turn),
            Ok(Ok(None)) => return self.rates.take(client),
            Ok(Err(error)) => tracing::debug!(%error, "requests are counted by this replica alone"),
            Err(_) => tracing::debug!("the job store does not answer: requests are counted by this replica alone"),
        }
        self.store_failed();
        self.rates.take(client)
    }

    /// The job store has failed at something: it is left alone for a while.
    pub fn store_failed(&self) {
        *self.alone_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + PAUSE);
    }

    fn is_alone(&self) -> bool {
        self.alone_until.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| Instant::now() < until)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use impasto_jobs::JobPlace;

    use super::*;
    use crate::faulty_jobs::{Fault, FaultyJobs};

    #[tokio::test]
    async fn a_store_that_does_not_answer_is_left_alone_for_a_while() {
        let folder = tempfile::tempdir().unwrap();
        let jobs = FaultyJobs::on(JobPlace::File(folder.path().join("jobs.db")).open().await.unwrap());
        let (turns, client) = (Turns::of(100), Client::at(Ipv4Addr::LOCALHOST.into()));
        tokio::time::pause();
        for (asked, fault) in [(1, Fault::Hangs), (2, Fault::Fails)] {
            jobs.next("take_turn", fault, 1);
            for _ in 0..5 {
                let rate = turns.take(jobs.as_ref(), &client).await.expect("there is a limit");
                assert_eq!((rate.limit, rate.wait), (100, None));
            }
            assert_eq!(jobs.asked("take_turn"), asked);
            tokio::time::advance(PAUSE).await;
        }
        turns.take(jobs.as_ref(), &client).await;
        assert_eq!(jobs.asked("take_turn"), 3);
    }
}
