//! What a backward pass has to know of the forward pass's ReLUs and poolings: one bit a channel.

use crate::{Activations, Pooling, Shape, lines::Line};

/// For each of the gradients that come back through a ReLU or a pooling, one bit for every channel of a block: whether it
/// passes. A ReLU has one place for each pixel; a maximum or average pooling has four for each window, its corners in reading
/// order. An L2 pooling has none: its slope comes of the layer's output.
#[derive(Debug, Clone)]
pub struct Gates {
    pub(crate) bits: Vec<u16>,
}

/// Corners of a pooling's window.
pub(crate) const CORNERS: usize = 4;

impl Gates {
    /// Those of a ReLU, or of a ReLU and a pooling, over activations of this shape, all closed.
    pub fn new(shape: Shape, pooling: Option<Pooling>) -> Self {
        Self { bits: vec![0; Self::count(shape, pooling)] }
    }

    /// How many places they have.
    pub(crate) fn count(shape: Shape, pooling: Option<Pooling>) -> usize {
        let of = |shape: Shape| shape.blocks() * shape.pixels();
        match pooling {
            None => of(shape),
            Some(Pooling::Maximum | Pooling::Average(_)) => CORNERS * of(shape.pooled()),
            Some(Pooling::L2(_)) => 0,
        }
    }

    /// Sets what does not pass a ReLU to 0.
    ///
    /// # Panics
    /// When the gates are not those of a ReLU over activations of this shape.
    pub fn close<L: Line>(&self, gradient: &mut Activations<L>) {
        let shape = gradient.shape();
        assert_eq!(self.bits.len(), Self::count(shape, None), "the gates of {shape:?}");
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
