//! The product that all else comes down to: of tiles, as Intel's AMX has them.
//!
//! A tile is 16 rows of 64 bytes. A's rows hold 32 numbers in bf16 along k; B's rows hold 16 pairs, each of two neighbours along
//! k in one of 16 columns; C's rows hold 16 numbers in f32.

use crate::{Halves, LANES, Lanes, simd::Simd};

/// Rows of C that are computed at once: two tiles.
pub(super) const ROWS: usize = 2 * LANES;
/// Columns of C that are computed at once: two tiles.
pub(super) const COLUMNS: usize = 2 * LANES;
/// Lines of B that a step takes: two tiles of 16 rows.
pub(super) const STEP: usize = 2 * LANES;

/// What C is before the products are added.
#[derive(Clone, Copy)]
pub(super) enum Start<'a> {
    /// In each row, these columns.
    Row(&'a [Lanes; 2]),
    /// What stands in C.
    Itself,
}

/// C += A B, for 32 rows, 32 columns, and 32 numbers along k in every step.
#[derive(Clone, Copy)]
pub(super) struct Product<'a> {
    /// Where the first 16 rows of A begin, and where the others do; rows lie side by side.
    pub a: [*const Halves; 2],
    /// For every step, how many bytes further on A is.
    pub steps: &'a [isize],
    /// (step, tile, row of the tile).
    pub b: *const Halves,
    pub start: Start<'a>,
    /// 32 rows of the first 16 columns, side by side.
    pub c: *mut Lanes,
    /// From there to the same of the other 16 columns, in lanes.
    pub c_jump: usize,
}

/// Rows that are summed up at once by other means than tiles.
const AT_ONCE: usize = 4;

impl Product<'_> {
    /// The same sums in the same order as the instruction TDPBF16PS takes them (Intel's manual: even and odd numbers along k
    /// by themselves, then both, then onto C), though without its rounding of the least numbers to 0.
    ///
    /// # Safety
    /// Every place that A, B and C have by the description above must be within memory that may be read or, for C, written,
    /// and C must be nobody else's.
    #[inline(always)]
    pub unsafe fn run<S: Simd>(&self, simd: S) {
        for (half, a) in self.a.into_iter().enumerate() {
            for row in (0..LANES).step_by(AT_ONCE) {
                // SAFETY: these are rows of A and C.
                unsafe { self.rows(simd, a.add(row), half * LANES + row) };
            }
        }
    }

    #[inline(always)]
    unsafe fn rows<S: Simd>(&self, simd: S, a: *const Halves, first: usize) {
        let zero = simd.splat(0.0);
        let mut sums = [[zero; 2]; AT_ONCE];
        // SAFETY: as the caller promises.
        unsafe {
            for (row, sums) in sums.iter_mut().enumerate() {
                for (tile, sum) in sums.iter_mut().enumerate() {
                    *sum = match self.start {
                        Start::Row(columns) => simd.load(&columns[tile]),
                        Start::Itself => simd.load(&*self.c.add(tile * self.c_jump + first + row)),
                    };
                }
            }
            for (step, offset) in self.steps.iter().enumerate() {
                let a = a.byte_offset(*offset);
                let b = self.b.add(step * STEP);
                let mut parts = [[[zero; 2]; 2]; AT_ONCE];
                for pair in 0..LANES {
                    let factors = [simd.pairs(&*b.add(pair)), simd.pairs(&*b.add(LANES + pair))];
                    for (row, parts) in parts.iter_mut().enumerate() {
                        let numbers = (*a.add(row)).0.as_flattened();
                        let (even, odd) =
                            (simd.splat(numbers[2 * pair].to_f32()), simd.splat(numbers[2 * pair + 1].to_f32()));
                        for (part, factor) in parts.iter_mut().zip(factors) {
                            part[0] = simd.mul_add(even, factor.0, part[0]);
                            part[1] = simd.mul_add(odd, factor.1, part[1]);
                        }
                    }
                }
                for (sums, parts) in sums.iter_mut().zip(parts) {
                    for (sum, [even, odd]) in sums.iter_mut().zip(parts) {
                        *sum = simd.add(*sum, simd.add(even, odd));
                    }
                }
            }
            for (row, sums) in sums.iter().enumerate() {
                for (tile, sum) in sums.iter().enumerate() {
                    simd.store(*sum, &mut *self.c.add(tile * self.c_jump + first + row));
                }
            }
        }
    }
}
