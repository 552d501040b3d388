//! Where a convolution's output goes while it is still in registers.

use crate::{LANES, Lanes, Line, Shape, gates::CORNERS, lines::Place, shared::Shared, simd::Simd};

/// What becomes of a convolution's output. Its methods are inlined. Blocks that share a line are put by one thread.
pub(crate) trait Sink: Sync {
    /// Whether it takes windows too.
    fn pools(&self) -> bool {
        false
    }

    /// Takes a block of output channels at pixels side by side, of which this is the first.
    fn pixels<S: Simd>(
        &self,
        simd: S,
        block: usize,
        row: usize,
        column: usize,
        values: impl ExactSizeIterator<Item = S::V>,
    );

    /// Takes a block of output channels at the four corners of whole 2x2 windows side by side; rows and columns are counted
    /// in windows.
    fn windows<S: Simd>(
        &self,
        simd: S,
        block: usize,
        row: usize,
        column: usize,
        corners: impl ExactSizeIterator<Item = [S::V; CORNERS]>,
    ) {
        let _ = (simd, block, row, column, corners);
    }
}

/// So many lines from a place on, which lie side by side where pixels do.
///
/// # Safety
/// Nobody else may hold any of them.
#[inline(always)]
#[allow(clippy::mut_from_ref, reason = "what the promise is for")]
pub(crate) unsafe fn lines<'a, L: Line>(of: &'a Shared<'_, L>, place: Place, count: usize) -> &'a mut [L] {
    // SAFETY: as the caller promises.
    unsafe { of.part(place.line..place.line + count) }
}

/// An image's gradient in f32, (channel, row, column).
pub(crate) struct Planes<'a> {
    shape: Shape,
    planes: Shared<'a, f32>,
}

impl<'a> Planes<'a> {
    /// Of this shape, with as many numbers.
    pub fn new(shape: Shape, planes: Shared<'a, f32>) -> Self {
        Self { shape, planes }
    }
}

impl Sink for Planes<'_> {
    #[inline(always)]
    fn pixels<S: Simd>(
        &self,
        simd: S,
        block: usize,
        row: usize,
        column: usize,
        values: impl ExactSizeIterator<Item = S::V>,
    ) {
        let Shape { channels, height, width } = self.shape;
        for (column, values) in (column..width).zip(values) {
            let mut lanes = Lanes::ZERO;
            simd.store(values, &mut lanes);
            for (channel, value) in (block * LANES..channels).zip(lanes.0) {
                let index = (channel * height + row) * width + column;
                // SAFETY: every block and pixel is put once.
                unsafe { self.planes.part(index..index + 1)[0] = value };
            }
        }
    }
}
