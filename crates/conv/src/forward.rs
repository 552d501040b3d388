//! What comes after a convolution forward: ReLU and pooling.

use crate::{
    Activations, Gates, Line, Shape,
    gates::CORNERS,
    shared::Shared,
    simd::Simd,
    sink::{Sink, lines},
};

/// 2x2 pooling with stride 2 over whole windows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pooling {
    /// The greatest of each window; of equal ones, the first in reading order.
    Maximum,
    /// The mean of each window, times this.
    Average(f32),
    /// The Euclidean length of each window, times this: of the four numbers a, b, c and d the root of
    /// a² + b² + c² + d² + [`L2_FLOOR`]. Of nothing but zeros it makes a little, in channels to spare too; no convolution reads
    /// these.
    L2(f32),
}

/// What keeps the slope of [`Pooling::L2`] finite at windows of zeros.
pub const L2_FLOOR: f32 = 1e-8;

/// Where a convolution's output goes.
pub struct Forward<'a, L> {
    /// The output as the losses see it, if they look: with its shape.
    pub features: Option<&'a mut Activations<L>>,
    /// Whether the losses look after the ReLU.
    pub features_rectified: bool,
    /// The output after the ReLU and the pooling, if a layer comes that reads it: with its shape.
    pub next: Option<&'a mut Activations<L>>,
    /// The pooling, if there is one.
    pub pooling: Option<Pooling>,
    /// What the backward pass needs.
    pub gates: &'a mut Gates,
}

/// The same, with the shapes held against one another.
pub(crate) struct Outputs<'a, L> {
    shape: Shape,
    features: Option<Shared<'a, L>>,
    features_rectified: bool,
    next: Option<Shared<'a, L>>,
    pooling: Option<Pooling>,
    gates: Shared<'a, u16>,
}

impl<'a, L: Line> Outputs<'a, L> {
    /// For a convolution's output of this shape.
    ///
    /// # Panics
    /// When the shapes do not belong together.
    pub fn new(shape: Shape, output: Forward<'a, L>) -> Self {
        let next_shape = if output.pooling.is_some() { shape.pooled() } else { shape };
        if let Some(features) = &output.features {
            assert_eq!(features.shape(), shape, "the shape of the features");
        }
        if let Some(next) = &output.next {
            assert_eq!(next.shape(), next_shape, "the shape of the next layer's input");
        }
        assert_eq!(output.gates.bits.len(), Gates::count(shape, output.pooling), "the gates of {shape:?}");
        Self {
            shape,
            features: output.features.map(|features| Shared::new(features.lines_mut())),
            features_rectified: output.features_rectified,
            next: output.next.map(|next| Shared::new(next.lines_mut())),
            pooling: output.pooling,
            gates: Shared::new(&mut output.gates.bits),
        }
    }
}

impl<L: Line> Sink for Outputs<'_, L> {
    #[inline(always)]
    fn pools(&self) -> bool {
        self.pooling.is_some()
    }

    #[inline(always)]
    fn pixels<S: Simd>(
        &self,
        simd: S,
        block: usize,
        row: usize,
        column: usize,
        values: impl ExactSizeIterator<Item = S::V>,
    ) {
        let (count, zero) = (values.len(), simd.splat(0.0));
        let place = L::place(self.shape, block, row, column);
        let gate = (block * self.shape.height + row) * self.shape.width + column;
        let pools = self.pools();
        // SAFETY: every block and pixel is put once, and by one thread all that share a line.
        let (mut features, mut gates, mut next) = unsafe {
            (
                self.features.as_ref().map(|features| lines(features, place, count)),
                (!pools).then(|| self.gates.part(gate..gate + count)),
                self.next.as_ref().filter(|_| !pools).map(|next| lines(next, place, count)),
            )
        };
        for (number, values) in values.enumerate() {
            let rectified = simd.max(values, zero);
            if let Some(features) = &mut features {
                let seen = if self.features_rectified { rectified } else { values };
                features[number].store(simd, place.part, seen);
            }
            if let Some(gates) = &mut gates {
                gates[number] = simd.greater(values, zero);
            }
            if let Some(next) = &mut next {
                next[number].store(simd, place.part, rectified);
            }
        }
    }

    #[inline(always)]
    fn windows<S: Simd>(
        &self,
        simd: S,
        block: usize,
        row: usize,
        column: usize,
        corners: impl ExactSizeIterator<Item = [S::V; CORNERS]>,
    ) {
        let Some(pooling) = self.pooling else { return };
        let (count, shape) = (corners.len(), self.shape.pooled());
        let place = L::place(shape, block, row, column);
        // SAFETY: every block and window is put once, and by one thread all that share a line.
        let mut next = unsafe { self.next.as_ref().map(|next| lines(next, place, count)) };
        let mut put = |number: usize, pooled: S::V| {
            if let Some(next) = &mut next {
                next[number].store(simd, place.part, pooled);
            }
        };
        match pooling {
            Pooling::Maximum => {
                let gate = CORNERS * ((block * shape.height + row) * shape.width + column);
                // SAFETY: every block and window is put once.
                let gates = unsafe { self.gates.part(gate..gate + CORNERS * count) };
                for ((number, corners), gates) in corners.enumerate().zip(gates.as_chunks_mut::<CORNERS>().0) {
                    let (pooled, open) = maximum(simd, corners);
                    *gates = open;
                    put(number, pooled);
                }
            }
            Pooling::Average(gain) => {
                let gate = CORNERS * ((block * shape.height + row) * shape.width + column);
                // SAFETY: every block and window is put once.
                let gates = unsafe { self.gates.part(gate..gate + CORNERS * count) };
                for ((number, corners), gates) in corners.enumerate().zip(gates.as_chunks_mut::<CORNERS>().0) {
                    *gates = corners.map(|corner| simd.greater(corner, simd.splat(0.0)));
                    let [a, b, c, d] = corners.map(|corner| simd.max(corner, simd.splat(0.0)));
                    let sum = simd.add(simd.add(a, b), simd.add(c, d));
                    put(number, simd.mul(sum, simd.splat(gain / CORNERS as f32)));
                }
            }
            Pooling::L2(gain) => {
                for (number, corners) in corners.enumerate() {
                    let rectified = corners.map(|corner| simd.max(corner, simd.splat(0.0)));
                    put(number, simd.mul(l2_length(simd, rectified), simd.splat(gain)));
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

/// The length of a window whose ReLU has been taken.
#[inline(always)]
pub(crate) fn l2_length<S: Simd>(simd: S, [a, b, c, d]: [S::V; CORNERS]) -> S::V {
    let upper = simd.mul_add(b, b, simd.mul_add(a, a, simd.splat(L2_FLOOR)));
    let lower = simd.mul_add(d, d, simd.mul(c, c));
    simd.sqrt(simd.add(upper, lower))
}
