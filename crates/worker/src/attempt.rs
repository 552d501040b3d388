//! The life of one claim: from its pictures to its result.

use std::{sync::Arc, time::Instant};

use impasto_jobs::{BlobKey, BlobStore, Claim, JobError, JobStore, Moved, Status};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::Span;

use crate::{
    Settings, WorkerError,
    engine_thread::{Commission, End, EngineThread, Files, Report, Save},
    kind,
    lease::LeaseKeeper,
    ledger::Ledger,
    measured::Measured,
    painting::Brake,
    patience::{Patience, StorageError},
    pulse::Pulse,
};

/// Reports that may wait to be written down before the engine has to.
const REPORTS_AHEAD: usize = 4;

/// Why the engine is asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    Canceled,
    Draining,
    ClaimLost,
}

/// One claim in a worker's hands.
pub(crate) struct Attempt<'a> {
    pub jobs: &'a Arc<dyn JobStore>,
    pub blobs: &'a BlobStore,
    pub settings: &'a Settings,
    pub engine: &'a EngineThread,
    pub pulse: &'a Arc<Pulse>,
    pub shutdown: &'a CancellationToken,
}

impl Attempt<'_> {
    /// Sees the claim through to its end.
    ///
    /// # Errors
    /// When the worker cannot go on with any job: its process is to end.
    pub async fn see_through(&self, claim: Claim) -> Result<(), WorkerError> {
        tracing::info!("claimed");
        if claim.is_first() {
            self.pulse.samples().add(Measured::FirstClaim { waited: claim.waited().as_secs_f64() });
        }
        let seen_through = self.work_on(&claim).await;
        self.measure_blobs();
        match seen_through {
            Ok(ended) => {
                if let Some(status) = ended {
                    let ran = claim.running_for().as_secs_f64();
                    self.pulse.samples().add(Measured::JobEnded { status, ran });
                    tracing::info!(%status, seconds = ran, "the job ended");
                }
                Ok(())
            }
            Err(Failure::Storage(StorageError::Lost)) => {
                tracing::warn!("the claim was lost; whoever holds it now goes on");
                Ok(())
            }
            Err(Failure::Storage(error)) => Err(WorkerError::Storage(error.to_string())),
            Err(Failure::Worker(error)) => Err(error),
        }
    }

    /// Works on the job until it ends or is no longer the worker's; returns the end that it came to, if it did.
    async fn work_on(&self, claim: &Claim) -> Result<Option<Status>, Failure> {
        let mut lease = LeaseKeeper::start(self.jobs.clone(), claim.key, self.settings);
        let patience = Patience::new(self.settings, self.pulse.clone());
        let mut ledger = Ledger::new(self.jobs.clone(), self.blobs.clone(), claim.key, patience);
        let worked = match self.commission(claim, &ledger).await {
            Ok((commission, reports)) => {
                let brake = commission.brake.clone();
                self.engine.commission(commission);
                self.follow(&mut lease, &mut ledger, &brake, reports).await
            }
            Err(Unreadable::Picture(error)) => match ledger.fail(&error).await {
                Ok(()) => Ok(Some(Status::Failed)),
                Err(error) => Err(Failure::Storage(error)),
            },
            Err(Unreadable::Storage(error)) => Err(Failure::Storage(error)),
        };
        if let Err(Failure::Storage(error)) = &worked
            && !matches!(error, StorageError::Lost)
        {
            let why = format!("its worker could not reach the stores; it goes on from its checkpoint: {error}");
            // Where even this cannot be written, whoever watches the worker does it.
            if let Err(error) = ledger.hand_back(&why).await {
                tracing::warn!(%error, "the job could not be handed back");
            }
        }
        worked
    }

    fn measure_blobs(&self) {
        for (kind, moved) in self.blobs.take_traffic() {
            let Moved { read, written } = moved;
            if read + written > 0 {
                self.pulse.samples().add(Measured::Blobs { kind, read, written });
            }
        }
    }

    /// Reads all that the engine needs.
    async fn commission(
        &self,
        claim: &Claim,
        ledger: &Ledger,
    ) -> Result<(Commission, mpsc::Receiver<Report>), Unreadable> {
        let picture = async |key: &BlobKey| {
            let gone =
                || JobError { kind: kind::INPUT.to_owned(), message: format!("there is no picture {key} any more") };
            ledger.read(key).await?.ok_or_else(|| Unreadable::Picture(gone()))
        };
        let pictures = async |keys: &[BlobKey]| {
            let mut files = Vec::with_capacity(keys.len());
            for key in keys {
                files.push(picture(key).await?);
            }
            Ok::<_, Unreadable>(files)
        };
        let initial = match &claim.initial {
            Some(key) => Some(picture(key).await?),
            None => None,
        };
        let files = Files {
            content: picture(&claim.content).await?,
            styles: pictures(&claim.styles).await?,
            masks: pictures(&claim.masks).await?,
            style_masks: pictures(&claim.style_masks).await?,
            initial,
        };
        let checkpoint = match &claim.checkpoint {
            // A checkpoint that is gone costs time, not the job: it is as good as a broken one.
            Some(key) => Some(ledger.read(key).await?.unwrap_or_default()),
            None => None,
        };
        let (reports, inbox) = mpsc::channel(REPORTS_AHEAD);
        let commission = Commission {
            recipe: claim.recipe.clone(),
            fingerprint: claim.fingerprint.clone(),
            files,
            checkpoint,
            brake: Arc::default(),
            span: Span::current(),
            reports,
        };
        Ok((commission, inbox))
    }

    /// Writes down what the engine reports until it ends, and tells it when to stop.
    async fn follow(
        &self,
        lease: &mut LeaseKeeper,
        ledger: &mut Ledger,
        brake: &Brake,
        mut reports: mpsc::Receiver<Report>,
    ) -> Result<Option<Status>, Failure> {
        let mut stop: Option<Stop> = None;
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
                    match self.write_down(ledger, brake, report).await {
                        Err(StorageError::Lost) => stop = Some(Stop::ClaimLost),
                        other => other?,
                    }
                }
                why = lease.stop(), if stop.is_none() => stop = Some(why),
                () = self.shutdown.cancelled(), if stop.is_none() => stop = Some(Stop::Draining),
            }
            if stop.is_some() {
                brake.pull();
            }
        }
    }

    async fn write_down(&self, ledger: &mut Ledger, brake: &Brake, report: Report) -> Result<(), StorageError> {
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
            Report::Saved(save) => {
                let began = Instant::now();
                let saved = self.save(ledger, &save).await;
                brake.save_written(began.elapsed());
                saved
            }
            // The caller has taken it out.
            Report::Ends(_) => Ok(()),
        }
    }

    /// Saves; goes on without where that fails. The save before is still there, the next one may succeed, and the result may be
    /// small enough where a checkpoint is not.
    async fn save(&self, ledger: &mut Ledger, save: &Save) -> Result<(), StorageError> {
        let began = Instant::now();
        match ledger.save(save).await {
            Err(StorageError::Lost) => return Err(StorageError::Lost),
            Err(error) => tracing::warn!(%error, "a checkpoint could not be saved; the job goes on without it"),
            Ok(()) => {
                let bytes = save.checkpoint.iter().map(|piece| piece.len() as u64).sum();
                let seconds = began.elapsed().as_secs_f64();
                self.pulse.samples().add(Measured::Checkpoint { bytes, seconds });
            }
        }
        self.measure_blobs();
        Ok(())
    }

    /// Does what the end of the engine's work calls for; returns the end that the job came to, if it did.
    async fn finish(&self, ledger: &mut Ledger, end: End, stop: Option<Stop>) -> Result<Option<Status>, Failure> {
        match (end, stop) {
            (End::DeviceLost(reason), _) => Err(Failure::Worker(WorkerError::DeviceLost(reason))),
            (_, Some(Stop::ClaimLost)) => Err(Failure::Storage(StorageError::Lost)),
            (End::Finished(results), _) => {
                ledger.succeed(&results).await?;
                Ok(Some(Status::Succeeded))
            }
            (End::Failed(error), _) => {
                tracing::warn!(kind = error.kind, message = error.message, "the job cannot be painted");
                ledger.fail(&error).await?;
                Ok(Some(Status::Failed))
            }
            (End::Stopped(_), Some(Stop::Canceled)) => {
                ledger.cancel().await?;
                Ok(Some(Status::Canceled))
            }
            (End::Stopped(save), _) => {
                self.save(ledger, &save).await?;
                ledger.hand_back("its worker was asked to end; it goes on from its checkpoint").await?;
                Ok(None)
            }
        }
    }
}

/// Why the engine was not given a job's pictures.
enum Unreadable {
    /// One of them is gone for good.
    Picture(JobError),
    Storage(StorageError),
}

impl From<StorageError> for Unreadable {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

/// Why a claim was not seen through.
enum Failure {
    Storage(StorageError),
    Worker(WorkerError),
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}
