//! Who is told of a run, and what they can ask of it.

use candle_core::Tensor;
use impasto_picture::Picture;
use impasto_recipe::{Canvas, Fingerprint, Position, ProgressEntry};

use crate::{Checkpoint, EngineError, finish::Finish, image, optimiser::Optimiser};

/// Whether a run is to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// With the next epoch.
    Continue,
    /// No: the run ends with a checkpoint.
    Stop,
}

/// Hears of a run as it goes on, on the thread that computes.
pub trait Observer: Send {
    /// The losses at a reported epoch.
    fn progress(&mut self, entry: &ProgressEntry);

    /// An epoch is done. What `now` offers is worked out only when it is asked for.
    fn epoch(&mut self, now: &Snapshot<'_>) -> Flow;
}

/// The run after an epoch.
pub struct Snapshot<'a> {
    pub(crate) position: Position,
    pub(crate) image: &'a Tensor,
    pub(crate) canvas: Canvas,
    pub(crate) finish: &'a Finish,
    pub(crate) optimiser: &'a Optimiser,
    pub(crate) fingerprint: &'a Fingerprint,
}

impl Snapshot<'_> {
    /// How far the run has come.
    pub fn position(&self) -> Position {
        self.position
    }

    /// The picture so far, as a result would be: the best one, where the optimiser knows of it.
    ///
    /// # Errors
    /// When the image cannot be read from the device.
    pub fn picture(&self) -> Result<Picture, EngineError> {
        let best = self.optimiser.best().map_or(self.image, |(image, _)| image);
        Ok(self.finish.applied_to(image::to_picture(best, self.canvas)?))
    }

    /// All that is needed to go on from here.
    ///
    /// # Errors
    /// When the image or the moments cannot be read from the device.
    pub fn checkpoint(&self) -> Result<Checkpoint, EngineError> {
        Ok(Checkpoint::take(self.position, self.image, self.canvas, self.optimiser, self.fingerprint.clone())?)
    }
}
