//! The matrix product that all else comes down to.

use crate::{LANES, Lanes, simd::Simd};

/// C = A B, or C += A B, for a few rows of A and blocks of 16 columns of B.
///
/// A's numbers lie `ROW` floats apart from row to row and `STEP` along k; after every 16 of k, the next ones are `a_jump`
/// floats further on. B has one [`Lanes`] for each k, and `b_jump` of them from one block of columns to the next. C has one
/// for each row, and `c_jump` of them from one block to the next.
#[derive(Clone, Copy)]
pub struct Product {
    pub a: *const f32,
    pub a_jump: usize,
    pub b: *const Lanes,
    pub b_jump: usize,
    pub c: *mut Lanes,
    pub c_jump: usize,
    pub k: usize,
}

impl Product {
    /// `R` rows by `columns` blocks, `C` blocks at once where there are as many.
    ///
    /// # Safety
    /// Every place that A, B and C have by the description above must be within memory that may be read or, for C, written,
    /// and C must be nobody else's.
    #[inline(always)]
    pub unsafe fn run<S: Simd, const R: usize, const C: usize, const ROW: usize, const STEP: usize, const ADD: bool>(
        self,
        simd: S,
        columns: usize,
    ) {
        let mut column = 0;
        while column + C <= columns {
            // SAFETY: these blocks of columns are among those that the caller vouches for.
            unsafe { self.at_column(column).tile::<S, R, C, ROW, STEP, ADD>(simd) };
            column += C;
        }
        while column < columns {
            // SAFETY: as above.
            unsafe { self.at_column(column).tile::<S, R, 1, ROW, STEP, ADD>(simd) };
            column += 1;
        }
    }

    /// 16 rows that lie side by side, `R` at once, added to C.
    ///
    /// # Safety
    /// That of [`Product::run`], with 16 rows.
    #[inline(always)]
    pub unsafe fn in_rows<S: Simd, const R: usize, const C: usize>(self, simd: S, columns: usize) {
        for row in (0..LANES).step_by(R) {
            // SAFETY: these rows are among those that the caller vouches for.
            unsafe {
                let part = Self { a: self.a.add(row), c: self.c.add(row), ..self };
                part.run::<S, R, C, 1, LANES, true>(simd, columns);
            }
        }
    }

    #[inline(always)]
    unsafe fn at_column(self, column: usize) -> Self {
        // SAFETY: the caller's columns are within B and C.
        unsafe { Self { b: self.b.add(column * self.b_jump), c: self.c.add(column * self.c_jump), ..self } }
    }

    #[inline(always)]
    unsafe fn tile<S: Simd, const R: usize, const C: usize, const ROW: usize, const STEP: usize, const ADD: bool>(
        self,
        simd: S,
    ) {
        let mut sums = [[simd.splat(0.0); C]; R];
        let (mut a, mut b, mut left) = (self.a, self.b, self.k);
        // SAFETY: every offset is a place that the caller vouches for.
        unsafe {
            if ADD {
                for (row, sums) in sums.iter_mut().enumerate() {
                    for (column, sum) in sums.iter_mut().enumerate() {
                        *sum = simd.load(&*self.c.add(column * self.c_jump + row));
                    }
                }
            }
            while left > 0 {
                let steps = left.min(LANES);
                for step in 0..steps {
                    let mut factors = [simd.splat(0.0); C];
                    for (column, factor) in factors.iter_mut().enumerate() {
                        *factor = simd.load(&*b.add(column * self.b_jump + step));
                    }
                    for (row, sums) in sums.iter_mut().enumerate() {
                        let number = simd.splat(*a.add(row * ROW + step * STEP));
                        for (sum, factor) in sums.iter_mut().zip(factors) {
                            *sum = simd.mul_add(number, factor, *sum);
                        }
                    }
                }
                left -= steps;
                a = a.wrapping_add(self.a_jump);
                b = b.wrapping_add(steps);
            }
            for (row, sums) in sums.iter().enumerate() {
                for (column, sum) in sums.iter().enumerate() {
                    simd.store(*sum, &mut *self.c.add(column * self.c_jump + row));
                }
            }
        }
    }
}
