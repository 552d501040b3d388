//! AVX-512.
//!
//! The intrinsics are safe where the compiler knows the CPU's features, and unsafe here, where only the existence of a value
//! of the type proves them.

use std::arch::x86_64::*;

use half::bf16;

use super::Simd;
use crate::{Halves, LANES, Lanes, winograd::Product};

/// AVX-512 (F, BW, DQ and VL).
#[derive(Clone, Copy)]
pub struct Avx512(());

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
    fn widen(self, from: &[bf16; LANES]) -> __m512 {
        // SAFETY: `self` proves AVX-512; 32 bytes are read.
        unsafe {
            let bits = _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.as_ptr().cast()));
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(bits))
        }
    }

    #[inline(always)]
    fn narrow(self, value: __m512, to: &mut [bf16; LANES]) {
        // SAFETY: `self` proves AVX-512; 32 bytes are written.
        unsafe {
            let bits = _mm512_castps_si512(value);
            let odd = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
            let up = _mm512_add_epi32(_mm512_add_epi32(bits, odd), _mm512_set1_epi32(0x7fff));
            let upper = _mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(up));
            _mm256_storeu_si256(to.as_mut_ptr().cast(), upper);
        }
    }

    #[inline(always)]
    fn pairs(self, from: &Halves) -> (__m512, __m512) {
        // SAFETY: `self` proves AVX-512; the pairs are 64 bytes, aligned to 64.
        unsafe {
            let pairs = _mm512_load_si512(from.0.as_ptr().cast());
            let second = _mm512_and_si512(pairs, _mm512_set1_epi32(!0xffff));
            (_mm512_castsi512_ps(_mm512_slli_epi32::<16>(pairs)), _mm512_castsi512_ps(second))
        }
    }

    #[inline(always)]
    fn paired(self, first: &[bf16; LANES], second: &[bf16; LANES], to: &mut Halves) {
        // SAFETY: `self` proves AVX-512; 32 bytes are read twice, and 64 written that are aligned to 64.
        unsafe {
            let first = _mm512_cvtepu16_epi32(_mm256_loadu_si256(first.as_ptr().cast()));
            let second = _mm512_cvtepu16_epi32(_mm256_loadu_si256(second.as_ptr().cast()));
            let pairs = _mm512_or_si512(first, _mm512_slli_epi32::<16>(second));
            _mm512_store_si512(to.0.as_mut_ptr().cast(), pairs);
        }
    }

    /// In four rounds, each of which doubles how much of a column lies together.
    #[inline(always)]
    fn transposed(self, from: &[Halves; LANES], to: &mut [Halves; LANES]) {
        // SAFETY: `self` proves AVX-512; 16 times 64 bytes are read and written that are aligned to 64.
        unsafe {
            let rows: [__m512i; LANES] = std::array::from_fn(|row| _mm512_load_si512(from[row].0.as_ptr().cast()));
            let twos: [__m512i; LANES] = std::array::from_fn(|n| {
                let (a, b) = (rows[n / 2 * 2], rows[n / 2 * 2 + 1]);
                if n % 2 == 0 { _mm512_unpacklo_epi32(a, b) } else { _mm512_unpackhi_epi32(a, b) }
            });
            // Of rows 4m to 4m + 3, the columns n, n + 4, n + 8 and n + 12 in place 4m + n.
            let fours: [__m512i; LANES] = std::array::from_fn(|place| {
                let (first, n) = (place / 4 * 4, place % 4);
                let (a, b) = (twos[first + n / 2], twos[first + 2 + n / 2]);
                if n % 2 == 0 { _mm512_unpacklo_epi64(a, b) } else { _mm512_unpackhi_epi64(a, b) }
            });
            for n in 0..4 {
                // Quarters 0 and 2, or 1 and 3: columns n and n + 8, or n + 4 and n + 12.
                let even_above = _mm512_shuffle_i32x4::<0b10_00_10_00>(fours[n], fours[4 + n]);
                let even_below = _mm512_shuffle_i32x4::<0b10_00_10_00>(fours[8 + n], fours[12 + n]);
                let odd_above = _mm512_shuffle_i32x4::<0b11_01_11_01>(fours[n], fours[4 + n]);
                let odd_below = _mm512_shuffle_i32x4::<0b11_01_11_01>(fours[8 + n], fours[12 + n]);
                for (column, value) in [
                    (n, _mm512_shuffle_i32x4::<0b10_00_10_00>(even_above, even_below)),
                    (n + 4, _mm512_shuffle_i32x4::<0b10_00_10_00>(odd_above, odd_below)),
                    (n + 8, _mm512_shuffle_i32x4::<0b11_01_11_01>(even_above, even_below)),
                    (n + 12, _mm512_shuffle_i32x4::<0b11_01_11_01>(odd_above, odd_below)),
                ] {
                    _mm512_store_si512(to[column].0.as_mut_ptr().cast(), value);
                }
            }
        }
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
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    fn div(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_div_ps(a, b) }
    }

    #[inline(always)]
    fn sqrt(self, a: __m512) -> __m512 {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_sqrt_ps(a) }
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
