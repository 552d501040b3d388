//! Convolution by Winograd's transforms.

mod convolution;
mod pass;
mod run;
pub(crate) mod transform;

pub use convolution::Convolution;
pub use run::Workspace;
pub(crate) use run::{Input, Sink, Tile, run};
