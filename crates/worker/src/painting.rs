//! What the engine thread does for one claim: pictures in, reports out.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use bytes::Bytes;
use impasto_engine::{Checkpoint, DeviceName, Engine, EngineError, Flow, Observer, Outcome, Snapshot, Subject};
use impasto_jobs::JobError;
use impasto_picture::{DecodeLimits, Format, Picture};
use impasto_recipe::ProgressEntry;
use tokio::sync::mpsc;

use crate::{
    engine_thread::{Commission, Easel, End, Report, Save},
    kind,
};

/// What the two sides of a commission share: the wish to stop, and the beat of the epochs.
#[derive(Debug, Default)]
pub(crate) struct Brake {
    pulled: AtomicBool,
    epochs: AtomicU64,
}

impl Brake {
    /// Asks for a stop after the epoch under way.
    pub fn pull(&self) {
        self.pulled.store(true, Ordering::Relaxed);
    }

    /// How many times the engine has been heard of: a number that stands still is a device that hangs.
    pub fn beats(&self) -> u64 {
        self.epochs.load(Ordering::Relaxed)
    }

    /// Says that the engine is at work.
    pub fn beat(&self) {
        self.epochs.fetch_add(1, Ordering::Relaxed);
    }

    fn is_pulled(&self) -> bool {
        self.pulled.load(Ordering::Relaxed)
    }
}

/// Paints what is commissioned and reports of it, whatever happens.
pub(crate) fn paint(easel: &mut Easel, commission: &Commission, checkpoint_seconds: u64) {
    let end = try_paint(easel, commission, checkpoint_seconds).unwrap_or_else(End::Failed);
    // Nobody listening means that the worker is going down: its claim lapses.
    drop(commission.reports.blocking_send(Report::Ends(end)));
}

fn try_paint(easel: &mut Easel, commission: &Commission, checkpoint_seconds: u64) -> Result<End, JobError> {
    let recipe = &commission.recipe;
    let mut subject = Subject::new(recipe, decode("content", &commission.content)?);
    for style in &commission.styles {
        subject.add_style(recipe, decode("style", style)?);
    }
    let device = easel.device();
    let engine = easel.engine_for(commission)?;
    commission.brake.beat();
    let (checkpoint, from_scratch) = usable_checkpoint(engine, commission);
    let begins = Report::Begins { fingerprint: engine.fingerprint().clone(), from_scratch };
    drop(commission.reports.blocking_send(begins));
    let mut scribe = Scribe::new(commission, checkpoint_seconds);
    match engine.paint(recipe, &subject, checkpoint.as_ref(), &mut scribe) {
        Ok(Outcome::Finished(picture)) => Ok(End::Finished(encode(&picture)?)),
        Ok(Outcome::Stopped(checkpoint)) => {
            let preview = checkpoint.picture().map_err(|error| job_error(&error))?;
            Ok(End::Stopped(save(*checkpoint, &preview)?))
        }
        Err(error) if poisons(&error, device) => Ok(End::DeviceLost(error.to_string())),
        Err(error) => Err(job_error(&error)),
    }
}

/// The checkpoint to go on from, or why the one there is cannot be used.
fn usable_checkpoint(engine: &Engine, commission: &Commission) -> (Option<Checkpoint>, Option<String>) {
    let Some(bytes) = &commission.checkpoint else {
        let changed = commission.fingerprint.as_ref().filter(|before| *before != engine.fingerprint());
        let why = changed.map(|before| format!("begun by {before}, done over by {}", engine.fingerprint()));
        return (None, why);
    };
    let checkpoint = Checkpoint::decode(bytes).and_then(|checkpoint| {
        checkpoint.fits(&commission.recipe, engine.fingerprint())?;
        Ok(checkpoint)
    });
    match checkpoint {
        Ok(checkpoint) => (Some(checkpoint), None),
        Err(error) => (None, Some(format!("started over: {error}"))),
    }
}

/// The engine's observer: passes on what it hears, and saves when it is time.
struct Scribe<'a> {
    commission: &'a Commission,
    reports: &'a mpsc::Sender<Report>,
    interval: Duration,
    next_save: Instant,
}

/// The first save comes early, so that there is something to see.
const FIRST_SAVE: Duration = Duration::from_secs(1);

impl<'a> Scribe<'a> {
    fn new(commission: &'a Commission, checkpoint_seconds: u64) -> Self {
        let interval = Duration::from_secs(checkpoint_seconds);
        let next_save = Instant::now() + interval.min(FIRST_SAVE);
        Self { commission, reports: &commission.reports, interval, next_save }
    }

    /// Whether anybody still listens.
    fn tell(&self, report: Report) -> bool {
        self.reports.blocking_send(report).is_ok()
    }

    fn save(&mut self, now: &Snapshot<'_>) -> bool {
        let saved = now
            .checkpoint()
            .and_then(|checkpoint| Ok((checkpoint, now.picture()?)))
            .map_err(|error| job_error(&error))
            .and_then(|(checkpoint, preview)| save(checkpoint, &preview));
        self.next_save = Instant::now() + self.interval;
        match saved {
            Ok(save) => self.tell(Report::Saved(save)),
            Err(error) => {
                tracing::warn!(%error.message, "no checkpoint could be taken; the run goes on");
                true
            }
        }
    }
}

impl Observer for Scribe<'_> {
    fn progress(&mut self, entry: &ProgressEntry) {
        self.commission.brake.beat();
        self.tell(Report::Progress(*entry));
    }

    fn epoch(&mut self, now: &Snapshot<'_>) -> Flow {
        self.commission.brake.beat();
        if self.commission.brake.is_pulled() {
            return Flow::Stop;
        }
        let heard = Instant::now() < self.next_save || self.save(now);
        if heard { Flow::Continue } else { Flow::Stop }
    }
}

fn decode(field: &str, bytes: &Bytes) -> Result<Picture, JobError> {
    // The limits were the server's to keep when it took the picture in.
    Picture::decode(bytes, &DecodeLimits { max_pixels: u64::MAX }).map_err(|error| JobError {
        kind: kind::INPUT.to_owned(),
        message: format!("the {field} image cannot be read: {error}"),
    })
}

fn encode(picture: &Picture) -> Result<Vec<u8>, JobError> {
    picture
        .encode(Format::Png)
        .map_err(|error| JobError { kind: kind::INTERNAL.to_owned(), message: error.to_string() })
}

fn save(checkpoint: Checkpoint, preview: &Picture) -> Result<Save, JobError> {
    Ok(Save { checkpoint: in_one_piece(checkpoint)?, preview: encode(preview)? })
}

fn in_one_piece(checkpoint: Checkpoint) -> Result<Vec<u8>, JobError> {
    let pieces = checkpoint.into_pieces().map_err(|error| job_error(&error.into()))?;
    Ok(pieces.concat())
}

/// What a job is told of an engine's error.
pub(crate) fn job_error(error: &EngineError) -> JobError {
    let kind = match error {
        EngineError::OutOfMemory => kind::OUT_OF_MEMORY,
        EngineError::Diverged(_) => kind::DIVERGED,
        EngineError::Precision { .. } => kind::INPUT,
        EngineError::Device { .. } | EngineError::Checkpoint(_) | EngineError::Tensor(_) => kind::INTERNAL,
    };
    JobError { kind: kind.to_owned(), message: error.to_string() }
}

/// Whether the device may be unusable after this error: a GPU's fault stays with the process.
fn poisons(error: &EngineError, device: DeviceName) -> bool {
    matches!(device, DeviceName::Cuda(_)) && matches!(error, EngineError::Tensor(_) | EngineError::Device { .. })
}
