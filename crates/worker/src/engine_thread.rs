//! The thread that computes. It lives as long as the worker, because a GPU's stream belongs to one thread, and keeps the
//! engine it used last.

use std::{io, sync::Arc, thread};

use bytes::Bytes;
use impasto_engine::{DeviceName, Engine, EngineSettings};
use impasto_jobs::JobError;
use impasto_recipe::{Fingerprint, Precision, ProgressEntry, Recipe, vgg::Architecture};
use impasto_weights::Store as Weights;
use tokio::sync::mpsc;
use tracing::Span;

use crate::{
    Settings, kind,
    painting::{self, Brake},
    pulse::Pulse,
};

/// What the thread is to do for one claim.
pub(crate) struct Commission {
    pub recipe: Recipe,
    /// The fingerprint of an earlier attempt.
    pub fingerprint: Option<Fingerprint>,
    pub files: Files,
    pub checkpoint: Option<Bytes>,
    pub brake: Arc<Brake>,
    /// What the job's lines in the log stand in.
    pub span: Span,
    /// Hears of it. It is bounded: a thread that is ahead of what is written down waits.
    pub reports: mpsc::Sender<Report>,
}

/// The pictures of a job as they were uploaded. Each is let go of as soon as it is decoded: while the engine paints, the
/// memory is its own.
pub(crate) struct Files {
    pub content: Bytes,
    pub styles: Vec<Bytes>,
    /// Where in the result each style applies, as far as that was said.
    pub masks: Vec<Bytes>,
    /// Which part of each style image counts, as far as that was said.
    pub style_masks: Vec<Bytes>,
    /// The picture to start from.
    pub initial: Option<Bytes>,
}

/// What the thread tells of a commission, in this order: one `Begins`, any number of `Progress` and `Saved`, one `Ends`.
pub(crate) enum Report {
    /// The first epoch is about to start. `from_scratch` says why a checkpoint was of no use.
    Begins {
        fingerprint: Fingerprint,
        from_scratch: Option<String>,
    },
    Progress(ProgressEntry),
    Saved(Save),
    Ends(End),
}

/// A checkpoint and the picture of it.
pub(crate) struct Save {
    /// In pieces that follow each other.
    pub checkpoint: Vec<Bytes>,
    /// A PNG file.
    pub preview: Bytes,
}

/// The finished picture.
pub(crate) struct Results {
    /// As a PNG file.
    pub png: Bytes,
    /// As a PNG file of 16 bits a channel.
    pub png_16: Bytes,
}

/// How a commission ended.
pub(crate) enum End {
    /// With a picture.
    Finished(Results),
    /// The brake was pulled.
    Stopped(Save),
    /// This job cannot be painted.
    Failed(JobError),
    /// The device can no longer be trusted: the process is to end.
    DeviceLost(String),
}

/// The thread, from outside.
#[derive(Clone)]
pub(crate) struct EngineThread {
    commissions: std::sync::mpsc::Sender<Commission>,
}

impl EngineThread {
    /// Starts the thread. Should it panic, the reports of its commission end without [`Report::Ends`].
    pub fn start(device: DeviceName, settings: &Settings, weights: Weights, pulse: Arc<Pulse>) -> io::Result<Self> {
        let (commissions, inbox) = std::sync::mpsc::channel::<Commission>();
        let checkpoint_seconds = settings.checkpoint_seconds;
        let mut easel = Easel { device, threads: settings.threads, weights, engine: None };
        thread::Builder::new().name("engine".to_owned()).spawn(move || {
            for commission in inbox {
                let span = commission.span.clone();
                let _in_span = span.enter();
                painting::paint(&mut easel, commission, &pulse, checkpoint_seconds);
            }
        })?;
        Ok(Self { commissions })
    }

    /// Hands over a commission; it is dropped, and its reports with it, where the thread is gone.
    pub fn commission(&self, commission: Commission) {
        drop(self.commissions.send(commission));
    }
}

/// The device, and the engine that stands on it.
pub(crate) struct Easel {
    device: DeviceName,
    threads: usize,
    weights: Weights,
    engine: Option<(EngineKey, Engine)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct EngineKey {
    backbone: Architecture,
    precision: Precision,
}

impl Easel {
    pub fn device(&self) -> DeviceName {
        self.device
    }

    /// The engine that the recipe needs: the last one, if it is the same.
    pub fn engine_for(&mut self, recipe: &Recipe, pulse: &Pulse) -> Result<&Engine, JobError> {
        let key = EngineKey { backbone: recipe.backbone, precision: recipe.precision };
        let at_hand = self.engine.take().filter(|(standing, _)| *standing == key);
        let engine = match at_hand {
            Some((_, engine)) => engine,
            // Fetching weights may take longer than any epoch.
            None => self.build(key, &|| pulse.beat())?,
        };
        Ok(&self.engine.insert((key, engine)).1)
    }

    fn build(&self, key: EngineKey, alive: &dyn Fn()) -> Result<Engine, JobError> {
        let backbone = self
            .weights
            .load(key.backbone.into(), alive)
            .map_err(|error| JobError { kind: kind::BACKBONE_UNAVAILABLE.to_owned(), message: error.to_string() })?;
        let threads = Some(self.threads).filter(|&threads| threads > 0);
        let settings = EngineSettings { device: self.device, precision: key.precision, threads };
        let engine = Engine::new(backbone, &settings).map_err(|error| painting::job_error(&error))?;
        tracing::info!(fingerprint = %engine.fingerprint(), "the engine is ready");
        Ok(engine)
    }
}
