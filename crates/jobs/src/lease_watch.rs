//! Takes jobs back from workers that are gone, and fails those that no worker began in time. On one machine every process of the
//! service does so, whoever claimed the job; in a fleet the APIs do, and nobody while none runs.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::{Blame, ClaimKey, JobStore, Lease, StoreError, WorkerLocks};

/// From one look at the leases to the next.
const EVERY: Duration = Duration::from_secs(1);

/// What one process knows of the leases of all workers.
///
/// Time is what passed between its own looks, so no clock of another machine, and no step of its own wall clock, matters.
/// What it could not see does not count either: a pause of the whole machine, or a database that could not be written,
/// holds up a worker that renews its lease as much as whoever looks at it.
#[derive(Debug)]
pub struct LeaseWatch {
    store: Arc<dyn JobStore>,
    locks: WorkerLocks,
    most_crashes: u32,
    silent: HashMap<ClaimKey, Silence>,
}

#[derive(Debug, Clone, Copy)]
struct Silence {
    renewals: i64,
    /// For how long the number has not changed.
    lasted: Duration,
}

impl LeaseWatch {
    /// A watch that has seen nothing yet. A job fails after it has ended `most_crashes` workers in a row.
    pub fn new(store: Arc<dyn JobStore>, locks: WorkerLocks, most_crashes: u32) -> Self {
        Self { store, locks, most_crashes, silent: HashMap::new() }
    }

    /// Looks again and again until `shutdown`, and at the jobs that wait too long as well.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut last, mut failing) = (Instant::now(), false);
        while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            let since_last = last.elapsed().min(EVERY);
            last = Instant::now();
            let looked = self.look_and_tell(since_last).await;
            if let Err(error) = &looked
                && !failing
            {
                tracing::warn!(%error, "the leases cannot be looked at");
            }
            failing = looked.is_err();
        }
    }

    async fn look_and_tell(&mut self, since_last: Duration) -> Result<(), StoreError> {
        let taken = self.look(since_last).await?;
        if taken > 0 {
            tracing::warn!(jobs = taken, "took jobs back from workers that are gone");
        }
        let failed = self.store.fail_unstarted().await?;
        if failed > 0 {
            tracing::info!(jobs = failed, "failed jobs that no worker began in time");
        }
        Ok(())
    }

    /// Looks once, `since_last` after the last time; takes back the jobs of workers that are dead, or were silent for as
    /// long as their lease. Returns how many.
    ///
    /// # Errors
    /// When the database fails. The silence of workers then counts from anew.
    pub async fn look(&mut self, since_last: Duration) -> Result<u64, StoreError> {
        let looked = self.look_at_all(since_last).await;
        if looked.is_err() {
            self.silent.clear();
        }
        looked
    }

    async fn look_at_all(&mut self, since_last: Duration) -> Result<u64, StoreError> {
        let leases = self.store.leases().await?;
        self.locks.tidy(&leases.iter().map(|lease| &lease.worker).collect::<Vec<_>>());
        self.silent.retain(|claim, _| leases.iter().any(|lease| lease.claim == *claim));
        if leases.is_empty() {
            return Ok(0);
        }
        let began = Instant::now();
        self.store.probe().await?;
        if began.elapsed() > EVERY {
            // Others have been waiting for the database as well.
            self.silent.clear();
        }
        let mut taken = 0;
        for lease in leases {
            let silence = self.listen(&lease, since_last);
            let why = if self.locks.is_dead(&lease.worker) {
                format!("its worker {} is dead", lease.worker)
            } else if silence >= lease.length {
                format!("its worker {} was not heard of any more: its lease ran out", lease.worker)
            } else {
                continue;
            };
            let blame = Blame::Job { most_crashes: self.most_crashes };
            taken += u64::from(self.store.take_back(&lease, &why, blame).await?);
        }
        Ok(taken)
    }

    /// For how long the lease has not been renewed. However long ago the last look was, it takes four more of them until a
    /// lease is over: after a pause of the whole machine, the worker has to be given the time to wake up as well.
    fn listen(&mut self, lease: &Lease, since_last: Duration) -> Duration {
        let since_last = since_last.min(lease.length / 4);
        let fresh = Silence { renewals: lease.renewals, lasted: Duration::ZERO };
        let silence =
            self.silent.entry(lease.claim).and_modify(|silence| silence.lasted += since_last).or_insert(fresh);
        if silence.renewals != lease.renewals {
            *silence = fresh;
        }
        silence.lasted
    }
}
