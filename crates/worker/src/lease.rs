//! The right to a claim, kept by a task of its own from the moment of the claim: reading pictures and writing checkpoints may
//! take longer than a lease.

use std::sync::Arc;

use impasto_jobs::{ClaimError, ClaimKey, JobStore, Standing};
use tokio::{
    sync::watch,
    time::{Instant, timeout, timeout_at},
};
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use crate::{Settings, attempt::Stop};

/// Renews the lease for as long as it lives, and hears what becomes of the claim.
pub(crate) struct LeaseKeeper {
    stop: watch::Receiver<Option<Stop>>,
    _task: AbortOnDropHandle<()>,
}

impl LeaseKeeper {
    pub fn start(jobs: Arc<dyn JobStore>, claim: ClaimKey, settings: &Settings) -> Self {
        let (told, stop) = watch::channel(None);
        let keeping = keep(jobs, claim, settings.clone(), told);
        Self { stop, _task: AbortOnDropHandle::new(tokio::spawn(keeping.in_current_span())) }
    }

    /// Waits for a reason to stop.
    pub async fn stop(&mut self) -> Stop {
        let stop = self.stop.wait_for(Option::is_some).await.map(|stop| *stop);
        // Its task ends only after it has told why.
        stop.ok().flatten().unwrap_or(Stop::ClaimLost)
    }
}

/// Looks whether the job is to stop, and renews the lease when a third of it is over. A store that fails is no reason to
/// stop: nobody takes a job back meanwhile. One that hangs is asked anew before the lease is over.
async fn keep(jobs: Arc<dyn JobStore>, claim: ClaimKey, settings: Settings, told: watch::Sender<Option<Stop>>) {
    let mut news = jobs.news();
    let mut next_renewal = Instant::now() + settings.lease() / 3;
    loop {
        let due = Instant::now() >= next_renewal;
        let asking = async { if due { jobs.renew(&claim).await } else { jobs.standing(&claim).await } };
        let standing = timeout(settings.lease() / 5, asking).await;
        if due {
            // Sooner again where it failed, but not with every look.
            let pause = settings.lease() / if matches!(standing, Ok(Ok(_))) { 3 } else { 10 };
            next_renewal = Instant::now() + pause;
        }
        match standing {
            Ok(Ok(Standing { cancel_requested: false })) => {}
            Ok(Ok(Standing { cancel_requested: true })) => {
                told.send_if_modified(|stop| stop.replace(Stop::Canceled).is_none());
            }
            Ok(Err(ClaimError::Lost)) => {
                told.send_replace(Some(Stop::ClaimLost));
                return;
            }
            Ok(Err(ClaimError::Store(error))) => {
                tracing::warn!(%error, "the lease could not be looked after")
            }
            Err(_) => tracing::warn!("the lease could not be looked after: the job store does not answer"),
        }
        let next_look = news.next_look(settings.poll().min(settings.lease() / 6), |change| change.is_of(claim.job));
        // Whichever comes first, it is time.
        _ = timeout_at(next_renewal, next_look).await;
    }
}
