//! The content and style terms on the kernels' layout, with their gradients. The formulas are those of
//! [`super::super::losses`].

use impasto_conv::{Activations, Form, LANES, Lanes, Symmetric};
use rayon::prelude::*;

use super::super::losses::LEAST_ENERGY;

/// Lanes that are summed up together: the sums are those of the chunks in order, whatever number of threads adds them up.
const CHUNK: usize = 4096;

/// Features to be held against.
pub(super) struct ContentTarget {
    want: Activations,
    /// What the squared differences are divided by: their number, or the target's energy.
    divisor: f64,
}

impl ContentTarget {
    pub fn new(want: Activations, relative: bool) -> Self {
        let divisor =
            if relative { sum(want.lanes(), |lanes| energy(&lanes.0)).max(LEAST_ENERGY) } else { count(&want) };
        Self { want, divisor }
    }

    pub fn distance(&self, have: &Activations) -> f64 {
        let pairs: Vec<_> = have
            .lanes()
            .par_chunks(CHUNK)
            .zip(self.want.lanes().par_chunks(CHUNK))
            .map(|(have, want)| have.iter().zip(want).map(|(have, want)| energy(&difference(have, want))).sum::<f64>())
            .collect();
        pairs.iter().sum::<f64>() / self.divisor
    }

    /// Adds the distance's gradient, times `weight`, to `gradient`.
    pub fn add_gradient(&self, have: &Activations, weight: f64, gradient: &mut Activations) {
        let factor = (2.0 * weight / self.divisor) as f32;
        let chunks = gradient.lanes_mut().par_chunks_mut(CHUNK);
        chunks.zip(have.lanes().par_chunks(CHUNK)).zip(self.want.lanes().par_chunks(CHUNK)).for_each(
            |((gradient, have), want)| {
                for ((gradient, have), want) in gradient.iter_mut().zip(have).zip(want) {
                    let difference = difference(have, want);
                    for (gradient, difference) in gradient.0.iter_mut().zip(difference) {
                        *gradient += factor * difference;
                    }
                }
            },
        );
    }
}

/// A Gram matrix to be held against.
pub(super) struct StyleTarget {
    want: Symmetric,
    divisor: f64,
}

impl StyleTarget {
    pub fn new(want: Symmetric, relative: bool) -> Self {
        let divisor = if relative {
            sum(want.lanes(), |lanes| energy(&lanes.0)).max(LEAST_ENERGY)
        } else {
            (want.channels() * want.channels()) as f64
        };
        Self { want, divisor }
    }

    /// The distance of the features' Gram matrix, and the matrix S with which S F is its gradient, times `weight`.
    pub fn distance(&self, form: Form, features: &Activations, weight: f64) -> (f64, Symmetric) {
        let mut matrix = normalised_gram(form, features);
        let factor = (4.0 * weight / (self.divisor * count(features))) as f32;
        let chunks = matrix.lanes_mut().par_chunks_mut(CHUNK).zip(self.want.lanes().par_chunks(CHUNK));
        let distances: Vec<f64> = chunks
            .map(|(chunk, want)| {
                let mut distance = 0.0;
                for (lanes, want) in chunk.iter_mut().zip(want) {
                    let difference = difference(lanes, want);
                    distance += energy(&difference);
                    lanes.0 = difference.map(|number| number * factor);
                }
                distance
            })
            .collect();
        (distances.iter().sum::<f64>() / self.divisor, matrix)
    }
}

/// F F^T / (c h w).
pub(super) fn normalised_gram(form: Form, features: &Activations) -> Symmetric {
    let mut matrix = Symmetric::gram(form, features);
    scale(&mut matrix, (1.0 / count(features)) as f32);
    matrix
}

/// The matrix times a number.
fn scale(matrix: &mut Symmetric, factor: f32) {
    matrix.lanes_mut().iter_mut().for_each(|lanes| lanes.0.iter_mut().for_each(|number| *number *= factor));
}

/// Adds a part of one matrix to another.
pub(super) fn add_part(sum: &mut Symmetric, part: f64, of: &Symmetric) {
    for (sum, more) in sum.lanes_mut().iter_mut().zip(of.lanes()) {
        for (sum, more) in sum.0.iter_mut().zip(more.0) {
            *sum += part as f32 * more;
        }
    }
}

fn count(of: &Activations) -> f64 {
    (of.shape().channels * of.shape().pixels()) as f64
}

fn sum(lanes: &[Lanes], of_each: impl Fn(&Lanes) -> f64 + Sync) -> f64 {
    let sums: Vec<f64> = lanes.par_chunks(CHUNK).map(|chunk| chunk.iter().map(&of_each).sum()).collect();
    sums.iter().sum()
}

fn difference(have: &Lanes, want: &Lanes) -> [f32; LANES] {
    std::array::from_fn(|lane| have.0[lane] - want.0[lane])
}

fn energy(numbers: &[f32; LANES]) -> f64 {
    f64::from(numbers.iter().map(|number| number * number).sum::<f32>())
}
