//! How images are shared out to tiles and threads.

use rayon::prelude::*;

use super::{
    Tiles,
    product::{Product, ROWS, Start},
    weights::Weights,
};
use crate::{
    Activations, Halves, LANES, Lanes, Line, Shape, form::Work, kernels::TAPS, lines::Bordered, simd::Simd, sink::Sink,
};

/// Bytes of input that stay in a core's second cache while all output channels are computed of them: a quarter of the 2 MiB
/// of the CPUs that have AMX, as the weights of 32 output channels take up to 300 KiB.
const STRIP: usize = 512 << 10;
/// Pieces of work for every thread at the least, so that none waits long for the others.
const PIECES: usize = 4;

/// For every pair of blocks and every tap of a 3x3 kernel, how many bytes further on than a pixel its input begins.
pub(super) fn around(shape: Shape) -> Vec<isize> {
    let stride = Bordered::of(shape).stride;
    let taps = move |tap: usize| ((tap / 3 * stride + tap % 3) as isize) - stride as isize - 1;
    steps(shape, TAPS, taps)
}

/// For every pair of blocks, how many bytes further on a pixel's input begins.
pub(super) fn here(shape: Shape) -> Vec<isize> {
    steps(shape, 1, |_| 0)
}

fn steps(shape: Shape, taps: usize, lines: impl Fn(usize) -> isize) -> Vec<isize> {
    let plane = Bordered::of(shape).plane;
    let of_pair = |pair: usize| (0..taps).map(move |tap| (pair, tap));
    let all = (0..shape.pairs()).flat_map(of_pair);
    all.map(|(pair, tap)| ((pair * plane) as isize + lines(tap)) * size_of::<Halves>() as isize).collect()
}

/// Multiplies what lies at `steps` from every pixel of the input with the weights, and hands the products to the sink.
pub(super) fn run(
    tiles: &Tiles,
    weights: &Weights,
    steps: &[isize],
    input: &Activations<Halves>,
    out_channels: usize,
    sink: &impl Sink,
) {
    let shape = input.shape();
    assert_eq!(steps.len(), weights.steps, "channels of the input");
    let spans = Spans::over(shape, sink.pools());
    let groups = weights.bias.len();
    let fitting = STRIP / (shape.pairs() * ROWS * size_of::<Halves>());
    let fair = (spans.count * groups).div_ceil(PIECES * rayon::current_num_threads());
    let strip = fitting.min(fair).max(1);
    let pieces = spans.count.div_ceil(strip) * groups;
    (0..pieces).into_par_iter().for_each(|piece| {
        let (first, group) = (piece / groups * strip, piece % groups);
        let piece = Piece {
            tiles,
            weights,
            steps,
            lines: input.lines(),
            spans,
            first,
            last: spans.count.min(first + strip),
            group,
            blocks: out_channels.div_ceil(LANES),
            sink,
        };
        tiles.run(piece);
    });
}

/// The pixels of an image in spans of 32, 16 of them side by side, and other 16 of them.
#[derive(Clone, Copy)]
struct Spans {
    shape: Shape,
    stride: usize,
    /// Spans across two rows, of which each has 16 pixels one below the other; if there are none, spans go on from pixel to
    /// pixel and row to row, borders included.
    across: Option<usize>,
    count: usize,
}

impl Spans {
    fn over(shape: Shape, two_rows: bool) -> Self {
        let Shape { height, width, .. } = shape;
        let stride = Bordered::of(shape).stride;
        let across = two_rows.then_some(width.div_ceil(LANES));
        let count = across.map_or((height * stride).div_ceil(ROWS), |across| across * height.div_ceil(2));
        Self { shape, stride, across, count }
    }

    /// Row and column of the first pixel of either half.
    #[inline(always)]
    fn halves(self, span: usize) -> [(usize, usize); 2] {
        match self.across {
            Some(across) => {
                let (row, column) = (span / across * 2, span % across * LANES);
                [(row, column), (row + 1, column)]
            }
            None => [span * ROWS, span * ROWS + LANES].map(|pixel| (pixel / self.stride, pixel % self.stride)),
        }
    }
}

/// 32 output channels of some spans.
struct Piece<'a, K> {
    tiles: &'a Tiles,
    weights: &'a Weights,
    steps: &'a [isize],
    lines: &'a [Halves],
    spans: Spans,
    first: usize,
    last: usize,
    group: usize,
    /// Of output channels, of all groups together.
    blocks: usize,
    sink: &'a K,
}

impl<K: Sink> Work for Piece<'_, K> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let mut products = [[Lanes::ZERO; ROWS]; 2];
        for span in self.first..self.last {
            let halves = self.spans.halves(span);
            self.multiply(simd, halves, &mut products);
            for (part, products) in products.iter().enumerate() {
                let block = 2 * self.group + part;
                if block < self.blocks {
                    self.put(simd, block, halves, products);
                }
            }
        }
    }
}

impl<K: Sink> Piece<'_, K> {
    #[inline(always)]
    fn multiply<S: Simd>(&self, simd: S, halves: [(usize, usize); 2], products: &mut [[Lanes; ROWS]; 2]) {
        let a = halves.map(|(row, column)| {
            let line = Halves::place(self.spans.shape, 0, row, column).line;
            // The steps lead at most a row and a pixel back, and a row and 16 pixels further, and to other pairs of blocks.
            assert!(line > self.spans.stride);
            assert!(line + self.spans.stride + 1 + LANES <= Bordered::of(self.spans.shape).plane);
            assert!(line < self.lines.len());
            // Of all the lines, for the steps lead back as well.
            self.lines.as_ptr().wrapping_add(line)
        });
        let product = Product {
            a,
            steps: self.steps,
            b: self.weights.group(self.group).as_ptr(),
            start: Start::Row(&self.weights.bias[self.group]),
            c: products.as_flattened_mut().as_mut_ptr(),
            c_jump: ROWS,
        };
        // SAFETY: A's rows are lines of the activations: of the first pair of blocks by what was just asserted, and of the others
        // because all lie alike. B has as many tiles as there are steps, as `run` has seen, and C 64 lanes. Tiles are
        // configured where there are any.
        unsafe { self.tiles.multiply(simd, &product) };
    }

    /// Hands the sink what lies within the image.
    #[inline(always)]
    fn put<S: Simd>(&self, simd: S, block: usize, halves: [(usize, usize); 2], products: &[Lanes; ROWS]) {
        let Shape { height, width, .. } = self.spans.shape;
        for (mut products, (mut row, mut column)) in products.chunks_exact(LANES).zip(halves) {
            while row < height && !products.is_empty() {
                let within = products.iter().take(width.saturating_sub(column));
                self.sink.pixels(simd, block, row, column, within.map(|product| simd.load(product)));
                if self.spans.across.is_some() {
                    break;
                }
                // Beyond the row's last pixel there is one of the border.
                products = products.get(self.spans.stride - column..).unwrap_or_default();
                (row, column) = (row + 1, 0);
            }
        }
        if self.sink.pools() {
            let (row, column) = halves[0];
            let (upper, lower) = products.split_at(LANES);
            if row + 1 >= height {
                return;
            }
            let windows = upper.as_chunks::<2>().0.iter().zip(lower.as_chunks::<2>().0).take((width - column) / 2);
            let corners = windows.map(|([a, b], [c, d])| [a, b, c, d].map(|corner| simd.load(corner)));
            self.sink.windows(simd, block, row / 2, column / 2, corners);
        }
    }
}
