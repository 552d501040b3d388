//! The loop.

use std::{io, sync::Arc, time::Duration};

use impasto_engine::DeviceName;
use impasto_jobs::{Blame, BlobStore, Change, Claim, JobStore, WorkerName};
use impasto_weights::Store as Weights;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};

use crate::{
    Settings,
    attempt::Attempt,
    engine_thread::EngineThread,
    pulse::{LastWords, Pulse, end_if_still},
};

/// Why a worker's process is to end: its supervisor takes its job back and starts another.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The engine's thread panicked.
    #[error("the engine died: what it printed says why")]
    EngineDied,
    /// The device can no longer be trusted.
    #[error("the device is lost: {0}")]
    DeviceLost(String),
    /// The stores did not do what they were told, for as long as the worker had patience. No job answers for that.
    #[error("the stores cannot be reached: {0}")]
    Storage(String),
    /// The thread that computes could not be started.
    #[error("the engine's thread cannot be started: {0}")]
    Thread(#[from] io::Error),
}

/// From a look into the queue that failed to the next.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(2);

/// Claims jobs and works on them, one at a time.
pub struct Worker {
    /// What its claims stand under, and nobody else's: two workers of one name would take each other's jobs back.
    pub name: WorkerName,
    /// Where its jobs come from.
    pub jobs: Arc<dyn JobStore>,
    /// Where their pictures are.
    pub blobs: BlobStore,
    /// Where its backbones come from.
    pub weights: Weights,
    /// What it computes on.
    pub device: DeviceName,
    /// How it behaves.
    pub settings: Settings,
    /// Where it shows that it lives.
    pub pulse: Arc<Pulse>,
    /// What it says before it ends itself because it hangs.
    pub last_words: LastWords,
}

impl Worker {
    /// Works until `shutdown`, and then hands back the job it has, checkpointed.
    ///
    /// # Errors
    /// When the worker cannot go on with any job: its process is to end.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), WorkerError> {
        let Self { name, jobs, blobs, weights, device, settings, pulse, last_words } = self;
        let engine = EngineThread::start(device, &settings, weights, pulse.clone())?;
        end_if_still(&pulse, settings.stall(), last_words)?;
        let attempt = Attempt {
            jobs: &jobs,
            blobs: &blobs,
            settings: &settings,
            engine: &engine,
            pulse: &pulse,
            shutdown: &shutdown,
        };
        tracing::info!(worker = %name, %device, "ready for jobs");
        pulse.is_up();
        let mut news = jobs.news();
        while !shutdown.is_cancelled() {
            news.catch_up();
            match jobs.claim(&name, settings.lease()).await {
                Ok(Some(claim)) => {
                    let span = span_of(&claim);
                    pulse.works_on(Some(span.clone()));
                    let seen_through = attempt.see_through(claim).instrument(span).await;
                    pulse.works_on(None);
                    seen_through?;
                    continue;
                }
                Ok(None) => {
                    let next_look = news.next_look(settings.poll(), Change::is_of_queue);
                    shutdown.run_until_cancelled(next_look).await;
                }
                Err(error) => {
                    tracing::warn!(%error, "the queue could not be looked into");
                    let undone = undo_claim(jobs.as_ref(), &name);
                    shutdown.run_until_cancelled(undone).await;
                }
            }
        }
        Ok(())
    }
}

/// Gives back what `worker`, which holds no job, may have claimed without being told, however long the store fails. The job would
/// wait for a lease to lapse otherwise, and answer for it. What is still on its way gets a pause to arrive before it is looked for.
async fn undo_claim(jobs: &dyn JobStore, worker: &WorkerName) {
    loop {
        sleep(PAUSE_AFTER_FAILURE).await;
        match jobs.take_back_from(worker, "its claim was not answered", Blame::Nobody).await {
            Ok(0) => return,
            Ok(_) => return tracing::warn!("gave back a job whose claim was not answered"),
            Err(error) => tracing::warn!(%error, "the job store fails"),
        }
    }
}

/// What every line says that is logged for a claim, on whichever thread. It is an error's span so that it is there wherever an
/// error is logged.
fn span_of(claim: &Claim) -> Span {
    tracing::error_span!("job", id = %claim.key.job, attempt = claim.key.attempt.0, request = claim.request)
}
