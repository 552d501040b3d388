//! Adam (Kingma and Ba, 2015).

use candle_core::{Result, Tensor};
use rayon::prelude::*;

use crate::algebra::{CHUNK, with_slices};

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
        let rates = Rates::new(self.steps, learning_rate);
        let here = [image, gradient, &self.first_moment, &self.second_moment];
        let on_cpu = with_slices(here, |here| rates.step(here))?;
        let [image, first, second] = match on_cpu {
            Some(numbers) => {
                let [next, first, second] =
                    numbers.map(|numbers| Tensor::from_vec(numbers, image.shape(), image.device()));
                [next?, first?, second?]
            }
            None => rates.step_by_tensors(here)?,
        };
        (self.first_moment, self.second_moment) = (first, second);
        Ok(image)
    }
}

/// What a step depends on besides the images.
struct Rates {
    /// What the first moment is multiplied by.
    step: f64,
    /// What the square root of the second one is multiplied by, for it starts at 0.
    unbias: f64,
}

impl Rates {
    fn new(steps: u32, learning_rate: f64) -> Self {
        let steps = f64::from(steps);
        Self { step: learning_rate / (1.0 - BETA1.powf(steps)), unbias: 1.0 / (1.0 - BETA2.powf(steps)).sqrt() }
    }

    /// From image, gradient and both moments: the next image and moments.
    fn step_by_tensors(&self, [image, gradient, first, second]: [&Tensor; 4]) -> Result<[Tensor; 3]> {
        let first = ((first * BETA1)? + (gradient * (1.0 - BETA1))?)?;
        let second = ((second * BETA2)? + (gradient.sqr()? * (1.0 - BETA2))?)?;
        let spread = ((second.sqrt()? * self.unbias)? + EPSILON)?;
        let image = (image - (first.div(&spread)? * self.step)?)?;
        Ok([image, first, second])
    }

    /// The same in one pass.
    fn step(&self, [image, gradient, first, second]: [&[f32]; 4]) -> [Vec<f32>; 3] {
        let [beta1, rest1, beta2, rest2] = [BETA1, 1.0 - BETA1, BETA2, 1.0 - BETA2].map(|factor| factor as f32);
        let [step, unbias, epsilon] = [self.step, self.unbias, EPSILON].map(|factor| factor as f32);
        let before = [image, first, second];
        let mut next = before.map(|numbers| vec![0f32; numbers.len()]);
        let [image, first, second] = &mut next;
        let moments = first.par_chunks_mut(CHUNK).zip(second.par_chunks_mut(CHUNK));
        let chunks = image.par_chunks_mut(CHUNK).zip(gradient.par_chunks(CHUNK)).zip(moments);
        chunks.enumerate().for_each(|(number, ((image, gradient), (first, second)))| {
            // By the thread that goes on with it: memory that nobody has touched yet takes its time.
            for (now, before) in [&mut *image, &mut *first, &mut *second].into_iter().zip(before) {
                now.copy_from_slice(&before[number * CHUNK..][..now.len()]);
            }
            for (((image, gradient), first), second) in image.iter_mut().zip(gradient).zip(first).zip(second) {
                *first = *first * beta1 + gradient * rest1;
                *second = *second * beta2 + gradient * gradient * rest2;
                *image -= *first / (second.sqrt() * unbias + epsilon) * step;
            }
        });
        next
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;

    #[test]
    fn one_pass_gives_what_tensors_give() {
        let numbers = |seed: usize| -> Vec<f32> {
            (0..50_003).map(|n| ((n + seed) * 7919 % 1000) as f32 / 500.0 - 1.0).collect()
        };
        let tensor = |seed: usize| Tensor::new(numbers(seed), &Device::Cpu).unwrap();
        let (mut by_slices, mut by_tensors) = (tensor(1), tensor(1).to_dtype(DType::F64).unwrap());
        // f64 tensors take the way of a GPU's.
        let mut adams = [Adam::new(&by_slices).unwrap(), Adam::new(&by_tensors).unwrap()];
        for step in 2..7 {
            let gradient = tensor(step);
            by_slices = adams[0].step(&by_slices, &gradient, 0.1).unwrap();
            by_tensors = adams[1].step(&by_tensors, &gradient.to_dtype(DType::F64).unwrap(), 0.1).unwrap();
        }
        let apart = (by_slices.to_dtype(DType::F64).unwrap() - by_tensors).unwrap().abs().unwrap().max(0).unwrap();
        assert!(apart.to_scalar::<f64>().unwrap() < 1e-5, "{apart}");
    }
}
