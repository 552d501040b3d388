//! Winograd's F(4x4, 3x3): a 4x4 tile of outputs comes of a 6x6 patch of inputs by 36 products instead of 144.
//!
//! With the points 0, 1, -1, 2, -2 and infinity: Y = A^T [(G g G^T) * (B^T d B)] A, after Lavin and Gray, "Fast Algorithms
//! for Convolutional Neural Networks" (2016), section 4.3.

use crate::simd::Simd;

/// Outputs of a tile, in each direction.
pub(crate) const TILE: usize = 4;
/// Inputs that they come of.
pub(crate) const PATCH: usize = 6;
/// Products that they come of.
pub(crate) const POINTS: usize = PATCH * PATCH;

/// B^T d for one column of a patch.
#[inline(always)]
pub(crate) fn of_inputs<S: Simd>(simd: S, d: [S::V; PATCH]) -> [S::V; PATCH] {
    let (four, two, minus_two, minus_four, minus_five) =
        (simd.splat(4.0), simd.splat(2.0), simd.splat(-2.0), simd.splat(-4.0), simd.splat(-5.0));
    let even = simd.mul_add(d[2], minus_four, d[4]);
    let odd = simd.mul_add(d[1], minus_four, d[3]);
    let outer = simd.sub(d[4], d[2]);
    let inner = simd.sub(d[3], d[1]);
    [
        simd.mul_add(d[0], four, simd.mul_add(d[2], minus_five, d[4])),
        simd.add(even, odd),
        simd.sub(even, odd),
        simd.mul_add(inner, two, outer),
        simd.mul_add(inner, minus_two, outer),
        simd.mul_add(d[1], four, simd.mul_add(d[3], minus_five, d[5])),
    ]
}

/// A^T m for one column of products.
#[inline(always)]
pub(crate) fn of_products<S: Simd>(simd: S, m: [S::V; PATCH]) -> [S::V; TILE] {
    let (two, four, eight) = (simd.splat(2.0), simd.splat(4.0), simd.splat(8.0));
    let (even_1, odd_1) = (simd.add(m[1], m[2]), simd.sub(m[1], m[2]));
    let (even_2, odd_2) = (simd.add(m[3], m[4]), simd.sub(m[3], m[4]));
    [
        simd.add(simd.add(m[0], even_1), even_2),
        simd.mul_add(odd_2, two, odd_1),
        simd.mul_add(even_2, four, even_1),
        simd.add(simd.mul_add(odd_2, eight, odd_1), m[5]),
    ]
}

/// G g G^T for the nine taps of a kernel, in double precision: it is done once, and its error would stay.
pub(crate) fn of_kernel(taps: &[f32]) -> [f32; POINTS] {
    const G: [[f64; 3]; PATCH] = [
        [1.0 / 4.0, 0.0, 0.0],
        [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
        [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
        [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
        [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
        [0.0, 0.0, 1.0],
    ];
    let mut half = [[0f64; 3]; PATCH];
    for (row, g) in half.iter_mut().zip(G) {
        for (column, value) in row.iter_mut().enumerate() {
            *value = (0..3).map(|tap| g[tap] * f64::from(taps[3 * tap + column])).sum();
        }
    }
    let mut transformed = [0f32; POINTS];
    for (point, value) in transformed.iter_mut().enumerate() {
        let (row, column) = (point / PATCH, point % PATCH);
        *value = (0..3).map(|tap| half[row][tap] * G[column][tap]).sum::<f64>() as f32;
    }
    transformed
}
