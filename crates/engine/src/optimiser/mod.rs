//! What moves the image down the gradient.

mod adam;
mod lbfgs;

use adam::Adam;
use candle_core::{Result, Tensor};
use impasto_recipe::OptimiserChoice;
use lbfgs::Lbfgs;

use crate::losses::Losses;

/// An optimiser of one image.
pub(crate) enum Optimiser {
    Adam(Adam),
    Lbfgs(Lbfgs),
}

/// What an optimiser remembers, for a checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Memory<T> {
    pub optimiser: OptimiserChoice,
    /// All of the image's shape.
    pub tensors: Vec<T>,
    pub scalars: Vec<f64>,
}

/// What an optimiser is told of the image as it stands.
pub(crate) struct Here<'a> {
    pub image: &'a Tensor,
    pub gradient: &'a Tensor,
    /// What the image costs, if the optimiser [needs it](Optimiser::needs_losses).
    pub losses: Option<Losses>,
}

impl Optimiser {
    /// A fresh one for images like this.
    pub fn new(choice: OptimiserChoice, image: &Tensor) -> Result<Self> {
        Ok(match choice {
            OptimiserChoice::Adam => Self::Adam(Adam::new(image)?),
            OptimiserChoice::Lbfgs => Self::Lbfgs(Lbfgs::new()),
        })
    }

    /// One that has taken `steps` already; `None` when the memory is not such an optimiser's.
    pub fn resumed(steps: u32, memory: Memory<Tensor>) -> Result<Option<Self>> {
        Ok(match memory.optimiser {
            OptimiserChoice::Adam => Adam::resumed(steps, memory.tensors).map(Self::Adam),
            OptimiserChoice::Lbfgs => Lbfgs::resumed(memory.tensors, &memory.scalars)?.map(Self::Lbfgs),
        })
    }

    /// What it remembers.
    pub fn memory(&self) -> Memory<&Tensor> {
        match self {
            Self::Adam(adam) => {
                Memory { optimiser: OptimiserChoice::Adam, tensors: adam.memory(), scalars: Vec::new() }
            }
            Self::Lbfgs(lbfgs) => {
                let (tensors, scalars) = lbfgs.memory();
                Memory { optimiser: OptimiserChoice::Lbfgs, tensors, scalars }
            }
        }
    }

    /// Whether [`Here::losses`] are to be worked out for it.
    pub fn needs_losses(&self) -> bool {
        matches!(self, Self::Lbfgs(_))
    }

    /// The image to look at next; `None` where this one's losses are no numbers and there is no better one to go back to.
    pub fn step(&mut self, here: &Here<'_>, learning_rate: f64) -> Result<Option<Tensor>> {
        match self {
            Self::Adam(adam) => adam.step(here.image, here.gradient, learning_rate).map(Some),
            Self::Lbfgs(lbfgs) => lbfgs.step(here, learning_rate),
        }
    }

    /// The best image it has come by and what that costs, where its last step may have been one too far.
    pub fn best(&self) -> Option<(&Tensor, Losses)> {
        match self {
            Self::Adam(_) => None,
            Self::Lbfgs(lbfgs) => lbfgs.best(),
        }
    }
}
