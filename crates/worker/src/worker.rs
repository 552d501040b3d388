//! The loop.

use std::io;

use impasto_engine::DeviceName;
use impasto_jobs::{BlobStore, Claim, JobStore, StoreError, WorkerName};
use impasto_weights::Store as Weights;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::{Settings, attempt::Attempt, engine_thread::EngineThread};

/// Why a worker's process is to end: its supervisor takes its job back and starts another.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The engine's thread panicked.
    #[error("the engine died: what it printed says why")]
    EngineDied,
    /// The device can no longer be trusted.
    #[error("the device is lost: {0}")]
    DeviceLost(String),
    /// No epoch was finished for so long that the device must hang.
    #[error("the device hangs: no epoch in {seconds} seconds")]
    Stalled {
        /// How long it was waited for.
        seconds: u64,
    },
    /// Nothing can be written down.
    #[error("the job's progress cannot be saved: {0}")]
    Stores(String),
    /// The thread that computes could not be started.
    #[error("the engine's thread cannot be started: {0}")]
    Thread(#[from] io::Error),
}

/// Claims jobs and works on them, one at a time.
pub struct Worker {
    /// What its claims stand under.
    pub name: WorkerName,
    /// Where its jobs come from.
    pub jobs: JobStore,
    /// Where their pictures are.
    pub blobs: BlobStore,
    /// Where its backbones come from.
    pub weights: Weights,
    /// What it computes on.
    pub device: DeviceName,
    /// How it behaves.
    pub settings: Settings,
}

impl Worker {
    /// Works until `shutdown`, and then hands back the job it has, checkpointed.
    ///
    /// # Errors
    /// When the worker cannot go on with any job: its process is to end.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), WorkerError> {
        let Self { name, jobs, blobs, weights, device, settings } = self;
        let engine = EngineThread::start(device, &settings, weights)?;
        let attempt = Attempt { jobs: &jobs, blobs: &blobs, settings: &settings, engine: &engine, shutdown: &shutdown };
        let mut queue = Queue { jobs: &jobs, name: &name, settings: &settings, swept: None };
        tracing::info!(worker = %name, %device, "ready for jobs");
        while !shutdown.is_cancelled() {
            match queue.next().await {
                Ok(Some(claim)) => {
                    let key = claim.key;
                    tracing::info!(job = %key, "claimed");
                    attempt.see_through(claim).await?;
                    tracing::info!(job = %key, "done with it");
                    continue;
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "the queue could not be looked into"),
            }
            tokio::select! {
                () = sleep(settings.poll()) => {}
                () = shutdown.cancelled() => {}
            }
        }
        Ok(())
    }
}

/// The queue as one worker sees it.
struct Queue<'a> {
    jobs: &'a JobStore,
    name: &'a WorkerName,
    settings: &'a Settings,
    swept: Option<Instant>,
}

impl Queue<'_> {
    /// The next job, after those of silent workers were taken back.
    async fn next(&mut self) -> Result<Option<Claim>, StoreError> {
        let lease = self.settings.lease();
        if self.swept.is_none_or(|swept| swept.elapsed() >= lease / 6) {
            let taken_back = self.jobs.take_back_lapsed(self.settings.most_crashes).await?;
            if taken_back > 0 {
                tracing::warn!(jobs = taken_back, "taken back from workers that fell silent");
            }
            self.swept = Some(Instant::now());
        }
        self.jobs.claim(self.name, lease).await
    }
}
