//! A convolution's gradient with respect to its input, carried on to the output of the layer before.

use crate::{
    Activations, Convolution, Gates, Lanes, Shape, Workspace,
    gates::CORNERS,
    shared::Shared,
    simd::Simd,
    winograd::{Input, Sink, Tile, run, transform::TILE},
};

/// What lies between the output of the layer before and this convolution's input.
#[derive(Clone, Copy)]
pub enum Through<'a> {
    /// Nothing: this is the first layer, and its input the image.
    Nothing,
    /// A ReLU.
    Relu(&'a Gates),
    /// A ReLU and a pooling; each of a window's corners whose gate is open gets the gradient times this.
    Pooling(&'a Gates, f32),
}

/// Whether the losses look at the layer before: then their gradient stands where the carried one goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tap {
    /// They do not: whatever stands there is overwritten.
    None,
    /// They look before the ReLU.
    BeforeRelu,
    /// They look after it.
    AfterRelu,
}

/// Where the gradient goes.
pub struct Backward<'a> {
    /// What it goes through.
    pub through: Through<'a>,
    /// What it is added to.
    pub tap: Tap,
    /// The gradient at the output of the layer before, with its shape.
    pub gradient: &'a mut Activations,
}

impl Convolution {
    /// Carries the gradient at the convolution's output back to the layer before. `self` is made of the
    /// [`crate::turned`] kernel, without bias.
    ///
    /// # Panics
    /// When the shapes do not belong together, or the losses look after a ReLU that a pooling follows.
    pub fn backward(&self, workspace: &Workspace, upstream: &Activations, back: Backward<'_>) {
        let shape = upstream.shape().with_channels(self.out_channels);
        let target = back.gradient.shape();
        match back.through {
            Through::Nothing | Through::Relu(_) => assert_eq!(target, shape, "the shape of the gradient"),
            Through::Pooling(..) => {
                assert_eq!(target.pooled(), shape, "the shape of the gradient, pooled");
                assert!(back.tap != Tap::AfterRelu, "no loss looks between a ReLU and a pooling");
                if back.tap == Tap::None {
                    clear_dropped(back.gradient);
                }
            }
        }
        match back.through {
            Through::Nothing => {}
            Through::Relu(gates) => assert_eq!(gates.bits.len(), shape.blocks() * shape.pixels(), "the gates"),
            Through::Pooling(gates, _) => {
                assert_eq!(gates.bits.len(), CORNERS * shape.blocks() * shape.pixels(), "the gates");
            }
        }
        let sink = Gradient {
            shape,
            target,
            through: back.through,
            tap: back.tap,
            gradient: Shared::new(back.gradient.lanes_mut()),
        };
        run(workspace, self, &Input { activations: upstream, rectify: false }, &sink);
    }
}

/// Sets the rows and columns to 0 that no whole window holds.
fn clear_dropped(gradient: &mut Activations) {
    let Shape { height, width, .. } = gradient.shape();
    for plane in gradient.lanes_mut().chunks_exact_mut(height * width) {
        if height % 2 == 1 {
            plane[(height - 1) * width..].fill(Lanes::ZERO);
        }
        if width % 2 == 1 {
            plane.iter_mut().skip(width - 1).step_by(width).for_each(|lanes| *lanes = Lanes::ZERO);
        }
    }
}

struct Gradient<'a> {
    /// Of the convolution's input.
    shape: Shape,
    /// Of the layer before's output.
    target: Shape,
    through: Through<'a>,
    tap: Tap,
    gradient: Shared<'a, Lanes>,
}

impl Sink for Gradient<'_> {
    #[inline(always)]
    fn put<S: Simd>(&self, simd: S, block: usize, tile: Tile, values: &[[S::V; TILE]; TILE]) {
        let Shape { height, width, .. } = self.shape;
        let (rows, columns) = ((height - tile.row * TILE).min(TILE), (width - tile.column * TILE).min(TILE));
        for (row, line) in values.iter().enumerate().take(rows) {
            let y = tile.row * TILE + row;
            for (column, &value) in line.iter().enumerate().take(columns) {
                let x = tile.column * TILE + column;
                let index = (block * height + y) * width + x;
                match self.through {
                    Through::Nothing => self.add(simd, value, u16::MAX, index),
                    Through::Relu(gates) => self.add(simd, value, gates.bits[index], index),
                    Through::Pooling(gates, gain) => {
                        let each = simd.mul_add(value, simd.splat(gain), simd.splat(0.0));
                        let bits = &gates.bits[CORNERS * index..][..CORNERS];
                        let corner = (block * self.target.height + 2 * y) * self.target.width + 2 * x;
                        self.add(simd, each, bits[0], corner);
                        self.add(simd, each, bits[1], corner + 1);
                        self.add(simd, each, bits[2], corner + self.target.width);
                        self.add(simd, each, bits[3], corner + self.target.width + 1);
                    }
                }
            }
        }
    }
}

impl Gradient<'_> {
    #[inline(always)]
    fn add<S: Simd>(&self, simd: S, carried: S::V, open: u16, index: usize) {
        // SAFETY: every block and pixel belongs to one tile, or to one window and so to one tile.
        let place = unsafe { &mut self.gradient.part(index..index + 1)[0] };
        let value = match self.tap {
            Tap::None => simd.keep(carried, open),
            Tap::BeforeRelu => simd.add(simd.load(place), simd.keep(carried, open)),
            Tap::AfterRelu => simd.keep(simd.add(simd.load(place), carried), open),
        };
        simd.store(value, place);
    }
}
