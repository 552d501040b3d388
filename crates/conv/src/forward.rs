//! A convolution forward, with the ReLU and the pooling after it.

use crate::{
    Activations, Convolution, Gates, Lanes, Shape, Workspace,
    gates::CORNERS,
    shared::Shared,
    simd::Simd,
    winograd::{Input, Sink, Tile, run, transform::TILE},
};

/// 2x2 pooling with stride 2 over whole windows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pooling {
    /// The greatest of each window; of equal ones, the first in reading order.
    Maximum,
    /// The mean of each window, times this.
    Average(f32),
}

/// Where a convolution's output goes.
pub struct Forward<'a> {
    /// The output as the losses see it, if they look: with its shape.
    pub features: Option<&'a mut Activations>,
    /// Whether the losses look after the ReLU.
    pub features_rectified: bool,
    /// The output after the ReLU and the pooling, if a layer comes that reads it: with its shape.
    pub next: Option<&'a mut Activations>,
    /// The pooling, if there is one.
    pub pooling: Option<Pooling>,
    /// What the backward pass needs.
    pub gates: &'a mut Gates,
}

impl Convolution {
    /// Convolves `input`, of which a ReLU is taken first if `rectify` says so.
    ///
    /// # Panics
    /// When the shapes do not belong together.
    pub fn forward(&self, workspace: &Workspace, input: &Activations, rectify: bool, output: Forward<'_>) {
        let shape = input.shape().with_channels(self.out_channels);
        let next_shape = if output.pooling.is_some() { shape.pooled() } else { shape };
        if let Some(features) = &output.features {
            assert_eq!(features.shape(), shape, "the shape of the features");
        }
        if let Some(next) = &output.next {
            assert_eq!(next.shape(), next_shape, "the shape of the next layer's input");
        }
        let gates = if output.pooling.is_some() { CORNERS } else { 1 } * next_shape.blocks() * next_shape.pixels();
        assert_eq!(output.gates.bits.len(), gates, "the gates of {shape:?}");
        let sink = Outputs {
            shape,
            features: output.features.map(|features| Shared::new(features.lanes_mut())),
            features_rectified: output.features_rectified,
            next: output.next.map(|next| Shared::new(next.lanes_mut())),
            pooling: output.pooling,
            gates: Shared::new(&mut output.gates.bits),
        };
        run(workspace, self, &Input { activations: input, rectify }, &sink);
    }
}

struct Outputs<'a> {
    shape: Shape,
    features: Option<Shared<'a, Lanes>>,
    features_rectified: bool,
    next: Option<Shared<'a, Lanes>>,
    pooling: Option<Pooling>,
    gates: Shared<'a, u16>,
}

/// Stores a value at a place that is the caller's alone.
///
/// # Safety
/// Nobody else may hold this place.
#[inline(always)]
pub(crate) unsafe fn store<S: Simd>(simd: S, value: S::V, to: &Shared<'_, Lanes>, index: usize) {
    // SAFETY: as the caller promises.
    simd.store(value, unsafe { &mut to.part(index..index + 1)[0] });
}

impl Sink for Outputs<'_> {
    #[inline(always)]
    fn put<S: Simd>(&self, simd: S, block: usize, tile: Tile, values: &[[S::V; TILE]; TILE]) {
        let Shape { height, width, .. } = self.shape;
        let zero = simd.splat(0.0);
        let (rows, columns) = ((height - tile.row * TILE).min(TILE), (width - tile.column * TILE).min(TILE));
        for (row, line) in values.iter().enumerate().take(rows) {
            let start = (block * height + tile.row * TILE + row) * width + tile.column * TILE;
            for (column, &value) in line.iter().enumerate().take(columns) {
                let index = start + column;
                if let Some(features) = &self.features {
                    let seen = if self.features_rectified { simd.max(value, zero) } else { value };
                    // SAFETY: every block and pixel of the image belongs to one tile.
                    unsafe { store(simd, seen, features, index) };
                }
                if self.pooling.is_none() {
                    // SAFETY: as above.
                    unsafe {
                        self.gates.part(index..index + 1)[0] = simd.greater(value, zero);
                        if let Some(next) = &self.next {
                            store(simd, simd.max(value, zero), next, index);
                        }
                    }
                }
            }
        }
        if let Some(pooling) = self.pooling {
            self.pool(simd, pooling, block, tile, values);
        }
    }
}

impl Outputs<'_> {
    #[inline(always)]
    fn pool<S: Simd>(&self, simd: S, pooling: Pooling, block: usize, tile: Tile, values: &[[S::V; TILE]; TILE]) {
        let Shape { height, width, .. } = self.shape.pooled();
        for row in 0..TILE / 2 {
            for column in 0..TILE / 2 {
                let (y, x) = (tile.row * TILE / 2 + row, tile.column * TILE / 2 + column);
                if y < height && x < width {
                    let [upper, lower] = [&values[2 * row], &values[2 * row + 1]];
                    let window = [upper[2 * column], upper[2 * column + 1], lower[2 * column], lower[2 * column + 1]];
                    let (pooled, open) = match pooling {
                        Pooling::Maximum => maximum(simd, window),
                        Pooling::Average(gain) => average(simd, window, gain),
                    };
                    let index = (block * height + y) * width + x;
                    // SAFETY: every block and whole window of the image belongs to one tile.
                    unsafe {
                        self.gates.part(CORNERS * index..CORNERS * (index + 1)).copy_from_slice(&open);
                        if let Some(next) = &self.next {
                            store(simd, pooled, next, index);
                        }
                    }
                }
            }
        }
    }
}

/// The greatest of a window after ReLU, and where its gradient goes.
#[inline(always)]
fn maximum<S: Simd>(simd: S, [a, b, c, d]: [S::V; CORNERS]) -> (S::V, [u16; CORNERS]) {
    let (upper, lower) = (simd.max(a, b), simd.max(c, d));
    let greatest = simd.max(simd.max(upper, lower), simd.splat(0.0));
    let positive = simd.greater(greatest, simd.splat(0.0));
    // "Greater" and not "at least": of equal ones the first wins.
    let (right_above, right_below, below) = (simd.greater(b, a), simd.greater(d, c), simd.greater(lower, upper));
    let (in_upper, in_lower) = (positive & !below, positive & below);
    (greatest, [in_upper & !right_above, in_upper & right_above, in_lower & !right_below, in_lower & right_below])
}

/// The mean of a window after ReLU times the gain, and where its gradient goes.
#[inline(always)]
fn average<S: Simd>(simd: S, window: [S::V; CORNERS], gain: f32) -> (S::V, [u16; CORNERS]) {
    let zero = simd.splat(0.0);
    let [a, b, c, d] = window;
    let upper = simd.add(simd.max(a, zero), simd.max(b, zero));
    let lower = simd.add(simd.max(c, zero), simd.max(d, zero));
    let mean = simd.mul_add(simd.add(upper, lower), simd.splat(gain / CORNERS as f32), zero);
    (mean, [simd.greater(a, zero), simd.greater(b, zero), simd.greater(c, zero), simd.greater(d, zero)])
}
