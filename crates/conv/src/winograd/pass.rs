//! The three steps of a convolution: transform patches of the input, multiply, transform back.

use std::ops::Range;

use rayon::prelude::*;

use super::{
    Convolution, Product,
    run::Input,
    transform::{PATCH, POINTS, TILE, of_inputs, of_products},
};
use crate::{Form, LANES, Lanes, Shape, form::Work, shared::Shared, simd::Simd, sink::Sink};

/// Blocks of output channels whose weights stay in the cache while all panels are multiplied with them.
const COLUMN_GROUP: usize = 8;

/// A tile's place among the tiles.
#[derive(Clone, Copy)]
struct Tile {
    row: usize,
    column: usize,
}

/// The tiles that cover an image, row by row.
#[derive(Clone, Copy)]
pub(super) struct Tiles {
    pub across: usize,
    pub all: usize,
}

impl Tiles {
    #[inline(always)]
    fn place(self, number: usize) -> Tile {
        Tile { row: number / self.across, column: number % self.across }
    }
}

/// How the scratch memory is laid out. Inputs are (point, panel, block, row), products the same; a row is a tile.
#[derive(Clone, Copy)]
pub(super) struct Extent {
    in_blocks: usize,
    out_blocks: usize,
    rows: usize,
    /// Lanes from one point's inputs to the next's: not a power of two, lest they all fall on the same lines of the cache.
    pub input_jump: usize,
    /// The same of the products.
    product_jump: usize,
}

impl Extent {
    pub fn new(form: Form, shape: Shape, convolution: &Convolution, panels: usize) -> Self {
        let (in_blocks, out_blocks, rows) = (shape.blocks(), convolution.bias.len(), form.rows());
        let jump = |blocks: usize| panels * blocks * rows + 1;
        Self { in_blocks, out_blocks, rows, input_jump: jump(in_blocks), product_jump: jump(out_blocks) }
    }

    /// Lanes of scratch memory.
    pub fn scratch(self) -> usize {
        POINTS * (self.input_jump + self.product_jump)
    }
}

/// A convolution of a part of the image.
pub(super) struct Pass<'a, K> {
    pub convolution: &'a Convolution,
    pub input: &'a Input<'a>,
    pub sink: &'a K,
    pub tiles: Tiles,
    /// The part: each panel has as many tiles as the form has rows.
    pub panels: Range<usize>,
    pub extent: Extent,
    pub inputs: Shared<'a, Lanes>,
    pub products: Shared<'a, Lanes>,
}

/// A part, from beginning to end, by one thread.
pub(super) struct All<'a, 'b, K>(pub &'a Pass<'b, K>);
struct Gather<'a, 'b, K>(&'a Pass<'b, K>, usize);
struct Multiply<'a, 'b, K>(&'a Pass<'b, K>, usize);
struct Scatter<'a, 'b, K>(&'a Pass<'b, K>, usize);

impl<K: Sink> Work for All<'_, '_, K> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        self.0.own_tiles().for_each(|tile| self.0.gather(simd, tile));
        (0..self.0.multiplications()).for_each(|number| self.0.multiply(simd, number));
        self.0.own_tiles().for_each(|tile| self.0.scatter(simd, tile));
    }
}

impl<K: Sink> Work for Gather<'_, '_, K> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        self.0.gather(simd, self.1);
    }
}

impl<K: Sink> Work for Multiply<'_, '_, K> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        self.0.multiply(simd, self.1);
    }
}

impl<K: Sink> Work for Scatter<'_, '_, K> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        self.0.scatter(simd, self.1);
    }
}

impl<K: Sink> Pass<'_, K> {
    /// The part, step by step, by all threads.
    pub fn together(&self, form: Form) {
        self.own_tiles().into_par_iter().for_each(|tile| form.run(Gather(self, tile)));
        (0..self.multiplications()).into_par_iter().for_each(|number| form.run(Multiply(self, number)));
        self.own_tiles().into_par_iter().for_each(|tile| form.run(Scatter(self, tile)));
    }

    fn own_tiles(&self) -> Range<usize> {
        self.panels.start * self.extent.rows..self.tiles.all.min(self.panels.end * self.extent.rows)
    }

    fn multiplications(&self) -> usize {
        POINTS * self.extent.out_blocks.div_ceil(COLUMN_GROUP)
    }

    /// A tile's place in the scratch memory of `blocks` blocks of channels, at the first point.
    #[inline(always)]
    fn place(&self, tile: usize, blocks: usize, block: usize) -> usize {
        let rows = self.extent.rows;
        let row = tile - self.panels.start * rows;
        (row / rows * blocks + block) * rows + row % rows
    }

    #[inline(always)]
    #[allow(clippy::needless_range_loop, reason = "columns of a matrix of rows")]
    fn gather<S: Simd>(&self, simd: S, number: usize) {
        let tile = self.tiles.place(number);
        for block in 0..self.extent.in_blocks {
            let mut half = [[simd.splat(0.0); PATCH]; PATCH];
            let patch = self.patch(simd, block, tile);
            for row in 0..PATCH {
                half[row] = of_inputs(simd, patch[row]);
            }
            let place = self.place(number, self.extent.in_blocks, block);
            for column in 0..PATCH {
                let across = [
                    half[0][column],
                    half[1][column],
                    half[2][column],
                    half[3][column],
                    half[4][column],
                    half[5][column],
                ];
                for (row, value) in of_inputs(simd, across).into_iter().enumerate() {
                    let index = (row * PATCH + column) * self.extent.input_jump + place;
                    // SAFETY: every tile and block has places of its own, and nobody reads them before all are written.
                    let lanes = unsafe { self.inputs.part(index..index + 1) };
                    simd.store(value, &mut lanes[0]);
                }
            }
        }
    }

    /// The 6x6 inputs that a tile's outputs come of, from one above and left of the tile on; zeros outside the image.
    #[inline(always)]
    fn patch<S: Simd>(&self, simd: S, block: usize, tile: Tile) -> [[S::V; PATCH]; PATCH] {
        let Shape { height, width, .. } = self.input.activations.shape();
        let plane = &self.input.activations.lines()[block * height * width..][..height * width];
        let zero = simd.splat(0.0);
        let mut patch = [[zero; PATCH]; PATCH];
        let (top, left) = (tile.row * TILE, tile.column * TILE);
        let within = top >= 1 && left >= 1 && top + PATCH - 1 <= height && left + PATCH - 1 <= width;
        if within {
            for (row, line) in patch.iter_mut().enumerate() {
                let from = &plane[(top + row - 1) * width + left - 1..][..PATCH];
                for (value, lanes) in line.iter_mut().zip(from) {
                    *value = simd.load(lanes);
                }
            }
        } else {
            for (row, line) in patch.iter_mut().enumerate() {
                for (column, value) in line.iter_mut().enumerate() {
                    // One more than the row and column: 0 is above or left of the image.
                    let (y, x) = (top + row, left + column);
                    if y >= 1 && x >= 1 && y <= height && x <= width {
                        *value = simd.load(&plane[(y - 1) * width + x - 1]);
                    }
                }
            }
        }
        if self.input.rectify {
            for line in &mut patch {
                for value in line {
                    *value = simd.max(*value, zero);
                }
            }
        }
        patch
    }

    /// The products of one point and one group of output channels, for all panels.
    #[inline(always)]
    fn multiply<S: Simd>(&self, simd: S, number: usize) {
        let Extent { in_blocks, out_blocks, rows, input_jump, product_jump } = self.extent;
        let (point, first) = (number % POINTS, number / POINTS * COLUMN_GROUP);
        let columns = COLUMN_GROUP.min(out_blocks - first);
        let channels = self.convolution.in_channels;
        let weights = &self.convolution.weights[(point * out_blocks + first) * channels..][..columns * channels];
        for panel in 0..self.panels.len() {
            let a = point * input_jump + panel * in_blocks * rows;
            let c = point * product_jump + (panel * out_blocks + first) * rows;
            // SAFETY: the inputs were written before, and nobody writes to them now; the products of a point and a group of
            // channels are this call's alone. `part` and the slice of weights have checked the bounds: A is `in_blocks`
            // times `rows` lanes, of which k = `in_channels` columns are read, B `columns` times `channels`, C `columns`
            // times `rows`.
            unsafe {
                let a = self.inputs.seen(a..a + in_blocks * rows).as_ptr().cast();
                let c = self.products.part(c..c + columns * rows).as_mut_ptr();
                let product = Product {
                    a,
                    a_jump: rows * LANES,
                    b: weights.as_ptr(),
                    b_jump: channels,
                    c,
                    c_jump: rows,
                    k: channels,
                };
                simd.panel_product(product, columns);
            }
        }
    }

    #[inline(always)]
    #[allow(clippy::needless_range_loop, reason = "columns of a matrix of rows")]
    fn scatter<S: Simd>(&self, simd: S, number: usize) {
        let tile = self.tiles.place(number);
        for block in 0..self.extent.out_blocks {
            let place = self.place(number, self.extent.out_blocks, block);
            let mut half = [[simd.splat(0.0); PATCH]; TILE];
            for column in 0..PATCH {
                let mut products = [simd.splat(0.0); PATCH];
                for (row, product) in products.iter_mut().enumerate() {
                    let index = (row * PATCH + column) * self.extent.product_jump + place;
                    // SAFETY: all products were written before, and nobody writes to them now.
                    *product = simd.load(unsafe { &self.products.seen(index..index + 1)[0] });
                }
                for (row, value) in of_products(simd, products).into_iter().enumerate() {
                    half[row][column] = value;
                }
            }
            let bias = simd.load(&self.convolution.bias[block]);
            let mut values = [[bias; TILE]; TILE];
            for row in 0..TILE {
                let products = of_products(simd, half[row]);
                for column in 0..TILE {
                    values[row][column] = simd.add(products[column], bias);
                }
            }
            self.put(simd, block, tile, &values);
        }
    }

    /// Hands the sink what lies within the image.
    #[inline(always)]
    fn put<S: Simd>(&self, simd: S, block: usize, tile: Tile, values: &[[S::V; TILE]; TILE]) {
        let Shape { height, width, .. } = self.input.activations.shape();
        let (top, left) = (tile.row * TILE, tile.column * TILE);
        for (row, line) in values.iter().enumerate().take(height - top) {
            self.sink.pixels(simd, block, top + row, left, line.iter().copied().take(width - left));
        }
        if self.sink.pools() {
            for row in (0..TILE).step_by(2).filter(|row| top + row + 1 < height) {
                let [upper, lower] = [&values[row], &values[row + 1]].map(|row| row.as_chunks::<2>().0);
                let windows = upper.iter().zip(lower).take((width - left) / 2);
                let corners = windows.map(|(&[a, b], &[c, d])| [a, b, c, d]);
                self.sink.windows(simd, block, (top + row) / 2, left / 2, corners);
            }
        }
    }
}
