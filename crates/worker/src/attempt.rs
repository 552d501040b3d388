//! The life of one claim: from its pictures to its result, with the lease kept all the while.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use impasto_jobs::{BlobError, BlobKey, BlobStore, Claim, ClaimError, JobError, JobStore, Standing};
use tokio::{sync::mpsc, time::interval};
use tokio_util::sync::CancellationToken;

use crate::{
    Settings, WorkerError,
    engine_thread::{Commission, End, EngineThread, Report},
    kind,
    ledger::{Ledger, LedgerError},
    painting::Brake,
};

/// Reports that may wait to be written down before the engine has to.
const REPORTS_AHEAD: usize = 4;

/// Why the engine was asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Canceled,
    Draining,
    ClaimLost,
}

/// One claim in a worker's hands.
pub(crate) struct Attempt<'a> {
    pub jobs: &'a JobStore,
    pub blobs: &'a BlobStore,
    pub settings: &'a Settings,
    pub engine: &'a EngineThread,
    pub shutdown: &'a CancellationToken,
}

impl Attempt<'_> {
    /// Sees the claim through to its end.
    ///
    /// # Errors
    /// When the worker cannot go on with any job: its process is to end.
    pub async fn see_through(&self, claim: Claim) -> Result<(), WorkerError> {
        let mut ledger = Ledger::new(self.jobs.clone(), self.blobs.clone(), claim.key);
        let seen_through = match self.commission(&claim).await {
            Ok((commission, reports)) => {
                let brake = commission.brake.clone();
                self.engine.commission(commission);
                self.follow(&claim, &mut ledger, &brake, reports).await
            }
            Err(error) => ledger.fail(&error).await.map_err(Failure::Ledger),
        };
        match seen_through {
            Ok(()) => Ok(()),
            Err(Failure::Ledger(LedgerError::Lost)) => {
                tracing::warn!(job = %claim.key, "the claim was lost; whoever holds it now goes on");
                Ok(())
            }
            Err(Failure::Ledger(error)) => Err(WorkerError::Stores(error.to_string())),
            Err(Failure::Worker(error)) => Err(error),
        }
    }

    /// Reads all that the engine needs.
    async fn commission(&self, claim: &Claim) -> Result<(Commission, mpsc::Receiver<Report>), JobError> {
        let content = self.read(&claim.content).await?;
        let mut styles = Vec::with_capacity(claim.styles.len());
        for style in &claim.styles {
            styles.push(self.read(style).await?);
        }
        let checkpoint = match &claim.checkpoint {
            // A checkpoint that is gone costs time, not the job.
            Some(key) => Some(self.read(key).await.unwrap_or_default()),
            None => None,
        };
        let (reports, inbox) = mpsc::channel(REPORTS_AHEAD);
        let commission = Commission {
            recipe: claim.recipe.clone(),
            fingerprint: claim.fingerprint.clone(),
            content,
            styles,
            checkpoint,
            brake: Arc::default(),
            reports,
        };
        Ok((commission, inbox))
    }

    async fn read(&self, key: &BlobKey) -> Result<Bytes, JobError> {
        self.blobs.get(key).await.map_err(|error: BlobError| JobError {
            kind: kind::INPUT.to_owned(),
            message: format!("a picture of the job is gone: {error}"),
        })
    }

    /// Writes down what the engine reports until it ends, and tells it when to stop.
    async fn follow(
        &self,
        claim: &Claim,
        ledger: &mut Ledger,
        brake: &Brake,
        mut reports: mpsc::Receiver<Report>,
    ) -> Result<(), Failure> {
        let mut stop: Option<Stop> = None;
        let mut lease = Lease::new(self, claim);
        let mut looks = interval(self.settings.poll());
        let mut pulse = Pulse::new(brake, self.settings);
        loop {
            tokio::select! {
                report = reports.recv() => {
                    let Some(report) = report else { return Err(Failure::Worker(WorkerError::EngineDied)) };
                    if let Report::Ends(end) = report {
                        return self.finish(ledger, end, stop).await;
                    }
                    if stop == Some(Stop::ClaimLost) {
                        continue;
                    }
                    match self.write_down(ledger, report).await {
                        Err(LedgerError::Lost) => stop = Some(Stop::ClaimLost),
                        other => other?,
                    }
                }
                _ = looks.tick() => {
                    pulse.check()?;
                    stop = stop.or(lease.keep().await?);
                }
                () = self.shutdown.cancelled(), if stop.is_none() => stop = Some(Stop::Draining),
            }
            if stop.is_some() {
                brake.pull();
            }
        }
    }

    async fn write_down(&self, ledger: &mut Ledger, report: Report) -> Result<(), LedgerError> {
        match report {
            Report::Begins { fingerprint, from_scratch } => {
                if let Some(why) = &from_scratch {
                    tracing::warn!(why, "the job starts from epoch 0");
                }
                ledger.begin(&fingerprint, from_scratch.as_deref()).await
            }
            Report::Progress(entry) => {
                tracing::debug!(stage = entry.stage, epoch = entry.epoch, total = entry.total, "progress");
                ledger.progress(&entry).await
            }
            Report::Saved(save) => ledger.save(save).await,
            // The caller has taken it out.
            Report::Ends(_) => Ok(()),
        }
    }

    async fn finish(&self, ledger: &mut Ledger, end: End, stop: Option<Stop>) -> Result<(), Failure> {
        match (end, stop) {
            (End::DeviceLost(reason), _) => return Err(Failure::Worker(WorkerError::DeviceLost(reason))),
            (_, Some(Stop::ClaimLost)) => return Err(Failure::Ledger(LedgerError::Lost)),
            (End::Finished(picture), _) => ledger.succeed(picture).await?,
            (End::Failed(error), _) => ledger.fail(&error).await?,
            (End::Stopped(_), Some(Stop::Canceled)) => ledger.cancel().await?,
            (End::Stopped(save), _) => {
                ledger.save(save).await?;
                ledger.hand_back("its worker was asked to end; it goes on from its checkpoint").await?;
            }
        }
        Ok(())
    }
}

/// Why a claim was not seen through.
enum Failure {
    Ledger(LedgerError),
    Worker(WorkerError),
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

/// The right to a claim, renewed in time.
struct Lease<'a> {
    jobs: &'a JobStore,
    settings: &'a Settings,
    claim: &'a Claim,
    renewed: Instant,
}

impl<'a> Lease<'a> {
    fn new(attempt: &Attempt<'a>, claim: &'a Claim) -> Self {
        Self { jobs: attempt.jobs, settings: attempt.settings, claim, renewed: Instant::now() }
    }

    /// Looks whether the job is to stop, and renews the lease when a third of it is over. A store that fails is no reason
    /// to stop: the lease holds for a while yet, and where it does not the next write tells.
    async fn keep(&mut self) -> Result<Option<Stop>, Failure> {
        let lease = self.settings.lease();
        let due = self.renewed.elapsed() >= lease / 3;
        let standing =
            if due { self.jobs.renew(&self.claim.key, lease).await } else { self.jobs.standing(&self.claim.key).await };
        match standing {
            Ok(Standing { cancel_requested }) => {
                if due {
                    self.renewed = Instant::now();
                }
                Ok(cancel_requested.then_some(Stop::Canceled))
            }
            Err(ClaimError::Lost) => Ok(Some(Stop::ClaimLost)),
            Err(ClaimError::Store(error)) => {
                tracing::warn!(%error, "the lease could not be looked after");
                Ok(None)
            }
        }
    }
}

/// Whether the engine still beats.
struct Pulse<'a> {
    brake: &'a Brake,
    patience: std::time::Duration,
    beats: u64,
    since: Instant,
}

impl<'a> Pulse<'a> {
    fn new(brake: &'a Brake, settings: &Settings) -> Self {
        let patience = std::time::Duration::from_secs(settings.stall_seconds);
        Self { brake, patience, beats: brake.beats(), since: Instant::now() }
    }

    fn check(&mut self) -> Result<(), Failure> {
        let beats = self.brake.beats();
        if beats != self.beats {
            (self.beats, self.since) = (beats, Instant::now());
        } else if self.since.elapsed() > self.patience {
            return Err(Failure::Worker(WorkerError::Stalled { seconds: self.patience.as_secs() }));
        }
        Ok(())
    }
}
