//! Adam (Kingma and Ba, 2015).

use candle_core::{Result, Tensor};

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// Adam on one image.
pub(crate) struct Adam {
    /// Steps taken so far.
    steps: u32,
    /// The running mean of the gradient, of the image's shape.
    first_moment: Tensor,
    /// The running mean of its square.
    second_moment: Tensor,
}

impl Adam {
    /// A fresh one for images like this.
    pub fn new(image: &Tensor) -> Result<Self> {
        Ok(Self { steps: 0, first_moment: image.zeros_like()?, second_moment: image.zeros_like()? })
    }

    /// One that has taken `steps` already, with what [`Adam::memory`] gave.
    pub fn resumed(steps: u32, memory: Vec<Tensor>) -> Option<Self> {
        let [first_moment, second_moment] = memory.try_into().ok()?;
        Some(Self { steps, first_moment, second_moment })
    }

    /// Both moments.
    pub fn memory(&self) -> Vec<&Tensor> {
        vec![&self.first_moment, &self.second_moment]
    }

    /// The image after one more step down the gradient.
    pub fn step(&mut self, image: &Tensor, gradient: &Tensor, learning_rate: f64) -> Result<Tensor> {
        self.steps += 1;
        self.first_moment = ((&self.first_moment * BETA1)? + (gradient * (1.0 - BETA1))?)?;
        self.second_moment = ((&self.second_moment * BETA2)? + (gradient.sqr()? * (1.0 - BETA2))?)?;
        let steps = f64::from(self.steps);
        let unbiased_first = 1.0 - BETA1.powf(steps);
        let unbiased_second = 1.0 - BETA2.powf(steps);
        let spread = ((self.second_moment.sqrt()? * (1.0 / unbiased_second.sqrt()))? + EPSILON)?;
        image - (self.first_moment.div(&spread)? * (learning_rate / unbiased_first))?
    }
}
