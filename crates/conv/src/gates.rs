//! What a backward pass has to know of the forward pass's ReLUs and poolings: one bit a channel.

use crate::{Activations, Shape, lines::Line};

/// For each of the gradients that come back through a ReLU or a pooling, one bit for every channel of a block: whether it
/// passes. A ReLU has one place for each pixel; a pooling has four for each window, its corners in reading order.
#[derive(Debug, Clone)]
pub struct Gates {
    pub(crate) bits: Vec<u16>,
}

/// Corners of a pooling's window.
pub(crate) const CORNERS: usize = 4;

impl Gates {
    /// Those of a ReLU over activations of this shape, all closed.
    pub fn of_relu(shape: Shape) -> Self {
        Self { bits: vec![0; Self::count(shape, false)] }
    }

    /// Those of a ReLU and a pooling over activations of this shape, all closed.
    pub fn of_pooling(shape: Shape) -> Self {
        Self { bits: vec![0; Self::count(shape, true)] }
    }

    /// Places of a ReLU, or of a ReLU and a pooling, over activations of this shape.
    pub(crate) fn count(shape: Shape, pooling: bool) -> usize {
        let windows = if pooling { shape.pooled() } else { shape };
        windows.blocks() * windows.pixels() * if pooling { CORNERS } else { 1 }
    }

    /// Sets what does not pass a ReLU to 0.
    ///
    /// # Panics
    /// When the gates are not those of a ReLU over activations of this shape.
    pub fn close<L: Line>(&self, gradient: &mut Activations<L>) {
        let shape = gradient.shape();
        assert_eq!(self.bits.len(), Self::count(shape, false), "the gates of {shape:?}");
        let lines = gradient.lines_mut();
        for (row, bits) in self.bits.chunks_exact(shape.width.max(1)).enumerate() {
            let first = L::place(shape, row / shape.height, row % shape.height, 0);
            for (line, bits) in lines[first.line..].iter_mut().zip(bits) {
                let mut values = line.part(first.part);
                for (lane, value) in values.iter_mut().enumerate() {
                    *value = if bits >> lane & 1 == 1 { *value } else { 0.0 };
                }
                line.set_part(first.part, values);
            }
        }
    }
}
