//! What is told of a run while it goes on.

use serde::{Deserialize, Serialize};

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// The stage, counted from 1.
    pub stage: u32,
    /// The epochs of this stage that are done.
    pub epoch: u32,
}

impl Position {
    /// Where every run starts.
    pub const START: Self = Self { stage: 1, epoch: 0 };
}

/// The losses at one reported epoch. As JSON its keys are those of the reference script.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ProgressEntry {
    /// The stage, counted from 1.
    pub stage: u32,
    /// The epochs of this stage that had been done; the losses are those of the image they left.
    pub epoch: u32,
    /// The content loss, weighed.
    pub content: f64,
    /// The style loss over all layers, weighed.
    pub style: f64,
    /// The total-variation loss, weighed.
    pub tv: f64,
    /// The sum of the three.
    pub total: f64,
    /// Adam's rate at that epoch.
    pub learning_rate: f64,
    /// Seconds an epoch on the average of the stage so far, its first two left out.
    pub seconds_per_epoch: f64,
}

impl ProgressEntry {
    /// Where in the run these losses were taken.
    pub fn position(&self) -> Position {
        Position { stage: self.stage, epoch: self.epoch }
    }
}
