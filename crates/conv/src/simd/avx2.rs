//! AVX2 with FMA.
//!
//! The intrinsics are safe where the compiler knows the CPU's features, and unsafe here, where only the existence of a value
//! of the type proves them.

use std::arch::x86_64::*;

use half::bf16;

use super::Simd;
use crate::{Halves, LANES, Lanes, winograd::Product};

/// AVX2 with FMA: two registers hold 16 numbers.
#[derive(Clone, Copy)]
pub struct Avx2(());

impl Avx2 {
    pub fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Self(()))
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
    fn widen(self, from: &[bf16; LANES]) -> Self::V {
        // SAFETY: `self` proves AVX2; 16 bytes are read, and 16 more.
        unsafe {
            let from = from.as_ptr().cast::<__m128i>();
            let widened = |bits| _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(bits)));
            (widened(_mm_loadu_si128(from)), widened(_mm_loadu_si128(from.add(1))))
        }
    }

    #[inline(always)]
    fn narrow(self, value: Self::V, to: &mut [bf16; LANES]) {
        // SAFETY: `self` proves AVX2; 32 bytes are written.
        unsafe {
            let upper = |value| {
                let bits = _mm256_castps_si256(value);
                let odd = _mm256_and_si256(_mm256_srli_epi32::<16>(bits), _mm256_set1_epi32(1));
                let up = _mm256_add_epi32(_mm256_add_epi32(bits, odd), _mm256_set1_epi32(0x7fff));
                _mm256_srli_epi32::<16>(up)
            };
            // Packing goes by halves of registers; the permutation puts the quarters in order.
            let packed = _mm256_packus_epi32(upper(value.0), upper(value.1));
            _mm256_storeu_si256(to.as_mut_ptr().cast(), _mm256_permute4x64_epi64::<0b11_01_10_00>(packed));
        }
    }

    #[inline(always)]
    fn pairs(self, from: &Halves) -> (Self::V, Self::V) {
        // SAFETY: `self` proves AVX2; the pairs are two times 32 bytes, aligned to 64.
        unsafe {
            let from = from.0.as_ptr().cast::<__m256i>();
            let (low, high) = (_mm256_load_si256(from), _mm256_load_si256(from.add(1)));
            let first = |pairs| _mm256_castsi256_ps(_mm256_slli_epi32::<16>(pairs));
            let second = |pairs| _mm256_castsi256_ps(_mm256_and_si256(pairs, _mm256_set1_epi32(!0xffff)));
            ((first(low), first(high)), (second(low), second(high)))
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
    fn mul(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: `self` proves AVX2.
        unsafe { (_mm256_mul_ps(a.0, b.0), _mm256_mul_ps(a.1, b.1)) }
    }

    #[inline(always)]
    fn div(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: `self` proves AVX2.
        unsafe { (_mm256_div_ps(a.0, b.0), _mm256_div_ps(a.1, b.1)) }
    }

    #[inline(always)]
    fn sqrt(self, a: Self::V) -> Self::V {
        // SAFETY: `self` proves AVX2.
        unsafe { (_mm256_sqrt_ps(a.0), _mm256_sqrt_ps(a.1)) }
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
