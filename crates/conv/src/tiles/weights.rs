//! Weights as the tiles of B.

use half::bf16;
use rayon::prelude::*;

use super::product::{COLUMNS, STEP};
use crate::{
    Halves, LANES, Lanes, Line, Symmetric,
    kernels::TAPS,
    lines::{blocks_of, rounded},
};

/// A 3x3 convolution of stride 1 and zero padding 1, its weights in bf16.
pub struct Convolution {
    pub(super) in_channels: usize,
    pub(super) out_channels: usize,
    pub(super) weights: Weights,
}

impl Convolution {
    pub(super) fn new(in_channels: usize, out_channels: usize, kernel: &[f32], bias: &[f32]) -> Self {
        assert_eq!(kernel.len(), out_channels * in_channels * TAPS, "a kernel of (out, in, 3, 3) numbers");
        assert_eq!(bias.len(), out_channels, "a bias for each output channel");
        let weight = |tap: usize, input: usize, output: usize| kernel[(output * in_channels + input) * TAPS + tap];
        Self { in_channels, out_channels, weights: Weights::new(TAPS, in_channels, out_channels, bias, weight) }
    }
}

/// Factors that pixels' channels are multiplied with, for one or several taps.
pub(super) struct Weights {
    /// (32 output channels, 32 input channels, tap, 16 output channels of them, pair of input channels, output channel, one of
    /// the pair).
    pub lines: Vec<Halves>,
    /// (32 output channels).
    pub bias: Vec<[Lanes; 2]>,
    /// Steps that the 32 output channels of a group take.
    pub steps: usize,
}

impl Weights {
    /// From the weight at every (tap, input channel, output channel), and the biases, those left out being 0.
    pub fn new(
        taps: usize,
        inputs: usize,
        outputs: usize,
        bias: &[f32],
        weight: impl Fn(usize, usize, usize) -> f32 + Sync,
    ) -> Self {
        let (groups, steps) = (outputs.div_ceil(COLUMNS), inputs.div_ceil(2 * LANES) * taps);
        let mut lines = vec![Halves::ZERO; groups * steps * STEP];
        lines.par_chunks_exact_mut(STEP).enumerate().for_each(|(place, tiles)| {
            let (group, step) = (place / steps, place % steps);
            let (first, tap) = (step / taps * 2 * LANES, step % taps);
            for (row, line) in tiles.iter_mut().enumerate() {
                let output = group * COLUMNS + row / LANES * LANES;
                let input = first + row % LANES * 2;
                for (place, number) in line.0.as_flattened_mut().iter_mut().enumerate() {
                    let (input, output) = (input + place % 2, output + place / 2);
                    let inside = input < inputs && output < outputs;
                    *number = if inside { rounded(weight(tap, input, output)) } else { bf16::ZERO };
                }
            }
        });
        Self { lines, bias: pairs_of_blocks(bias, groups), steps }
    }

    /// The product with a symmetric matrix, and what is added to it, the biases left out being 0.
    pub fn of_matrix(matrix: &Symmetric, bias: &[f32]) -> Self {
        let (rows, groups) = (matrix.rows(), matrix.channels().div_ceil(COLUMNS));
        let mut lines = vec![Halves::ZERO; groups * groups * STEP];
        lines.par_chunks_exact_mut(LANES).enumerate().for_each(|(place, tile)| {
            let (group, step, half) = (place / 2 / groups, place / 2 % groups, place % 2);
            let column = matrix.lanes().chunks_exact(rows).nth(2 * group + half).unwrap_or_default();
            let pairs = column.chunks_exact(2).skip(step * LANES);
            for (line, pair) in tile.iter_mut().zip(pairs) {
                for (number, lane) in line.0.as_flattened_mut().chunks_exact_mut(2).zip(0..LANES) {
                    (number[0], number[1]) = (rounded(pair[0].0[lane]), rounded(pair[1].0[lane]));
                }
            }
        });
        Self { lines, bias: pairs_of_blocks(bias, groups), steps: groups }
    }

    /// The tiles of a group of 32 output channels.
    pub fn group(&self, group: usize) -> &[Halves] {
        &self.lines[group * self.steps * STEP..][..self.steps * STEP]
    }
}

/// Biases in so many groups of 32 channels, those left out being 0.
fn pairs_of_blocks(bias: &[f32], groups: usize) -> Vec<[Lanes; 2]> {
    let mut pairs = vec![[Lanes::ZERO; 2]; groups];
    for (lanes, block) in pairs.as_flattened_mut().iter_mut().zip(blocks_of(bias)) {
        *lanes = block;
    }
    pairs
}
