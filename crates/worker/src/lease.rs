//! The right to a claim, kept by a task of its own from the moment of the claim: reading pictures and writing checkpoints may
//! take longer than a lease.

use std::time::Instant;

use impasto_jobs::{ClaimError, ClaimKey, JobStore, Standing};
use tokio::{sync::watch, time::interval};
use tokio_util::task::AbortOnDropHandle;

use crate::{Settings, attempt::Stop};

/// Renews the lease for as long as it lives, and hears what becomes of the claim.
pub(crate) struct LeaseKeeper {
    stop: watch::Receiver<Option<Stop>>,
    _task: AbortOnDropHandle<()>,
}

impl LeaseKeeper {
    pub fn start(jobs: JobStore, claim: ClaimKey, settings: &Settings) -> Self {
        let (told, stop) = watch::channel(None);
        let keeping = keep(jobs, claim, settings.clone(), told);
        Self { stop, _task: AbortOnDropHandle::new(tokio::spawn(keeping)) }
    }

    /// Waits for a reason to stop.
    pub async fn stop(&mut self) -> Stop {
        let stop = self.stop.wait_for(Option::is_some).await.map(|stop| *stop);
        // Its task ends only after it has told why.
        stop.ok().flatten().unwrap_or(Stop::ClaimLost)
    }
}

/// Looks whether the job is to stop, and renews the lease when a third of it is over. A store that fails is no reason to
/// stop: nobody takes a job back meanwhile.
async fn keep(jobs: JobStore, claim: ClaimKey, settings: Settings, told: watch::Sender<Option<Stop>>) {
    let mut looks = interval(settings.poll());
    let mut renewed = Instant::now();
    loop {
        looks.tick().await;
        let due = renewed.elapsed() >= settings.lease() / 3;
        let standing = if due { jobs.renew(&claim).await } else { jobs.standing(&claim).await };
        match standing {
            Ok(Standing { cancel_requested }) => {
                if due {
                    renewed = Instant::now();
                }
                if cancel_requested {
                    told.send_if_modified(|stop| stop.replace(Stop::Canceled).is_none());
                }
            }
            Err(ClaimError::Lost) => {
                told.send_replace(Some(Stop::ClaimLost));
                return;
            }
            Err(ClaimError::Store(error)) => {
                tracing::warn!(%error, job = %claim, "the lease could not be looked after")
            }
        }
    }
}
