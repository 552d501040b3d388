//! The content and style terms on the kernels' layout, with their gradients. The formulas are those of
//! [`super::super::losses`].

use impasto_conv::{Activations, Kernels, LANES, Line, Symmetric};
use rayon::prelude::*;

use super::super::losses::LEAST_ENERGY;

/// Lines that are summed up together: the sums are those of the chunks in order, whatever number of threads adds them up.
const CHUNK: usize = 4096;

/// Features to be held against.
pub(super) struct ContentTarget<L> {
    want: Activations<L>,
    /// What the squared differences are divided by: their number, or the target's energy.
    divisor: f64,
}

impl<L: Line> ContentTarget<L> {
    pub fn new(want: Activations<L>, relative: bool) -> Self {
        let divisor = if relative { total_energy(want.lines()).max(LEAST_ENERGY) } else { count(&want) };
        Self { want, divisor }
    }

    pub fn distance(&self, have: &Activations<L>) -> f64 {
        let chunks = have.lines().par_chunks(CHUNK).zip(self.want.lines().par_chunks(CHUNK));
        let distances: Vec<f64> = chunks
            .map(|(have, want)| {
                let pairs = have.iter().zip(want);
                let energies = pairs.flat_map(|(have, want)| differences(have, want)).map(|part| energy(&part));
                energies.sum()
            })
            .collect();
        distances.iter().sum::<f64>() / self.divisor
    }

    /// Adds the distance's gradient, times `weight`, to `gradient`.
    pub fn add_gradient(&self, have: &Activations<L>, weight: f64, gradient: &mut Activations<L>) {
        let factor = (2.0 * weight / self.divisor) as f32;
        let chunks = gradient.lines_mut().par_chunks_mut(CHUNK);
        chunks.zip(have.lines().par_chunks(CHUNK)).zip(self.want.lines().par_chunks(CHUNK)).for_each(
            |((gradient, have), want)| {
                for ((gradient, have), want) in gradient.iter_mut().zip(have).zip(want) {
                    for (part, difference) in differences(have, want).enumerate() {
                        let own = gradient.part(part);
                        gradient.set_part(part, std::array::from_fn(|lane| own[lane] + factor * difference[lane]));
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
            total_energy(want.lanes()).max(LEAST_ENERGY)
        } else {
            (want.channels() * want.channels()) as f64
        };
        Self { want, divisor }
    }

    /// The distance of the features' Gram matrix, and the matrix S with which S F is its gradient, times `weight`.
    pub fn distance<K: Kernels>(&self, kernels: &K, features: &Activations<K::Line>, weight: f64) -> (f64, Symmetric) {
        let mut matrix = normalised_gram(kernels, features);
        let factor = (4.0 * weight / (self.divisor * count(features))) as f32;
        let chunks = matrix.lanes_mut().par_chunks_mut(CHUNK).zip(self.want.lanes().par_chunks(CHUNK));
        let distances: Vec<f64> = chunks
            .map(|(chunk, want)| {
                let mut distance = 0.0;
                for (lanes, want) in chunk.iter_mut().zip(want) {
                    let difference = difference(&lanes.0, &want.0);
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
pub(super) fn normalised_gram<K: Kernels>(kernels: &K, features: &Activations<K::Line>) -> Symmetric {
    let mut matrix = kernels.gram(features);
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

fn count<L: Line>(of: &Activations<L>) -> f64 {
    (of.shape().channels * of.shape().pixels()) as f64
}

fn total_energy<L: Line>(lines: &[L]) -> f64 {
    let of_line = |line: &L| (0..L::PARTS).map(|part| energy(&line.part(part))).sum::<f64>();
    let sums: Vec<f64> = lines.par_chunks(CHUNK).map(|chunk| chunk.iter().map(of_line).sum()).collect();
    sums.iter().sum()
}

fn differences<L: Line>(have: &L, want: &L) -> impl Iterator<Item = [f32; LANES]> {
    (0..L::PARTS).map(|part| difference(&have.part(part), &want.part(part)))
}

fn difference(have: &[f32; LANES], want: &[f32; LANES]) -> [f32; LANES] {
    std::array::from_fn(|lane| have[lane] - want[lane])
}

fn energy(numbers: &[f32; LANES]) -> f64 {
    f64::from(numbers.iter().map(|number| number * number).sum::<f32>())
}
