//! The number formats in which activations are kept, and how they lie in memory.

use std::fmt::Debug;

use half::bf16;

use crate::{Shape, simd::Simd};

/// Channels in a block.
pub const LANES: usize = 16;

/// One pixel's values in a block of 16 channels.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(64))]
pub struct Lanes(pub [f32; LANES]);

impl Lanes {
    /// Nothing but zeros.
    pub const ZERO: Self = Self([0.0; LANES]);
}

/// A number for each channel, in blocks of 16 with zeros in channels to spare.
pub(crate) fn blocks_of(numbers: &[f32]) -> Vec<Lanes> {
    let block = |numbers: &[f32]| Lanes(std::array::from_fn(|lane| numbers.get(lane).copied().unwrap_or(0.0)));
    numbers.chunks(LANES).map(block).collect()
}

/// One pixel's values in two blocks of 16 channels, in bf16.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(64))]
pub struct Halves(pub [[bf16; LANES]; 2]);

/// What a line of memory, 64 bytes, holds of one pixel: as many blocks of 16 channels as it has parts.
pub trait Line: Copy + PartialEq + Debug + Send + Sync + InRegisters + 'static {
    /// Nothing but zeros.
    const ZERO: Self;
    /// Blocks of 16 channels in a line.
    const PARTS: usize;

    /// One block's values.
    fn part(&self, part: usize) -> [f32; LANES];

    /// Takes other values for one block, rounded to the nearest if need be.
    fn set_part(&mut self, part: usize, values: [f32; LANES]);

    /// Lines that activations of this shape take.
    fn lines(shape: Shape) -> usize;

    /// Where a pixel's values of a block are among them.
    fn place(shape: Shape, block: usize, row: usize, column: usize) -> Place;

    /// Sets to 0 whatever belongs to no pixel.
    fn clear_border(shape: Shape, lines: &mut [Self]);
}

/// A line, and the part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Which line.
    pub line: usize,
    /// Which of its parts.
    pub part: usize,
}

/// What the kernels do with lines.
pub trait InRegisters {
    /// One block's values.
    fn load<S: Simd>(&self, simd: S, part: usize) -> S::V;
    /// Takes other values for one block.
    fn store<S: Simd>(&mut self, simd: S, part: usize, values: S::V);
}

/// (block, row, column, 16 channels).
impl Line for Lanes {
    const ZERO: Self = Self::ZERO;
    const PARTS: usize = 1;

    #[inline(always)]
    fn part(&self, _: usize) -> [f32; LANES] {
        self.0
    }

    #[inline(always)]
    fn set_part(&mut self, _: usize, values: [f32; LANES]) {
        self.0 = values;
    }

    fn lines(shape: Shape) -> usize {
        shape.blocks() * shape.pixels()
    }

    #[inline(always)]
    fn place(shape: Shape, block: usize, row: usize, column: usize) -> Place {
        Place { line: (block * shape.height + row) * shape.width + column, part: 0 }
    }

    fn clear_border(_: Shape, _: &mut [Self]) {}
}

impl InRegisters for Lanes {
    #[inline(always)]
    fn load<S: Simd>(&self, simd: S, _: usize) -> S::V {
        simd.load(self)
    }

    #[inline(always)]
    fn store<S: Simd>(&mut self, simd: S, _: usize, values: S::V) {
        simd.store(values, self);
    }
}

/// (pair of blocks, row, column, 32 channels), with zeros around every image, so that a convolution may look beyond it: a row
/// above, a row below, and a column on the left that is also the column on the right of the row before. Lines further on let
/// tiles begin at any pixel.
impl Line for Halves {
    const ZERO: Self = Self([[bf16::ZERO; LANES]; 2]);
    const PARTS: usize = 2;

    #[inline(always)]
    fn part(&self, part: usize) -> [f32; LANES] {
        self.0[part].map(widened)
    }

    #[inline(always)]
    fn set_part(&mut self, part: usize, values: [f32; LANES]) {
        self.0[part] = values.map(rounded);
    }

    fn lines(shape: Shape) -> usize {
        shape.pairs() * Bordered::of(shape).plane
    }

    #[inline(always)]
    fn place(shape: Shape, block: usize, row: usize, column: usize) -> Place {
        let Bordered { stride, plane } = Bordered::of(shape);
        Place { line: block / 2 * plane + (row + 1) * stride + column + 1, part: block % 2 }
    }

    fn clear_border(shape: Shape, lines: &mut [Self]) {
        let Bordered { stride, plane } = Bordered::of(shape);
        for plane in lines.chunks_exact_mut(plane) {
            let (above, from_first_row) = plane.split_at_mut(stride);
            let (rows, below) = from_first_row.split_at_mut(shape.height * stride);
            above.fill(Self::ZERO);
            rows.iter_mut().step_by(stride).for_each(|line| *line = Self::ZERO);
            below.fill(Self::ZERO);
        }
        if shape.blocks() % 2 == 1 {
            let last = (shape.pairs() - 1) * plane;
            lines[last..].iter_mut().for_each(|line| line.0[1] = [bf16::ZERO; LANES]);
        }
    }
}

impl InRegisters for Halves {
    #[inline(always)]
    fn load<S: Simd>(&self, simd: S, part: usize) -> S::V {
        simd.widen(&self.0[part])
    }

    #[inline(always)]
    fn store<S: Simd>(&mut self, simd: S, part: usize, values: S::V) {
        simd.narrow(values, &mut self.0[part]);
    }
}

/// How an image lies among its zeros.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bordered {
    /// Lines from a pixel to the one below.
    pub stride: usize,
    /// Lines from a pair of blocks to the next.
    pub plane: usize,
}

impl Bordered {
    /// Pixels beyond an image's last that tiles may reach.
    const BEYOND: usize = 2 * LANES + 1;

    #[inline(always)]
    pub fn of(shape: Shape) -> Self {
        let stride = shape.width + 1;
        Self { stride, plane: (shape.height + 3) * stride + Self::BEYOND }
    }
}

/// To the nearest bf16, of two equally near ones the even.
///
/// In integers, as the kernels do it. Of NaNs, those whose lowest bits are all set may become another number; no CPU's
/// arithmetic makes such a one.
#[inline(always)]
pub(crate) fn rounded(value: f32) -> bf16 {
    let bits = value.to_bits();
    bf16::from_bits((bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16) as u16)
}

/// Exactly; inlined into loops that become vectors, as the library's own is not.
#[inline(always)]
pub(crate) fn widened(value: bf16) -> f32 {
    f32::from_bits(u32::from(value.to_bits()) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_that_of_the_library() {
        for bits in (0..=u32::MAX).step_by(65_521) {
            let value = f32::from_bits(bits);
            if !value.is_nan() {
                assert_eq!(rounded(value), bf16::from_f32(value), "{value:e}");
            }
        }
        assert!(rounded(f32::NAN).is_nan() && rounded(-f32::NAN).is_nan());
    }

    #[test]
    fn no_two_pixels_share_a_place_and_none_lies_on_the_border() {
        for shape in [(40, 3, 5), (16, 1, 1), (70, 2, 7)] {
            let shape = Shape { channels: shape.0, height: shape.1, width: shape.2 };
            let mut lines = vec![Halves([[bf16::ONE; LANES]; 2]); Halves::lines(shape)];
            Halves::clear_border(shape, &mut lines);
            let mut seen = std::collections::HashSet::new();
            for block in 0..shape.blocks() {
                for row in 0..shape.height {
                    for column in 0..shape.width {
                        let Place { line, part } = Halves::place(shape, block, row, column);
                        assert!(seen.insert((line, part)));
                        assert_eq!(lines[line].0[part], [bf16::ONE; LANES]);
                    }
                }
            }
            let ones = lines.iter().flat_map(|line| line.0).filter(|part| part[0] == bf16::ONE).count();
            assert_eq!(ones, seen.len());
        }
    }
}
