//! Any CPU: loops that the compiler may turn into whatever vectors there are.

use half::bf16;

use super::Simd;
use crate::{
    Halves, LANES, Lanes,
    lines::{rounded, widened},
    winograd::Product,
};

/// Any CPU.
#[derive(Clone, Copy)]
pub struct Portable;

impl Simd for Portable {
    type V = [f32; LANES];
    const ROWS: usize = 4;

    #[inline(always)]
    fn splat(self, value: f32) -> Self::V {
        [value; LANES]
    }

    #[inline(always)]
    fn load(self, from: &Lanes) -> Self::V {
        from.0
    }

    #[inline(always)]
    fn store(self, value: Self::V, to: &mut Lanes) {
        to.0 = value;
    }

    #[inline(always)]
    fn widen(self, from: &[bf16; LANES]) -> Self::V {
        from.map(widened)
    }

    #[inline(always)]
    fn narrow(self, value: Self::V, to: &mut [bf16; LANES]) {
        *to = value.map(rounded);
    }

    #[inline(always)]
    fn pairs(self, from: &Halves) -> (Self::V, Self::V) {
        let mut pairs = ([0.0; LANES], [0.0; LANES]);
        for lane in 0..LANES {
            let half = &from.0[lane / (LANES / 2)];
            let place = lane % (LANES / 2) * 2;
            pairs.0[lane] = widened(half[place]);
            pairs.1[lane] = widened(half[place + 1]);
        }
        pairs
    }

    #[inline(always)]
    fn add(self, mut a: Self::V, b: Self::V) -> Self::V {
        for lane in 0..LANES {
            a[lane] += b[lane];
        }
        a
    }

    #[inline(always)]
    fn sub(self, mut a: Self::V, b: Self::V) -> Self::V {
        for lane in 0..LANES {
            a[lane] -= b[lane];
        }
        a
    }

    #[inline(always)]
    fn mul(self, mut a: Self::V, b: Self::V) -> Self::V {
        for lane in 0..LANES {
            a[lane] *= b[lane];
        }
        a
    }

    #[inline(always)]
    fn div(self, mut a: Self::V, b: Self::V) -> Self::V {
        for lane in 0..LANES {
            a[lane] /= b[lane];
        }
        a
    }

    #[inline(always)]
    fn sqrt(self, a: Self::V) -> Self::V {
        a.map(f32::sqrt)
    }

    #[inline(always)]
    fn max(self, mut a: Self::V, b: Self::V) -> Self::V {
        for lane in 0..LANES {
            a[lane] = if a[lane] > b[lane] { a[lane] } else { b[lane] };
        }
        a
    }

    #[inline(always)]
    fn mul_add(self, a: Self::V, b: Self::V, mut c: Self::V) -> Self::V {
        for lane in 0..LANES {
            c[lane] += a[lane] * b[lane];
        }
        c
    }

    #[inline(always)]
    fn greater(self, a: Self::V, b: Self::V) -> u16 {
        (0..LANES).fold(0, |bits, lane| bits | u16::from(a[lane] > b[lane]) << lane)
    }

    #[inline(always)]
    fn keep(self, mut a: Self::V, bits: u16) -> Self::V {
        for (lane, value) in a.iter_mut().enumerate() {
            *value = if bits >> lane & 1 == 1 { *value } else { 0.0 };
        }
        a
    }

    #[inline(always)]
    unsafe fn panel_product(self, product: Product, columns: usize) {
        // SAFETY: as the caller promises.
        unsafe { product.run::<Self, 4, 1, 16, 1, false>(self, columns) }
    }

    #[inline(always)]
    unsafe fn gram_product(self, product: Product, columns: usize) {
        // SAFETY: as the caller promises.
        unsafe { product.in_rows::<Self, 4, 1>(self, columns) }
    }

    #[inline(always)]
    unsafe fn row_product(self, product: Product, columns: usize) {
        // SAFETY: as the caller promises.
        unsafe { product.run::<Self, 1, 1, 16, 1, false>(self, columns) }
    }
}
