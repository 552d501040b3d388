//! L-BFGS (Nocedal, 1980; Nocedal and Wright, "Numerical Optimization", algorithm 7.4): steps that know the curvature of
//! the loss from the last few of them. It comes to a loss in a fraction of Adam's epochs.
//!
//! Every step costs one look at the network. A step that does not lower the loss enough is taken back and tried again at
//! half its length.
//!
//! What it remembers is most of a checkpoint, so the pairs that tell of the curvature are kept in bf16 (docs/pictures.md has
//! what that costs: nothing), and what can be worked out of the rest is not stored: 84 bytes a pixel.

use std::collections::VecDeque;

use candle_core::{DType, Result, Tensor};

use super::Here;
use crate::{
    algebra::{add_scaled, dot, scaled},
    losses::Losses,
};

/// Steps that the curvature is estimated from.
const REMEMBERED: usize = 5;
/// The part of the promised fall of the loss that a step must bring (Armijo).
const SUFFICIENT: f64 = 1e-4;
/// After so many halvings the estimate of the curvature is given up.
const MOST_HALVINGS: f64 = 6.0;

/// L-BFGS on one image.
pub(crate) struct Lbfgs {
    /// The last steps, oldest first.
    pairs: VecDeque<Pair>,
    /// Where the present step started.
    origin: Option<Origin>,
}

/// A step s and the change y of the gradient along it, rounded to bf16.
struct Pair {
    s: Tensor,
    y: Tensor,
    /// s . y
    product: f64,
}

/// The best image so far, and the step from there.
struct Origin {
    image: Tensor,
    gradient: Tensor,
    direction: Tensor,
    losses: Losses,
    /// What a step straight down the gradient changes pixels by.
    first_step: f64,
    /// gradient . direction, below 0; or 0 where there is nothing to improve.
    slope: f64,
    /// The part of `direction` that is being tried.
    length: f64,
    halvings: f64,
}

impl Lbfgs {
    pub fn new() -> Self {
        Self { pairs: VecDeque::new(), origin: None }
    }

    /// All that is needed to go on, besides the [best image](Self::best): the direction is a function of the gradient and the
    /// pairs, and the image that is to be looked at lies in that direction.
    pub fn memory(&self) -> (Vec<&Tensor>, Vec<f64>) {
        let Some(origin) = &self.origin else { return (Vec::new(), Vec::new()) };
        let mut tensors = vec![&origin.gradient];
        tensors.extend(self.pairs.iter().flat_map(|pair| [&pair.s, &pair.y]));
        let Losses { content, style, tv } = origin.losses;
        (tensors, vec![content, style, tv, origin.first_step, origin.length, origin.halvings])
    }

    /// One that goes on from what [`Lbfgs::memory`] gave and the best image, with the image to look at next.
    pub fn resumed(image: Tensor, memory: Vec<Tensor>, scalars: &[f64]) -> Result<Option<(Self, Tensor)>> {
        if memory.is_empty() && scalars.is_empty() {
            return Ok(Some((Self::new(), image)));
        }
        let &[content, style, tv, first_step, length, halvings] = scalars else { return Ok(None) };
        let losses = Losses { content, style, tv };
        let mut tensors = memory.into_iter();
        let Some(gradient) = tensors.next() else { return Ok(None) };
        let mut lbfgs = Self::new();
        while let Some(s) = tensors.next() {
            let Some(y) = tensors.next() else { return Ok(None) };
            lbfgs.pairs.push_back(Pair { product: dot(&s, &y)?, s, y });
        }
        let direction = lbfgs.direction(&gradient, first_step)?;
        let slope = dot(&gradient, &direction)?;
        let next = add_scaled(&image, length, &direction)?;
        lbfgs.origin = Some(Origin { image, gradient, direction, losses, first_step, slope, length, halvings });
        Ok(Some((lbfgs, next)))
    }

    pub fn best(&self) -> Option<(&Tensor, Losses)> {
        self.origin.as_ref().map(|origin| (&origin.image, origin.losses))
    }

    /// The image to look at next; the very first step changes pixels by `first_step` in the root mean square. `None` where
    /// the very first image has no losses or no gradient.
    pub fn step(&mut self, here: &Here<'_>, first_step: f64) -> Result<Option<Tensor>> {
        let Some(losses) = here.losses else { candle_core::bail!("L-BFGS judges its steps by their losses") };
        let counts = losses.total().is_finite() && dot(here.gradient, here.gradient)?.is_finite();
        match &self.origin {
            None if !counts => return Ok(None),
            Some(origin) if !(counts && origin.fell_to(losses)) => return self.take_back(first_step).map(Some),
            None => {}
            Some(origin) => {
                self.pairs.extend(pair(here, origin)?);
                if self.pairs.len() > REMEMBERED {
                    self.pairs.pop_front();
                }
            }
        }
        let mut direction = self.direction(here.gradient, first_step)?;
        let mut slope = dot(here.gradient, &direction)?;
        if !(slope < 0.0 && slope.is_finite()) {
            // Rounding has spoilt the estimate.
            self.pairs.clear();
            direction = steepest(here.gradient, first_step)?;
            slope = dot(here.gradient, &direction)?;
        }
        let next = add_scaled(here.image, 1.0, &direction)?;
        self.origin = Some(Origin {
            image: here.image.clone(),
            gradient: here.gradient.clone(),
            direction,
            losses,
            first_step,
            slope,
            length: 1.0,
            halvings: 0.0,
        });
        Ok(Some(next))
    }

    /// The image half as far from the best one; in the end, one straight down the gradient.
    fn take_back(&mut self, first_step: f64) -> Result<Tensor> {
        let Some(origin) = &mut self.origin else { candle_core::bail!("no step was taken that could be taken back") };
        origin.halvings += 1.0;
        origin.length *= 0.5;
        if origin.halvings > MOST_HALVINGS && !self.pairs.is_empty() {
            self.pairs.clear();
            origin.direction = steepest(&origin.gradient, first_step)?;
            origin.slope = dot(&origin.gradient, &origin.direction)?;
            (origin.first_step, origin.length, origin.halvings) = (first_step, 1.0, 0.0);
        }
        add_scaled(&origin.image, origin.length, &origin.direction)
    }

    /// -H g, H being the inverse of the curvature as the pairs tell of it: the two loops of algorithm 7.4.
    fn direction(&self, gradient: &Tensor, first_step: f64) -> Result<Tensor> {
        let Some(newest) = self.pairs.back() else { return steepest(gradient, first_step) };
        let mut direction = scaled(gradient, -1.0)?;
        let mut alphas = Vec::with_capacity(self.pairs.len());
        for pair in self.pairs.iter().rev() {
            let alpha = dot(&pair.s, &direction)? / pair.product;
            direction = add_scaled(&direction, -alpha, &pair.y)?;
            alphas.push(alpha);
        }
        direction = scaled(&direction, newest.product / dot(&newest.y, &newest.y)?)?;
        for (pair, alpha) in self.pairs.iter().zip(alphas.into_iter().rev()) {
            let beta = dot(&pair.y, &direction)? / pair.product;
            direction = add_scaled(&direction, alpha - beta, &pair.s)?;
        }
        Ok(direction)
    }
}

impl Origin {
    /// Whether the loss has fallen as much as the step promised.
    fn fell_to(&self, losses: Losses) -> bool {
        losses.total() <= self.losses.total() + SUFFICIENT * self.length * self.slope
    }
}

/// What a good step tells of the curvature; `None` where the loss is not convex along it.
fn pair(here: &Here<'_>, origin: &Origin) -> Result<Option<Pair>> {
    let s = rounded(&add_scaled(here.image, -1.0, &origin.image)?)?;
    let y = rounded(&add_scaled(here.gradient, -1.0, &origin.gradient)?)?;
    let product = dot(&s, &y)?;
    Ok((product > 0.0).then_some(Pair { s, y, product }))
}

/// In bf16; but f64, in which no image comes, stays as it is.
fn rounded(tensor: &Tensor) -> Result<Tensor> {
    if tensor.dtype() == DType::F64 { Ok(tensor.clone()) } else { tensor.to_dtype(DType::BF16) }
}

/// Straight down the gradient, changing pixels by `size` in the root mean square; nowhere if there is no slope.
fn steepest(gradient: &Tensor, size: f64) -> Result<Tensor> {
    let length = dot(gradient, gradient)?.sqrt();
    let factor = if length > 0.0 { -size * (gradient.elem_count() as f64).sqrt() / length } else { 0.0 };
    scaled(gradient, factor)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    /// The Rosenbrock function's value and gradient: a narrow, bent valley with its end at (1, 1).
    fn rosenbrock(at: &Tensor) -> (f64, Tensor) {
        let [x, y] = at.to_vec1::<f64>().unwrap().try_into().unwrap();
        let value = (1.0 - x).powi(2) + 100.0 * (y - x * x).powi(2);
        let gradient = [-2.0 * (1.0 - x) - 400.0 * x * (y - x * x), 200.0 * (y - x * x)];
        (value, Tensor::new(&gradient, &Device::Cpu).unwrap())
    }

    fn losses(total: f64) -> Option<Losses> {
        Some(Losses { content: total, style: 0.0, tv: 0.0 })
    }

    fn descend(lbfgs: &mut Lbfgs, mut at: Tensor, steps: usize) -> Tensor {
        for _ in 0..steps {
            let (loss, gradient) = rosenbrock(&at);
            at = lbfgs.step(&Here { image: &at, gradient: &gradient, losses: losses(loss) }, 0.1).unwrap().unwrap();
        }
        at
    }

    #[test]
    fn it_comes_to_the_end_of_a_bent_valley() {
        let mut lbfgs = Lbfgs::new();
        descend(&mut lbfgs, Tensor::new(&[-1.2, 1.0], &Device::Cpu).unwrap(), 80);
        let (best, losses) = lbfgs.best().unwrap();
        let loss = losses.total();
        assert!(loss < 1e-12, "{loss} at {best}");
    }

    #[test]
    fn it_goes_on_from_what_it_remembers() {
        let start = Tensor::new(&[-1.2, 1.0], &Device::Cpu).unwrap();
        for steps in 0..30 {
            let mut lbfgs = Lbfgs::new();
            let halfway = descend(&mut lbfgs, start.clone(), steps);
            let (tensors, scalars) = lbfgs.memory();
            let tensors = tensors.into_iter().cloned().collect();
            let best = lbfgs.best().map_or(&halfway, |(image, _)| image).clone();
            let (mut resumed, next) = Lbfgs::resumed(best, tensors, &scalars).unwrap().unwrap();
            let (one, other) = (descend(&mut lbfgs, halfway, 20), descend(&mut resumed, next, 20));
            assert_eq!(one.to_vec1::<f64>().unwrap(), other.to_vec1::<f64>().unwrap(), "after {steps} steps");
        }
    }

    #[test]
    fn a_step_that_leads_nowhere_is_taken_back() {
        let start = Tensor::new(&[0.5, 0.5], &Device::Cpu).unwrap();
        let (loss, gradient) = rosenbrock(&start);
        let no_number = Tensor::new(&[f64::NAN, 0.0], &Device::Cpu).unwrap();
        let mut lbfgs = Lbfgs::new();
        let mut step = |image: &Tensor, gradient: &Tensor, loss: f64| {
            lbfgs.step(&Here { image, gradient, losses: losses(loss) }, 1.0).unwrap()
        };
        assert!(step(&start, &gradient, f64::NAN).is_none(), "the first image has no loss");
        assert!(step(&start, &no_number, loss).is_none(), "the first image has no gradient");
        let ahead = step(&start, &gradient, loss).unwrap();
        let half = step(&ahead, &gradient, f64::NAN).unwrap();
        let quarter = step(&half, &no_number, 0.0).unwrap();
        let between = |part: f64| ((&start * (1.0 - part)).unwrap() + (&ahead * part).unwrap()).unwrap();
        assert_eq!(half.to_vec1::<f64>().unwrap(), between(0.5).to_vec1::<f64>().unwrap());
        assert_eq!(quarter.to_vec1::<f64>().unwrap(), between(0.25).to_vec1::<f64>().unwrap());
        assert_eq!(lbfgs.best().unwrap().1.total(), loss);
    }

    #[test]
    fn where_nothing_is_to_be_improved_it_stays() {
        let start = Tensor::new(&[0.5, 0.5], &Device::Cpu).unwrap();
        let level = start.zeros_like().unwrap();
        let mut lbfgs = Lbfgs::new();
        for _ in 0..9 {
            let here = Here { image: &start, gradient: &level, losses: losses(0.0) };
            let next = lbfgs.step(&here, 1.0).unwrap().unwrap();
            assert_eq!(next.to_vec1::<f64>().unwrap(), [0.5, 0.5]);
        }
    }
}
