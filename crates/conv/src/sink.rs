//! Where a convolution's output goes while it is still in registers.

use crate::{LANES, Lanes, Line, Shape, gates::CORNERS, lines::Place, shared::Shared, simd::Simd};

/// What becomes of a convolution's output. Its methods are inlined. Blocks that share a line are put by one thread.
pub(crate) trait Sink: Sync {
    /// Whether it takes windows too.
    fn pools(&self) -> bool {
        false
    }

    /// Takes a block of output channels at a pixel.
    fn pixel<S: Simd>(&self, simd: S, block: usize, row: usize, column: usize, values: S::V);

    /// Takes a block of output channels at the four corners of a whole 2x2 window, whose row and column are counted in
    /// windows.
    fn window<S: Simd>(&self, simd: S, block: usize, row: usize, column: usize, corners: [S::V; CORNERS]) {
        let _ = (simd, block, row, column, corners);
    }
}

/// Stores values at a place that is the caller's alone.
///
/// # Safety
/// Nobody else may hold this place's line.
#[inline(always)]
pub(crate) unsafe fn store<S: Simd, L: Line>(simd: S, values: S::V, to: &Shared<'_, L>, place: Place) {
    // SAFETY: as the caller promises.
    let line = unsafe { &mut to.part(place.line..place.line + 1)[0] };
    line.store(simd, place.part, values);
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
    fn pixel<S: Simd>(&self, simd: S, block: usize, row: usize, column: usize, values: S::V) {
        let Shape { channels, height, width } = self.shape;
        let mut lanes = Lanes::ZERO;
        simd.store(values, &mut lanes);
        for (channel, value) in (block * LANES..channels).zip(lanes.0) {
            let index = (channel * height + row) * width + column;
            // SAFETY: every block and pixel is put once.
            unsafe { self.planes.part(index..index + 1)[0] = value };
        }
    }
}
