//! What can go wrong in the engine.

use impasto_recipe::{Position, Precision};

use crate::{CheckpointError, device::DeviceName};

/// Why a run did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The device cannot be used.
    #[error("the device {device} cannot be used: {reason}")]
    Device {
        /// The device asked for.
        device: DeviceName,
        /// What its driver said.
        reason: String,
    },
    /// The device does not compute in this number format.
    #[error("{device} does not compute in {precision}: ask for one of {known}, or auto")]
    Precision {
        /// The device asked for.
        device: DeviceName,
        /// The number format asked for.
        precision: Precision,
        /// What it could do.
        known: String,
    },
    /// The losses are no numbers any more.
    #[error(
        "the losses stopped being numbers in stage {}, by epoch {}: lower the learning rate or the loss weights",
        .0.stage, .0.epoch
    )]
    Diverged(Position),
    /// The device has no memory left.
    #[error("the device ran out of memory: ask for a smaller picture")]
    OutOfMemory,
    /// A checkpoint that does not belong to this run.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The tensor library refused an operation.
    #[error("the computation failed: {0}")]
    Tensor(candle_core::Error),
}

impl From<candle_core::Error> for EngineError {
    fn from(error: candle_core::Error) -> Self {
        let text = error.to_string().to_lowercase();
        if text.contains("out of memory") || text.contains("out_of_memory") || text.contains("alloc_failed") {
            Self::OutOfMemory
        } else {
            Self::Tensor(error)
        }
    }
}
