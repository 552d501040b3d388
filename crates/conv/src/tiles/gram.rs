//! Gram matrices, and products with them.

use rayon::prelude::*;

use super::{
    Tiles,
    product::{Product, ROWS, STEP, Start},
    run::{here, run},
    weights::Weights,
};
use crate::{
    Activations, Halves, LANES, Lanes, Line, Shape, Symmetric,
    form::Work,
    lines::{Bordered, InRegisters},
    shared::Shared,
    simd::Simd,
    sink::{Sink, lines},
};

/// Pixels along k in a step.
const DEPTH: usize = 2 * LANES;
/// Steps whose tiles stay in the cache while all pairs of channels are multiplied.
const CHUNK: usize = 8;
/// Strips that an image is split into at the most, each with a sum of its own.
const MOST_STRIPS: usize = 16;
/// Lanes that all strips' sums may fill.
const SUMS: usize = (8 << 20) / size_of::<Lanes>();

/// F F^T of features F (channels, pixels).
pub(super) fn gram(tiles: &Tiles, features: &Activations<Halves>) -> Symmetric {
    let shape = features.shape();
    // The border is 0, and adds nothing.
    let lines = shape.height * Bordered::of(shape).stride;
    let steps = lines.div_ceil(DEPTH);
    let (groups, rows) = (shape.pairs(), shape.pairs() * ROWS);
    let size = rows * rows / LANES;
    // The number of strips depends on the shape alone, and so do the sums.
    let most = (steps / CHUNK).clamp(1, MOST_STRIPS.min((SUMS / size).max(1)));
    // A power of two, as the number of threads most often is: then all of them end at once.
    let strips = 1 << most.ilog2();
    tiles.sums.lend(strips * size, |sums| {
        sums.par_chunks_exact_mut(size).enumerate().for_each(|(strip, sums)| {
            sums.fill(Lanes::ZERO);
            tiles.factors.lend(2 * groups * CHUNK * STEP, |factors| {
                let (a, b) = factors.split_at_mut(groups * CHUNK * STEP);
                let steps = steps * strip / strips..steps * (strip + 1) / strips;
                let strip = Strip { tiles, features, lines, steps, a, b, sums };
                tiles.run(strip);
            });
        });
        Symmetric::sum(shape.channels, rows, sums)
    })
}

struct Strip<'a> {
    tiles: &'a Tiles,
    features: &'a Activations<Halves>,
    /// From an image's first pixel to its last.
    lines: usize,
    steps: std::ops::Range<usize>,
    /// (32 channels, step, 32 channels, 32 pixels).
    a: &'a mut [Halves],
    /// (32 channels, step, tile, pair of pixels, 16 channels, one of the pair).
    b: &'a mut [Halves],
    /// As [`Symmetric`] has them.
    sums: &'a mut [Lanes],
}

impl Work for Strip<'_> {
    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        let groups = self.features.shape().pairs();
        let rows = groups * ROWS;
        for chunk in self.steps.clone().step_by(CHUNK) {
            let steps = CHUNK.min(self.steps.end - chunk);
            for group in 0..groups {
                (0..steps).for_each(|step| self.lay_out(simd, group, chunk, step));
            }
            let offsets: [isize; CHUNK] = std::array::from_fn(|step| (step * STEP * size_of::<Halves>()) as isize);
            for row in 0..groups {
                let a = self.a[row * CHUNK * STEP..][..CHUNK * STEP].as_ptr();
                for column in row..groups {
                    let c = &mut self.sums[2 * column * rows + row * ROWS..][..rows + ROWS];
                    let product = Product {
                        a: [a, a.wrapping_add(LANES)],
                        steps: &offsets[..steps],
                        b: self.b[column * CHUNK * STEP..][..CHUNK * STEP].as_ptr(),
                        start: Start::Itself,
                        c: c.as_mut_ptr(),
                        c_jump: rows,
                    };
                    // SAFETY: A and B have a chunk's lines each, C 32 rows of two blocks of columns: all three slices were just
                    // cut to that. Tiles are configured where there are any.
                    unsafe { self.tiles.multiply(simd, &product) };
                }
            }
        }
    }
}

impl Strip<'_> {
    /// Makes the tiles of A and B of 32 channels and 32 pixels.
    #[inline(always)]
    fn lay_out<S: Simd>(&mut self, simd: S, group: usize, chunk: usize, step: usize) {
        let shape = self.features.shape();
        let first = (chunk + step) * DEPTH;
        let start = Halves::place(shape, 2 * group, 0, 0).line + first;
        let mut within = [Halves::ZERO; DEPTH];
        let pixels = match self.features.lines()[start..].first_chunk::<DEPTH>() {
            Some(pixels) if first + DEPTH <= self.lines => pixels,
            _ => {
                let left = self.lines - first;
                within[..left].copy_from_slice(&self.features.lines()[start..][..left]);
                &within
            }
        };
        let place = (group * CHUNK + step) * STEP;
        let (a, _) = self.a[place..][..STEP].as_chunks_mut::<LANES>();
        let (b, _) = self.b[place..][..STEP].as_chunks_mut::<LANES>();
        for (tile, (a, b)) in a.iter_mut().zip(b).enumerate() {
            for (line, pixels) in b.iter_mut().zip(pixels.chunks_exact(2)) {
                simd.paired(&pixels[0].0[tile], &pixels[1].0[tile], line);
            }
            simd.transposed(b, a);
        }
    }
}

/// S F + b of a symmetric matrix S, features F (channels, pixels) and a bias b for each channel, into `output` of F's shape.
pub(super) fn mix(
    tiles: &Tiles,
    matrix: &Symmetric,
    bias: Option<&[f32]>,
    features: &Activations<Halves>,
    output: &mut Activations<Halves>,
) {
    let shape = features.shape();
    assert_eq!(output.shape(), shape, "the shape of the output");
    assert_eq!(matrix.channels(), shape.channels, "the channels of the matrix");
    assert!(bias.is_none_or(|bias| bias.len() == shape.channels), "the channels of the bias");
    let weights = Weights::of_matrix(matrix, bias.unwrap_or_default());
    let sink = Mixed { shape, output: Shared::new(output.lines_mut()) };
    run(tiles, &weights, &here(shape), features, shape.channels, &sink);
}

struct Mixed<'a> {
    shape: Shape,
    output: Shared<'a, Halves>,
}

impl Sink for Mixed<'_> {
    #[inline(always)]
    fn pixels<S: Simd>(
        &self,
        simd: S,
        block: usize,
        row: usize,
        column: usize,
        values: impl ExactSizeIterator<Item = S::V>,
    ) {
        let place = Halves::place(self.shape, block, row, column);
        // SAFETY: every block and pixel is put once, and by one thread all that share a line.
        let to = unsafe { lines(&self.output, place, values.len()) };
        for (line, values) in to.iter_mut().zip(values) {
            line.store(simd, place.part, values);
        }
    }
}
