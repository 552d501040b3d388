//! Arithmetic on 16 numbers at once, in the three ways that a CPU may have it.
//!
//! A value of a type that implements [`Simd`] is the proof that the CPU has what its methods need: [`crate::Form`] makes
//! them after it has looked. The methods are inlined into functions that are compiled for that CPU.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

#[cfg(target_arch = "x86_64")]
pub use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub use avx512::Avx512;
pub use portable::Portable;

use half::bf16;

use crate::{Halves, LANES, Lanes, winograd::Product};

/// Arithmetic on the 16 channels of a block.
pub trait Simd: Copy + Send + Sync + 'static {
    /// 16 numbers in registers.
    type V: Copy;
    /// Rows of a product that are kept in registers at once; a panel of Winograd's tiles has as many.
    const ROWS: usize;

    fn splat(self, value: f32) -> Self::V;
    fn load(self, from: &Lanes) -> Self::V;
    fn store(self, value: Self::V, to: &mut Lanes);
    /// From bf16, exactly.
    fn widen(self, from: &[bf16; LANES]) -> Self::V;
    /// To bf16, as [`crate::lines::rounded`] does it.
    fn narrow(self, value: Self::V, to: &mut [bf16; LANES]);
    /// The first and the second of each of 16 pairs that lie side by side.
    fn pairs(self, from: &Halves) -> (Self::V, Self::V);
    /// 16 pairs, of the first and the second of each.
    fn paired(self, first: &[bf16; LANES], second: &[bf16; LANES], to: &mut Halves) {
        let pairs = to.0.as_flattened_mut().chunks_exact_mut(2);
        for (pair, (first, second)) in pairs.zip(first.iter().zip(second)) {
            (pair[0], pair[1]) = (*first, *second);
        }
    }
    /// A matrix of 16x16 pairs, with rows for columns.
    fn transposed(self, from: &[Halves; LANES], to: &mut [Halves; LANES]) {
        for (column, to) in to.iter_mut().enumerate() {
            for (pair, from) in to.0.as_flattened_mut().chunks_exact_mut(2).zip(from) {
                pair.copy_from_slice(&from.0.as_flattened()[2 * column..][..2]);
            }
        }
    }
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    fn sqrt(self, a: Self::V) -> Self::V;
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    /// a * b + c.
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// Bit n: whether a's n-th number is greater than b's.
    fn greater(self, a: Self::V, b: Self::V) -> u16;
    /// The numbers whose bit is set, and 0 for the others.
    fn keep(self, a: Self::V, bits: u16) -> Self::V;

    /// [`Product::run`] with as many rows and columns at once as the registers hold.
    ///
    /// # Safety
    /// That of [`Product::run`].
    unsafe fn panel_product(self, product: Product, columns: usize);
    /// The product of 16 rows that lie side by side, as in a Gram matrix, added to what stands there.
    ///
    /// # Safety
    /// That of [`Product::run`].
    unsafe fn gram_product(self, product: Product, columns: usize);
    /// [`Product::run`] with a single row.
    ///
    /// # Safety
    /// That of [`Product::run`].
    unsafe fn row_product(self, product: Product, columns: usize);
}
