//! What is done to activations pixel by pixel, outside of convolutions: what a mask asks for, and a ReLU on the way back.

use rayon::prelude::*;

use crate::{
    Activations, LANES, Shape,
    activations::{CHUNK, SUMMED_AT_ONCE, Sums, add_sums, in_all},
    lines::Line,
};

/// A number for each pixel, laid out as one group of the channels of [`Activations`] is.
#[derive(Debug, Clone)]
pub struct PixelWeights {
    shape: Shape,
    /// 0 in lines that belong to no pixel.
    lines: Vec<f32>,
}

impl PixelWeights {
    /// For activations in lines `L` of this height and width, row after row.
    ///
    /// # Panics
    /// When there are not as many numbers as pixels.
    pub fn new<L: Line>(height: usize, width: usize, weights: &[f32]) -> Self {
        let shape = Shape { channels: 1, height, width };
        assert_eq!(weights.len(), shape.pixels(), "numbers of {shape:?}");
        let mut lines = vec![0.0; L::lines(shape)];
        for row in 0..height {
            let first = L::place(shape, 0, row, 0).line;
            lines[first..][..width].copy_from_slice(&weights[row * width..][..width]);
        }
        Self { shape, lines }
    }

    /// Those of the lines of activations of this shape, group by group the same.
    pub(crate) fn lines(&self, of: Shape) -> &[f32] {
        assert_eq!((self.shape.height, self.shape.width), (of.height, of.width), "the size of the weights");
        &self.lines
    }
}

impl<L: Line> Activations<L> {
    /// Multiplies each pixel by its weight.
    ///
    /// # Panics
    /// When the weights are of another size.
    pub fn weigh(&mut self, weights: &PixelWeights) {
        let weights = weights.lines(self.shape());
        self.lines_mut().par_chunks_mut(weights.len()).for_each(|group| {
            let chunks = group.par_chunks_mut(CHUNK).zip(weights.par_chunks(CHUNK));
            chunks.for_each(|(lines, weights)| {
                for (line, weight) in lines.iter_mut().zip(weights) {
                    for part in 0..L::PARTS {
                        line.set_part(part, line.part(part).map(|value| value * weight));
                    }
                }
            });
        });
    }

    /// Becomes `of`, each pixel times its weight. Returns every channel's sum of what it is now, weighed once more, and of the
    /// squares of that: what it was, and its squares, weighed by the weights' squares.
    ///
    /// # Panics
    /// When the weights are of another size.
    pub fn set_weighed(&mut self, of: &Self, weights: &PixelWeights) -> Vec<(f64, f64)> {
        let shape = of.shape();
        self.reshape(shape);
        let weights = weights.lines(shape);
        let groups = self.lines_mut().par_chunks_mut(weights.len()).zip(of.lines().par_chunks(weights.len()));
        let sums = groups.flat_map_iter(|(own, of)| {
            let chunks = own.par_chunks_mut(CHUNK).zip(of.par_chunks(CHUNK)).zip(weights.par_chunks(CHUNK));
            let sums: Vec<Vec<Sums>> = chunks.map(|((own, of), weights)| weigh_chunk(own, of, weights)).collect();
            (0..L::PARTS).flat_map(move |part| in_all(sums.iter().map(|sums| &sums[part])))
        });
        let mut sums: Vec<(f64, f64)> = sums.collect();
        sums.truncate(shape.channels);
        sums
    }

    /// Adds `more`; each pixel of either counts its weight, where there are weights.
    ///
    /// # Panics
    /// When the shapes differ, or weights are of another size.
    pub fn blend(&mut self, own: Option<&PixelWeights>, more: &Self, weights: Option<&PixelWeights>) {
        let shape = more.shape();
        match (own.map(|own| own.lines(shape)), weights.map(|weights| weights.lines(shape))) {
            (None, None) => self.combine(more, |_, own, more| own + more),
            (None, Some(b)) => self.combine(more, |line, own, more| own + b[line] * more),
            (Some(a), None) => self.combine(more, |line, own, more| a[line] * own + more),
            (Some(a), Some(b)) => self.combine(more, |line, own, more| a[line] * own + b[line] * more),
        }
    }

    /// Of a gradient after a ReLU of `output`, becomes that before it; the slope at 0 is 0.
    ///
    /// # Panics
    /// When the shapes differ.
    pub fn carry_through_relu(&mut self, output: &Self) {
        self.combine(output, |_, gradient, output| if output > 0.0 { gradient } else { 0.0 });
    }

    /// Each value becomes what `value` makes of its line's number in its group, of itself and of the one of `with` in its place.
    fn combine(&mut self, with: &Self, value: impl Fn(usize, f32, f32) -> f32 + Send + Sync) {
        let shape = self.shape();
        assert_eq!(shape, with.shape(), "activations of one shape");
        let group = L::lines(shape.with_channels(1));
        let groups = self.lines_mut().par_chunks_mut(group).zip(with.lines().par_chunks(group));
        groups.for_each(|(own, with)| {
            let chunks = own.par_chunks_mut(CHUNK).zip(with.par_chunks(CHUNK)).enumerate();
            chunks.for_each(|(chunk, (own, with))| {
                for (line, (own, with)) in (chunk * CHUNK..).zip(own.iter_mut().zip(with)) {
                    for part in 0..L::PARTS {
                        let (a, b) = (own.part(part), with.part(part));
                        own.set_part(part, std::array::from_fn(|lane| value(line, a[lane], b[lane])));
                    }
                }
            });
        });
    }
}

/// Sets lines to others, each times its weight, and returns the sums of [`Activations::set_weighed`] for each of their parts.
fn weigh_chunk<L: Line>(own: &mut [L], of: &[L], weights: &[f32]) -> Vec<Sums> {
    let mut all = vec![[(0.0, 0.0); LANES]; L::PARTS];
    let at_once = own.chunks_mut(SUMMED_AT_ONCE).zip(of.chunks(SUMMED_AT_ONCE)).zip(weights.chunks(SUMMED_AT_ONCE));
    for ((own, of), weights) in at_once {
        for (part, all) in all.iter_mut().enumerate() {
            let (mut sums, mut squares) = ([0f32; LANES], [0f32; LANES]);
            for ((own, of), weight) in own.iter_mut().zip(of).zip(weights) {
                let values = of.part(part).map(|value| weight * value);
                own.set_part(part, values);
                for lane in 0..LANES {
                    sums[lane] += weight * values[lane];
                    squares[lane] += values[lane] * values[lane];
                }
            }
            add_sums(all, sums, squares);
        }
    }
    all
}
