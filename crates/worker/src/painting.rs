//! What the engine thread does for one claim: pictures in, reports out.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use bytes::Bytes;
use impasto_engine::{Checkpoint, DeviceName, Engine, EngineError, Flow, Observer, Outcome, Snapshot, Style, Subject};
use impasto_jobs::JobError;
use impasto_picture::{DecodeError, DecodeLimits, Format, Mask, Picture};
use impasto_recipe::{Fingerprint, ProgressEntry, Recipe};
use tokio::sync::mpsc;

use crate::{
    engine_thread::{Commission, Easel, End, Files, Report, Results, Save},
    kind,
    pulse::Pulse,
};

/// What the two sides of a commission share: the wish to stop, and what a save costs.
#[derive(Debug, Default)]
pub(crate) struct Brake {
    pulled: AtomicBool,
    /// A save is on its way to the store.
    saving: AtomicBool,
    /// What the last one took to be written.
    save_microseconds: AtomicU64,
}

impl Brake {
    /// Asks for a stop after the epoch under way.
    pub fn pull(&self) {
        self.pulled.store(true, Ordering::Relaxed);
    }

    /// The save that was reported last is in the store.
    pub fn save_written(&self, took: Duration) {
        self.save_microseconds.store(took.as_micros() as u64, Ordering::Relaxed);
        self.saving.store(false, Ordering::Release);
    }

    fn is_pulled(&self) -> bool {
        self.pulled.load(Ordering::Relaxed)
    }

    /// What the last save took to be written; `None` while one is on its way.
    fn last_save(&self) -> Option<Duration> {
        let saving = self.saving.load(Ordering::Acquire);
        (!saving).then(|| Duration::from_micros(self.save_microseconds.load(Ordering::Relaxed)))
    }
}

/// Paints what is commissioned and reports of it, whatever happens.
pub(crate) fn paint(easel: &mut Easel, commission: Commission, pulse: &Pulse, checkpoint_seconds: u64) {
    let reports = commission.reports.clone();
    let end = try_paint(easel, commission, pulse, checkpoint_seconds).unwrap_or_else(End::Failed);
    // Nobody listening means that the worker is going down: its claim lapses.
    drop(reports.blocking_send(Report::Ends(end)));
}

fn try_paint(
    easel: &mut Easel,
    commission: Commission,
    pulse: &Pulse,
    checkpoint_seconds: u64,
) -> Result<End, JobError> {
    let Commission { recipe, fingerprint, files, checkpoint, brake, reports, span: _ } = commission;
    let subject = subject(&recipe, files)?;
    let device = easel.device();
    let engine = easel.engine_for(&recipe, pulse)?;
    pulse.beat();
    let (checkpoint, from_scratch) = match checkpoint {
        Some(file) => usable_checkpoint(engine, &recipe, file),
        None => (None, changed(engine, fingerprint.as_ref())),
    };
    let begins = Report::Begins { fingerprint: engine.fingerprint().clone(), from_scratch };
    drop(reports.blocking_send(begins));
    let place = Place { device: device.to_string(), precision: engine.fingerprint().precision.clone() };
    let mut scribe = Scribe::new(&brake, &reports, pulse, place, checkpoint_seconds);
    match engine.paint(&recipe, &subject, checkpoint, &mut scribe) {
        Ok(Outcome::Finished(picture)) => {
            let (png, png_16) = (encode(&picture, Format::Png)?, encode(&picture, Format::Png16)?);
            Ok(End::Finished(Results { png, png_16 }))
        }
        Ok(Outcome::Stopped { checkpoint, picture }) => Ok(End::Stopped(save(*checkpoint, &picture)?)),
        Err(error) if poisons(&error, device) => Ok(End::DeviceLost(error.to_string())),
        Err(error) => Err(job_error(&error)),
    }
}

/// What the engine paints, of files that are gone when it begins.
fn subject(recipe: &Recipe, files: Files) -> Result<Subject, JobError> {
    let Files { content, styles, masks, style_masks, initial } = files;
    let mut subject = Subject::new(recipe, decode(content, "content")?);
    let (mut masks, mut style_masks) = (masks.into_iter(), style_masks.into_iter());
    for (number, style) in (1..).zip(styles) {
        let mask = masks.next().map(|file| decode_mask(file, &format!("mask {number}"))).transpose()?;
        let style_mask =
            style_masks.next().map(|file| decode_mask(file, &format!("style mask {number}"))).transpose()?;
        let picture = decode(style, &format!("style {number}"))?;
        subject.add_style(recipe, Style { picture, mask, style_mask });
    }
    if let Some(initial) = initial {
        subject.start_from(recipe, decode(initial, "initial")?);
    }
    Ok(subject)
}

/// Why a job without a checkpoint starts over, where an earlier attempt has begun it.
fn changed(engine: &Engine, before: Option<&Fingerprint>) -> Option<String> {
    let changed = before.filter(|before| *before != engine.fingerprint());
    changed.map(|before| format!("begun by {before}, done over by {}", engine.fingerprint()))
}

/// The checkpoint in `file` to go on from, or why it cannot be used. The file is let go of: it may be as large as the run.
fn usable_checkpoint(engine: &Engine, recipe: &Recipe, file: Bytes) -> (Option<Checkpoint>, Option<String>) {
    let checkpoint = Checkpoint::decode(&file).and_then(|checkpoint| {
        checkpoint.fits(recipe, engine.fingerprint())?;
        Ok(checkpoint)
    });
    match checkpoint {
        Ok(checkpoint) => (Some(checkpoint), None),
        Err(error) => (None, Some(format!("started over: {error}"))),
    }
}

/// The engine's observer: passes on what it hears, and saves when it is time.
struct Scribe<'a> {
    brake: &'a Brake,
    reports: &'a mpsc::Sender<Report>,
    pulse: &'a Pulse,
    place: Place,
    interval: Duration,
    last_epoch: Instant,
    /// When the epoch under way began: what is saved between two of them is not theirs.
    epoch_began: Instant,
    last_save: Instant,
    /// What making the last save took, before it was written.
    making_took: Duration,
    saved: bool,
}

/// Where epochs are computed, and in what.
struct Place {
    device: String,
    precision: String,
}

/// The first save comes early, so that there is something to see.
const FIRST_SAVE: Duration = Duration::from_secs(1);
/// Between two saves passes so many times what one of them costs.
const SAVES_COST_A: u32 = 10;

impl<'a> Scribe<'a> {
    fn new(
        brake: &'a Brake,
        reports: &'a mpsc::Sender<Report>,
        pulse: &'a Pulse,
        place: Place,
        checkpoint_seconds: u64,
    ) -> Self {
        let now = Instant::now();
        Self {
            brake,
            reports,
            pulse,
            place,
            interval: Duration::from_secs(checkpoint_seconds),
            last_epoch: now,
            epoch_began: now,
            last_save: now,
            making_took: Duration::ZERO,
            saved: false,
        }
    }

    /// Whether anybody still listens.
    fn tell(&self, report: Report) -> bool {
        self.reports.blocking_send(report).is_ok()
    }

    fn save_is_due(&self) -> bool {
        let Some(writing_took) = self.brake.last_save() else { return false };
        let interval = if self.saved { self.interval } else { self.interval.min(FIRST_SAVE) };
        self.last_save.elapsed() >= interval.max((self.making_took + writing_took) * SAVES_COST_A)
    }

    fn save(&mut self, now: &Snapshot<'_>) -> bool {
        let began = Instant::now();
        let made = now
            .checkpoint()
            .and_then(|checkpoint| Ok((checkpoint, now.picture()?)))
            .map_err(|error| job_error(&error))
            .and_then(|(checkpoint, preview)| save(checkpoint, &preview));
        (self.last_save, self.making_took, self.saved) = (Instant::now(), began.elapsed(), true);
        match made {
            Ok(save) => {
                self.brake.saving.store(true, Ordering::Release);
                self.tell(Report::Saved(save))
            }
            Err(error) => {
                tracing::warn!(%error.message, "no checkpoint could be taken; the run goes on");
                true
            }
        }
    }
}

impl Observer for Scribe<'_> {
    fn progress(&mut self, entry: &ProgressEntry) {
        self.pulse.beat();
        self.tell(Report::Progress(*entry));
    }

    fn epoch(&mut self, now: &Snapshot<'_>) -> Flow {
        self.pulse.epoch(self.last_epoch.elapsed());
        self.last_epoch = Instant::now();
        let Place { device, precision } = &self.place;
        self.pulse.samples().add_epoch(device, precision, self.epoch_began.elapsed().as_secs_f64());
        if self.brake.is_pulled() {
            return Flow::Stop;
        }
        let heard = !self.save_is_due() || self.save(now);
        self.epoch_began = Instant::now();
        if heard { Flow::Continue } else { Flow::Stop }
    }
}

/// The limits were the server's to keep when it took the picture in.
const NO_LIMITS: DecodeLimits = DecodeLimits { max_pixels: u64::MAX };

/// The picture in `file`, which the job's notices call `name`. The file is let go of.
fn decode(file: Bytes, name: &str) -> Result<Picture, JobError> {
    Picture::decode(&file, &NO_LIMITS).map_err(|error| unreadable(name, &error))
}

fn decode_mask(file: Bytes, name: &str) -> Result<Mask, JobError> {
    Mask::decode(&file, &NO_LIMITS).map_err(|error| unreadable(name, &error))
}

fn unreadable(name: &str, error: &DecodeError) -> JobError {
    JobError { kind: kind::INPUT.to_owned(), message: format!("{name} cannot be read as a picture: {error}") }
}

fn encode(picture: &Picture, format: Format) -> Result<Bytes, JobError> {
    let encoded = picture.encode(format).map(Bytes::from);
    encoded.map_err(|error| JobError { kind: kind::INTERNAL.to_owned(), message: error.to_string() })
}

fn save(checkpoint: Checkpoint, preview: &Picture) -> Result<Save, JobError> {
    let pieces = checkpoint.into_pieces().map_err(|error| job_error(&error.into()))?;
    Ok(Save { checkpoint: pieces, preview: encode(preview, Format::Png)? })
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
