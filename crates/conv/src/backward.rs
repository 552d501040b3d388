//! What a gradient goes through between a convolution's input and the output of the layer before.

use crate::{
    Activations, Gates, Line, Pooling, Shape,
    forward::l2_length,
    gates::CORNERS,
    shared::Shared,
    simd::Simd,
    sink::{Sink, lines},
};

/// What lies between the output of the layer before and this convolution's input.
pub enum Through<'a, L> {
    /// A ReLU.
    Relu(&'a Gates),
    /// A ReLU and a [`crate::Pooling::Maximum`].
    Maximum(&'a Gates),
    /// A ReLU and a [`crate::Pooling::Average`].
    Average {
        /// Which corners the ReLU lets through.
        gates: &'a Gates,
        /// The pooling's.
        gain: f32,
    },
    /// A ReLU and a [`crate::Pooling::L2`].
    L2 {
        /// The layer's output, before the ReLU or after it.
        output: &'a Activations<L>,
        /// The pooling's.
        gain: f32,
    },
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
pub struct Backward<'a, L> {
    /// What it goes through.
    pub through: Through<'a, L>,
    /// What it is added to.
    pub tap: Tap,
    /// The gradient at the output of the layer before, with its shape.
    pub gradient: &'a mut Activations<L>,
}

/// The same, with the shapes held against one another.
pub(crate) struct Carried<'a, L> {
    /// Of the convolution's input.
    shape: Shape,
    /// Of the layer before's output.
    target: Shape,
    through: Through<'a, L>,
    tap: Tap,
    gradient: Shared<'a, L>,
}

impl<'a, L: Line> Carried<'a, L> {
    /// For a convolution's input of this shape.
    ///
    /// # Panics
    /// When the shapes do not belong together, or the losses look after a ReLU that a pooling follows.
    pub fn new(shape: Shape, back: Backward<'a, L>) -> Self {
        let target = back.gradient.shape();
        let pooling = match back.through {
            Through::Relu(gates) => {
                assert_eq!(gates.bits.len(), Gates::count(target, None), "the gates");
                false
            }
            Through::Maximum(gates) => {
                assert_eq!(gates.bits.len(), Gates::count(target, Some(Pooling::Maximum)), "the gates");
                true
            }
            Through::Average { gates, gain } => {
                assert_eq!(gates.bits.len(), Gates::count(target, Some(Pooling::Average(gain))), "the gates");
                true
            }
            Through::L2 { output, .. } => {
                assert_eq!(output.shape(), target, "the shape of the output");
                true
            }
        };
        assert_eq!(if pooling { target.pooled() } else { target }, shape, "the shape of the gradient");
        if pooling {
            assert!(back.tap != Tap::AfterRelu, "no loss looks between a ReLU and a pooling");
            if back.tap == Tap::None {
                clear_dropped(back.gradient);
            }
        }
        Self { shape, target, through: back.through, tap: back.tap, gradient: Shared::new(back.gradient.lines_mut()) }
    }

    /// What is to stand at a place for what was carried there.
    #[inline(always)]
    fn added<S: Simd>(&self, simd: S, carried: S::V, open: u16, line: &L, part: usize) -> S::V {
        match self.tap {
            Tap::None => simd.keep(carried, open),
            Tap::BeforeRelu => simd.add(line.load(simd, part), simd.keep(carried, open)),
            Tap::AfterRelu => simd.keep(simd.add(line.load(simd, part), carried), open),
        }
    }

    /// So many places of the gradient side by side.
    ///
    /// # Safety
    /// Nobody else may hold any of them.
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "what the promise is for")]
    unsafe fn places(&self, block: usize, row: usize, column: usize, count: usize) -> (&mut [L], usize) {
        let place = L::place(self.target, block, row, column);
        // SAFETY: as the caller promises.
        (unsafe { lines(&self.gradient, place, count) }, place.part)
    }

    /// The corners of so many windows side by side; rows and columns are counted in windows.
    ///
    /// # Safety
    /// Nobody else may hold any of them.
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "what the promise is for")]
    unsafe fn corners(
        &self,
        block: usize,
        row: usize,
        column: usize,
        count: usize,
    ) -> (impl Iterator<Item = [&mut L; CORNERS]>, usize) {
        // SAFETY: as the caller promises; the two rows have no line in common.
        let ((upper, part), (lower, _)) = unsafe {
            let places = |row| self.places(block, row, 2 * column, 2 * count);
            (places(2 * row), places(2 * row + 1))
        };
        let windows = upper.as_chunks_mut::<2>().0.iter_mut().zip(lower.as_chunks_mut::<2>().0);
        (windows.map(|([a, b], [c, d])| [a, b, c, d]), part)
    }
}

/// Sets the rows and columns to 0 that no whole window holds.
fn clear_dropped<L: Line>(gradient: &mut Activations<L>) {
    let shape = gradient.shape();
    let lines = gradient.lines_mut();
    let mut clear = |block, row, column| lines[L::place(shape, block, row, column).line] = L::ZERO;
    for block in 0..shape.blocks() {
        if shape.height % 2 == 1 {
            (0..shape.width).for_each(|column| clear(block, shape.height - 1, column));
        }
        if shape.width % 2 == 1 {
            (0..shape.height).for_each(|row| clear(block, row, shape.width - 1));
        }
    }
}

impl<L: Line> Sink for Carried<'_, L> {
    #[inline(always)]
    fn pixels<S: Simd>(
        &self,
        simd: S,
        block: usize,
        row: usize,
        column: usize,
        values: impl ExactSizeIterator<Item = S::V>,
    ) {
        let count = values.len();
        let first = (block * self.shape.height + row) * self.shape.width + column;
        match self.through {
            Through::Relu(gates) => {
                // SAFETY: every block and pixel is put once, and by one thread all that share a line.
                let (lines, part) = unsafe { self.places(block, row, column, count) };
                for ((values, line), open) in values.zip(lines).zip(&gates.bits[first..][..count]) {
                    line.store(simd, part, self.added(simd, values, *open, line, part));
                }
            }
            Through::Maximum(gates) => {
                let gates = gates.bits[CORNERS * first..][..CORNERS * count].as_chunks::<CORNERS>().0;
                // SAFETY: every block and pixel is put once, and by one thread all that share a line.
                let (windows, part) = unsafe { self.corners(block, row, column, count) };
                for ((values, window), gates) in values.zip(windows).zip(gates) {
                    for (line, open) in window.into_iter().zip(gates) {
                        line.store(simd, part, self.added(simd, values, *open, line, part));
                    }
                }
            }
            Through::Average { gates, gain } => {
                let share = simd.splat(gain / CORNERS as f32);
                let gates = gates.bits[CORNERS * first..][..CORNERS * count].as_chunks::<CORNERS>().0;
                // SAFETY: every block and pixel is put once, and by one thread all that share a line.
                let (windows, part) = unsafe { self.corners(block, row, column, count) };
                for ((values, window), gates) in values.zip(windows).zip(gates) {
                    let shared = simd.mul(values, share);
                    for (line, open) in window.into_iter().zip(gates) {
                        line.store(simd, part, self.added(simd, shared, *open, line, part));
                    }
                }
            }
            Through::L2 { output, gain } => {
                const OPEN: u16 = u16::MAX;
                let [upper, lower] = [2 * row, 2 * row + 1].map(|row| {
                    let place = L::place(self.target, block, row, 2 * column);
                    output.lines()[place.line..][..2 * count].as_chunks::<2>().0
                });
                // SAFETY: every block and pixel is put once, and by one thread all that share a line.
                let (windows, part) = unsafe { self.corners(block, row, column, count) };
                for ((values, window), (upper, lower)) in values.zip(windows).zip(upper.iter().zip(lower)) {
                    // The length's slope along a corner is that corner over the length; where the ReLU lets nothing pass, 0.
                    let corners = [&upper[0], &upper[1], &lower[0], &lower[1]]
                        .map(|line| simd.max(line.load(simd, part), simd.splat(0.0)));
                    let scaled = simd.mul(values, simd.splat(gain));
                    let by_length = simd.div(scaled, l2_length(simd, corners));
                    for (line, corner) in window.into_iter().zip(corners) {
                        line.store(simd, part, self.added(simd, simd.mul(by_length, corner), OPEN, line, part));
                    }
                }
            }
        }
    }
}
