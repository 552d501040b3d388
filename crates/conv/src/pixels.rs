//! What is done to activations pixel by pixel, outside of convolutions: what a mask asks for, and a ReLU on the way back.

use rayon::prelude::*;

use crate::{Activations, LANES, Shape, activations::CHUNK, lines::Line};

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

    /// Becomes `of`, each pixel times its weight.
    ///
    /// # Panics
    /// When the weights are of another size.
    pub fn set_weighed(&mut self, of: &Self, weights: &PixelWeights) {
        self.reshape(of.shape());
        self.combine(of, weights, |_, more| more);
    }

    /// Adds `more`, each pixel times its weight.
    ///
    /// # Panics
    /// When the shapes differ, or the weights are of another size.
    pub fn add_weighed(&mut self, more: &Self, weights: &PixelWeights) {
        self.combine(more, weights, |own, more| own + more);
    }

    /// Adds `more`.
    ///
    /// # Panics
    /// When the shapes differ.
    pub fn add(&mut self, more: &Self) {
        assert_eq!(self.shape(), more.shape(), "activations of one shape");
        let chunks = self.lines_mut().par_chunks_mut(CHUNK).zip(more.lines().par_chunks(CHUNK));
        chunks.for_each(|(own, more)| {
            for (own, more) in own.iter_mut().zip(more) {
                for part in 0..L::PARTS {
                    let (values, more) = (own.part(part), more.part(part));
                    own.set_part(part, std::array::from_fn(|lane| values[lane] + more[lane]));
                }
            }
        });
    }

    fn combine(&mut self, with: &Self, weights: &PixelWeights, sum: impl Fn(f32, f32) -> f32 + Send + Sync) {
        assert_eq!(self.shape(), with.shape(), "activations of one shape");
        let weights = weights.lines(self.shape());
        let groups = self.lines_mut().par_chunks_mut(weights.len()).zip(with.lines().par_chunks(weights.len()));
        groups.for_each(|(own, with)| {
            let chunks = own.par_chunks_mut(CHUNK).zip(with.par_chunks(CHUNK)).zip(weights.par_chunks(CHUNK));
            chunks.for_each(|((own, with), weights)| {
                for ((own, with), weight) in own.iter_mut().zip(with).zip(weights) {
                    for part in 0..L::PARTS {
                        let (values, more) = (own.part(part), with.part(part));
                        own.set_part(part, std::array::from_fn(|lane| sum(values[lane], weight * more[lane])));
                    }
                }
            });
        });
    }

    /// Of a gradient after a ReLU of `output`, becomes that before it; the slope at 0 is 0.
    ///
    /// # Panics
    /// When the shapes differ.
    pub fn carry_through_relu(&mut self, output: &Self) {
        assert_eq!(self.shape(), output.shape(), "activations of one shape");
        let chunks = self.lines_mut().par_chunks_mut(CHUNK).zip(output.lines().par_chunks(CHUNK));
        chunks.for_each(|(gradient, output)| {
            for (gradient, output) in gradient.iter_mut().zip(output) {
                for part in 0..L::PARTS {
                    let (values, output) = (gradient.part(part), output.part(part));
                    let passed: [f32; LANES] =
                        std::array::from_fn(|lane| if output[lane] > 0.0 { values[lane] } else { 0.0 });
                    gradient.set_part(part, passed);
                }
            }
        });
    }
}
