//! Gram matrices, and products with them.

use rayon::prelude::*;

use super::product::Product;
use crate::{
    Activations, Form, LANES, Lanes, Symmetric, form::Work, lines::blocks_of, scratch::Scratch, shared::Shared,
    simd::Simd,
};

/// Pixels whose features stay in the cache while all pairs of channels are multiplied.
const CHUNK: usize = 256;
/// Strips that an image is split into at the most, each with a sum of its own.
const MOST_STRIPS: usize = 64;
/// Lanes that all strips' sums may fill.
const SUMS: usize = (16 << 20) / size_of::<Lanes>();

/// F F^T of features F (channels, pixels).
pub(super) fn gram(form: Form, scratch: &Scratch<Lanes>, features: &Activations) -> Symmetric {
    let shape = features.shape();
    let (blocks, pixels) = (shape.blocks(), shape.pixels());
    let size = blocks * blocks * LANES;
    // The number of strips depends on the shape alone, and so do the sums.
    let strips = (pixels / CHUNK).clamp(1, MOST_STRIPS.min((SUMS / size).max(1)));
    scratch.lend(strips * size, |sums| {
        sums.par_chunks_exact_mut(size).enumerate().for_each(|(strip, sums)| {
            sums.fill(Lanes::ZERO);
            let range = pixels * strip / strips..pixels * (strip + 1) / strips;
            form.run(Strip { features, blocks, pixels: range, sums });
        });
        Symmetric::sum(shape.channels, blocks * LANES, sums)
    })
}

struct Strip<'a> {
    features: &'a Activations,
    blocks: usize,
    pixels: std::ops::Range<usize>,
    /// (block of columns, block of rows, row, 16 columns), of which only columns from the block of rows on are computed.
    sums: &'a mut [Lanes],
}

impl Work for Strip<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let pixels = self.features.shape().pixels();
        let mut start = self.pixels.start;
        while start < self.pixels.end {
            let k = CHUNK.min(self.pixels.end - start);
            for block in 0..self.blocks {
                let columns = self.blocks - block;
                let features = &self.features.lines()[block * pixels + start..];
                let sums = &mut self.sums[(block * self.blocks + block) * LANES..];
                // The last block of columns is within the features, and within the sums.
                assert!((columns - 1) * pixels + k <= features.len());
                assert!((columns - 1) * self.blocks * LANES + LANES <= sums.len());
                let product = Product {
                    a: features.as_ptr().cast(),
                    a_jump: LANES * LANES,
                    b: features.as_ptr(),
                    b_jump: pixels,
                    c: sums.as_mut_ptr(),
                    c_jump: self.blocks * LANES,
                    k,
                };
                // SAFETY: A's rows are the 16 channels of `k` pixels of the first block, B's columns those of each block,
                // both within the features; C has 16 rows of each of those blocks.
                unsafe { simd.gram_product(product, columns) };
            }
            start += k;
        }
    }
}

/// Pixels that a thread takes at once.
const PIXELS_AT_ONCE: usize = 14 * 16;

/// S F + b of a symmetric matrix S, features F (channels, pixels) and a bias b for each channel, into `output` of F's shape.
///
/// # Panics
/// When the matrix, the bias or the output does not have the size that belongs to the features.
pub(super) fn mix(
    form: Form,
    matrix: &Symmetric,
    bias: Option<&[f32]>,
    features: &Activations,
    output: &mut Activations,
) {
    let shape = features.shape();
    assert_eq!(output.shape(), shape, "the shape of the output");
    assert_eq!(matrix.channels(), shape.channels, "the channels of the matrix");
    let bias = bias.map(|bias| {
        assert_eq!(bias.len(), shape.channels, "the channels of the bias");
        blocks_of(bias)
    });
    let pixels = shape.pixels();
    let output = Shared::new(output.lines_mut());
    (0..pixels.div_ceil(PIXELS_AT_ONCE)).into_par_iter().for_each(|part| {
        let range = part * PIXELS_AT_ONCE..pixels.min((part + 1) * PIXELS_AT_ONCE);
        form.run(Mix { features, matrix: matrix.lanes(), bias: bias.as_deref(), pixels: range, output: &output });
    });
}

struct Mix<'a> {
    features: &'a Activations,
    matrix: &'a [Lanes],
    /// (block of channels).
    bias: Option<&'a [Lanes]>,
    pixels: std::ops::Range<usize>,
    output: &'a Shared<'a, Lanes>,
}

impl Work for Mix<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let shape = self.features.shape();
        let mut pixel = self.pixels.start;
        while pixel < self.pixels.end {
            let whole = self.pixels.end - pixel >= S::ROWS;
            let rows = if whole { S::ROWS } else { 1 };
            let last = (shape.blocks() - 1) * shape.pixels() + pixel + rows - 1;
            assert!(last < self.features.lines().len());
            self.output.place(last);
            // SAFETY: these rows of every block are this call's alone: parts of the image do not overlap. The last of them is
            // within A and C, as was just seen; B has as many rows as there are channels.
            unsafe {
                let product = Product {
                    a: self.features.lines().as_ptr().add(pixel).cast(),
                    a_jump: shape.pixels() * LANES,
                    b: self.matrix.as_ptr(),
                    b_jump: shape.blocks() * LANES,
                    c: self.output.place(pixel),
                    c_jump: shape.pixels(),
                    k: shape.channels,
                };
                if whole {
                    simd.panel_product(product, shape.blocks());
                } else {
                    simd.row_product(product, shape.blocks());
                }
            }
            // While the products are still in the cache.
            for (block, bias) in self.bias.unwrap_or_default().iter().enumerate() {
                let bias = simd.load(bias);
                let first = block * shape.pixels() + pixel;
                // SAFETY: these rows of every block are this call's alone.
                for lanes in unsafe { self.output.part(first..first + rows) } {
                    simd.store(simd.add(simd.load(lanes), bias), lanes);
                }
            }
            pixel += rows;
        }
    }
}
