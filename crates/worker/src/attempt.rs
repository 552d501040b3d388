//! The life of one claim: from its pictures to its result.

use std::{sync::Arc, time::Instant};

use impasto_jobs::{BlobKey, BlobStore, Claim, JobError, JobStore};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    Settings, WorkerError,
    engine_thread::{Commission, End, EngineThread, Files, Report},
    kind,
    lease::LeaseKeeper,
    ledger::Ledger,
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
    pub jobs: &'a JobStore,
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
        let mut lease = LeaseKeeper::start(self.jobs.clone(), claim.key, self.settings);
        let patience = Patience::new(self.settings, self.pulse.clone());
        let mut ledger = Ledger::new(self.jobs.clone(), self.blobs.clone(), claim.key, patience);
        let seen_through = match self.commission(&claim, &ledger).await {
            Ok((commission, reports)) => {
                let brake = commission.brake.clone();
                self.engine.commission(commission);
                self.follow(&mut lease, &mut ledger, &brake, reports).await
            }
            Err(Unreadable::Picture(error)) => ledger.fail(&error).await.map_err(Failure::Storage),
            Err(Unreadable::Storage(error)) => Err(Failure::Storage(error)),
        };
        match seen_through {
            Ok(()) => Ok(()),
            Err(Failure::Storage(StorageError::Lost)) => {
                tracing::warn!(job = %claim.key, "the claim was lost; whoever holds it now goes on");
                Ok(())
            }
            Err(Failure::Storage(error)) => {
                let why = format!("its worker could not reach the stores; it goes on from its checkpoint: {error}");
                // Where even this cannot be written, whoever watches the worker does it.
                if let Err(error) = ledger.hand_back(&why).await {
                    tracing::warn!(job = %claim.key, %error, "the job could not be handed back");
                }
                Err(WorkerError::Storage(error.to_string()))
            }
            Err(Failure::Worker(error)) => Err(error),
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
    ) -> Result<(), Failure> {
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
                let saved = go_on_without(ledger.save(&save).await);
                brake.save_written(began.elapsed());
                saved
            }
            // The caller has taken it out.
            Report::Ends(_) => Ok(()),
        }
    }

    async fn finish(&self, ledger: &mut Ledger, end: End, stop: Option<Stop>) -> Result<(), Failure> {
        match (end, stop) {
            (End::DeviceLost(reason), _) => return Err(Failure::Worker(WorkerError::DeviceLost(reason))),
            (_, Some(Stop::ClaimLost)) => return Err(Failure::Storage(StorageError::Lost)),
            (End::Finished(results), _) => ledger.succeed(&results).await?,
            (End::Failed(error), _) => ledger.fail(&error).await?,
            (End::Stopped(_), Some(Stop::Canceled)) => ledger.cancel().await?,
            (End::Stopped(save), _) => {
                go_on_without(ledger.save(&save).await)?;
                ledger.hand_back("its worker was asked to end; it goes on from its checkpoint").await?;
            }
        }
        Ok(())
    }
}

/// A save that fails is no reason to stop: the one before is still there, the next one may succeed, and the result may be
/// small enough where a checkpoint is not.
fn go_on_without(saved: Result<(), StorageError>) -> Result<(), StorageError> {
    match saved {
        Err(StorageError::Lost) => Err(StorageError::Lost),
        Err(error) => {
            tracing::warn!(%error, "a checkpoint could not be saved; the job goes on without it");
            Ok(())
        }
        Ok(()) => Ok(()),
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
