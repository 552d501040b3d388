//! Arithmetic on 16 numbers at once, in the three ways that a CPU may have it.
//!
//! A value of a type that implements [`Simd`] is the proof that the CPU has what its methods need: [`crate::Form`] makes
//! them after it has looked. The methods are inlined into functions that are compiled for that CPU.

use crate::{LANES, Lanes, product::Product};

/// Arithmetic on the 16 channels of a block.
pub(crate) trait Simd: Copy + Send + Sync + 'static {
    /// 16 numbers in registers.
    type V: Copy;
    /// Rows of a product that are kept in registers at once; a panel of Winograd's tiles has as many.
    const ROWS: usize;

    fn splat(self, value: f32) -> Self::V;
    fn load(self, from: &Lanes) -> Self::V;
    fn store(self, value: Self::V, to: &mut Lanes);
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
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

/// Any CPU.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

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

#[cfg(target_arch = "x86_64")]
pub(crate) mod x86 {
    //! The intrinsics are safe where the compiler knows the CPU's features, and unsafe here, where only the existence of
    //! a value of the type proves them.
    use std::arch::x86_64::*;

    use super::Simd;
    use crate::{Lanes, product::Product};

    /// AVX2 with FMA: two registers hold 16 numbers.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx2(());

    impl Avx2 {
        pub fn detect() -> Option<Self> {
            (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Self(()))
        }
    }

    /// AVX-512 (F, BW, DQ and VL).
    #[derive(Clone, Copy)]
    pub(crate) struct Avx512(());

    impl Avx512 {
        pub fn detect() -> Option<Self> {
            (is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl"))
            .then_some(Self(()))
        }
    }

    impl Simd for Avx512 {
        type V = __m512;
        const ROWS: usize = 14;

        #[inline(always)]
        fn splat(self, value: f32) -> __m512 {
            // SAFETY: `self` proves AVX-512.
            unsafe { _mm512_set1_ps(value) }
        }

        #[inline(always)]
        fn load(self, from: &Lanes) -> __m512 {
            // SAFETY: `self` proves AVX-512; the lanes are 64 bytes, aligned to 64.
            unsafe { _mm512_load_ps(from.0.as_ptr()) }
        }

        #[inline(always)]
        fn store(self, value: __m512, to: &mut Lanes) {
            // SAFETY: `self` proves AVX-512; the lanes are 64 bytes, aligned to 64.
            unsafe { _mm512_store_ps(to.0.as_mut_ptr(), value) }
        }

        #[inline(always)]
        fn add(self, a: __m512, b: __m512) -> __m512 {
            // SAFETY: `self` proves AVX-512.
            unsafe { _mm512_add_ps(a, b) }
        }

        #[inline(always)]
        fn sub(self, a: __m512, b: __m512) -> __m512 {
            // SAFETY: `self` proves AVX-512.
            unsafe { _mm512_sub_ps(a, b) }
        }

        #[inline(always)]
        fn max(self, a: __m512, b: __m512) -> __m512 {
            // SAFETY: `self` proves AVX-512.
            unsafe { _mm512_max_ps(a, b) }
        }

        #[inline(always)]
        fn mul_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
            // SAFETY: `self` proves AVX-512.
            unsafe { _mm512_fmadd_ps(a, b, c) }
        }

        #[inline(always)]
        fn greater(self, a: __m512, b: __m512) -> u16 {
            // SAFETY: `self` proves AVX-512.
            unsafe { _mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b) }
        }

        #[inline(always)]
        fn keep(self, a: __m512, bits: u16) -> __m512 {
            // SAFETY: `self` proves AVX-512.
            unsafe { _mm512_maskz_mov_ps(bits, a) }
        }

        #[inline(always)]
        unsafe fn panel_product(self, product: Product, columns: usize) {
            // 28 sums, two factors and one splat: 31 of the 32 registers.
            // SAFETY: as the caller promises.
            unsafe { product.run::<Self, 14, 2, 16, 1, false>(self, columns) }
        }

        #[inline(always)]
        unsafe fn gram_product(self, product: Product, columns: usize) {
            // SAFETY: as the caller promises.
            unsafe { product.in_rows::<Self, 8, 2>(self, columns) }
        }

        #[inline(always)]
        unsafe fn row_product(self, product: Product, columns: usize) {
            // SAFETY: as the caller promises.
            unsafe { product.run::<Self, 1, 2, 16, 1, false>(self, columns) }
        }
    }

    impl Simd for Avx2 {
        type V = (__m256, __m256);
        const ROWS: usize = 6;

        #[inline(always)]
        fn splat(self, value: f32) -> Self::V {
            // SAFETY: `self` proves AVX2.
            let half = unsafe { _mm256_set1_ps(value) };
            (half, half)
        }

        #[inline(always)]
        fn load(self, from: &Lanes) -> Self::V {
            let start = from.0.as_ptr();
            // SAFETY: `self` proves AVX2; the lanes are two times 32 bytes, aligned to 64.
            unsafe { (_mm256_load_ps(start), _mm256_load_ps(start.add(8))) }
        }

        #[inline(always)]
        fn store(self, value: Self::V, to: &mut Lanes) {
            let start = to.0.as_mut_ptr();
            // SAFETY: `self` proves AVX2; the lanes are two times 32 bytes, aligned to 64.
            unsafe {
                _mm256_store_ps(start, value.0);
                _mm256_store_ps(start.add(8), value.1);
            }
        }

        #[inline(always)]
        fn add(self, a: Self::V, b: Self::V) -> Self::V {
            // SAFETY: `self` proves AVX2.
            unsafe { (_mm256_add_ps(a.0, b.0), _mm256_add_ps(a.1, b.1)) }
        }

        #[inline(always)]
        fn sub(self, a: Self::V, b: Self::V) -> Self::V {
            // SAFETY: `self` proves AVX2.
            unsafe { (_mm256_sub_ps(a.0, b.0), _mm256_sub_ps(a.1, b.1)) }
        }

        #[inline(always)]
        fn max(self, a: Self::V, b: Self::V) -> Self::V {
            // SAFETY: `self` proves AVX2.
            unsafe { (_mm256_max_ps(a.0, b.0), _mm256_max_ps(a.1, b.1)) }
        }

        #[inline(always)]
        fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
            // SAFETY: `self` proves AVX2 and FMA.
            unsafe { (_mm256_fmadd_ps(a.0, b.0, c.0), _mm256_fmadd_ps(a.1, b.1, c.1)) }
        }

        #[inline(always)]
        fn greater(self, a: Self::V, b: Self::V) -> u16 {
            // SAFETY: `self` proves AVX2.
            unsafe {
                let low = _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(a.0, b.0));
                let high = _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(a.1, b.1));
                (low | high << 8) as u16
            }
        }

        #[inline(always)]
        fn keep(self, a: Self::V, bits: u16) -> Self::V {
            // SAFETY: `self` proves AVX2.
            unsafe {
                let places = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
                let mask = |bits: i32| {
                    let set = _mm256_and_si256(_mm256_set1_epi32(bits), places);
                    _mm256_castsi256_ps(_mm256_cmpeq_epi32(set, places))
                };
                let (low, high) = (mask(i32::from(bits)), mask(i32::from(bits >> 8)));
                (_mm256_and_ps(a.0, low), _mm256_and_ps(a.1, high))
            }
        }

        #[inline(always)]
        unsafe fn panel_product(self, product: Product, columns: usize) {
            // 12 registers of sums, two of factors and one splat: 15 of the 16.
            // SAFETY: as the caller promises.
            unsafe { product.run::<Self, 6, 1, 16, 1, false>(self, columns) }
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
}
