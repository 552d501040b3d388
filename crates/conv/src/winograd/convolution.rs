//! A convolution's weights, transformed once.

use rayon::prelude::*;

use super::transform::{POINTS, of_kernel};
use crate::{LANES, Lanes, kernels::TAPS, lines::blocks_of, shared::Shared};

/// A 3x3 convolution of stride 1 and zero padding 1, its weights transformed.
pub struct Convolution {
    pub(crate) in_channels: usize,
    pub(crate) out_channels: usize,
    /// (point, block of output channels, input channel, 16 output channels).
    pub(crate) weights: Vec<Lanes>,
    /// (block of output channels).
    pub(crate) bias: Vec<Lanes>,
}

impl Convolution {
    /// From a kernel (out, in, 3, 3) and a bias for each output channel.
    ///
    /// # Panics
    /// When there are not as many numbers as the channels say.
    pub fn new(in_channels: usize, out_channels: usize, kernel: &[f32], bias: &[f32]) -> Self {
        assert_eq!(kernel.len(), out_channels * in_channels * TAPS, "a kernel of (out, in, 3, 3) numbers");
        assert_eq!(bias.len(), out_channels, "a bias for each output channel");
        let blocks = out_channels.div_ceil(LANES);
        let mut weights = vec![Lanes::ZERO; POINTS * blocks * in_channels];
        let places = Shared::new(&mut weights);
        (0..blocks * in_channels).into_par_iter().for_each(|place| {
            let (block, input) = (place / in_channels, place % in_channels);
            for output in block * LANES..out_channels.min((block + 1) * LANES) {
                let taps = &kernel[(output * in_channels + input) * TAPS..][..TAPS];
                for (point, value) in of_kernel(taps).into_iter().enumerate() {
                    let index = point * blocks * in_channels + place;
                    // SAFETY: every (block, input) has places of its own.
                    let lanes = unsafe { places.part(index..index + 1) };
                    lanes[0].0[output % LANES] = value;
                }
            }
        });
        Self { in_channels, out_channels, weights, bias: blocks_of(bias) }
    }
}
