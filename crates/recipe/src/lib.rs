//! What is asked for and what is told of it, as plain data: [`Options`] as a person gives them, the [`Recipe`] they
//! resolve to, the [`Canvas`] that a stage is painted on, the [`ProgressEntry`] reported on the way, and the
//! [`Fingerprint`] of what computed it.
#![forbid(unsafe_code)]

mod canvas;
mod choice;
mod fingerprint;
mod inputs;
mod layers;
mod options;
mod preset;
mod progress;
mod recipe;
mod resolve;
mod size;
mod style_fit;
mod time_left;
pub mod vgg;

pub use canvas::Canvas;
pub use choice::{
    Alpha, BackboneChoice, Colours, Init, Objective, OptimiserChoice, PoolingChoice, Precision, UnknownName,
};
pub use fingerprint::Fingerprint;
pub use inputs::Inputs;
pub use layers::{LayerOption, LayerWeight};
pub use options::{OptionError, Options};
pub use preset::Preset;
pub use progress::{Position, ProgressEntry};
pub use recipe::{Limits, LossWeights, Recipe, Stage};
pub use size::{ParseSizeError, Size, SizeOption};
pub use style_fit::StyleFit;
