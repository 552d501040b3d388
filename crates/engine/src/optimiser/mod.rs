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
    /// The image that the rest is of: where the optimiser stands, or where its present step started.
    pub image: T,
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

    /// One that has taken `steps` already, and the image to look at next; `None` when the memory is not such an optimiser's.
    pub fn resumed(steps: u32, memory: Memory<Tensor>) -> Result<Option<(Self, Tensor)>> {
        let Memory { optimiser, image, tensors, scalars } = memory;
        Ok(match optimiser {
            OptimiserChoice::Adam => Adam::resumed(steps, tensors).map(|adam| (Self::Adam(adam), image)),
            OptimiserChoice::Lbfgs => {
                Lbfgs::resumed(image, tensors, &scalars)?.map(|(lbfgs, next)| (Self::Lbfgs(lbfgs), next))
            }
        })
    }

    /// What it remembers when `next` is the image to look at.
    pub fn memory<'a>(&'a self, next: &'a Tensor) -> Memory<&'a Tensor> {
        match self {
            Self::Adam(adam) => {
                Memory { optimiser: OptimiserChoice::Adam, image: next, tensors: adam.memory(), scalars: Vec::new() }
            }
            Self::Lbfgs(lbfgs) => {
                let (tensors, scalars) = lbfgs.memory();
                let image = lbfgs.best().map_or(next, |(image, _)| image);
                Memory { optimiser: OptimiserChoice::Lbfgs, image, tensors, scalars }
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
