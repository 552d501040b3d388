//! What a backward pass has to know of the forward pass's ReLUs and poolings: one bit a channel.

use crate::{Activations, Shape};

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
        Self { bits: vec![0; shape.blocks() * shape.pixels()] }
    }

    /// Those of a ReLU and a pooling over activations of this shape, all closed.
    pub fn of_pooling(shape: Shape) -> Self {
        let pooled = shape.pooled();
        Self { bits: vec![0; pooled.blocks() * pooled.pixels() * CORNERS] }
    }

    /// Sets what does not pass a ReLU to 0.
    ///
    /// # Panics
    /// When the gates are not those of a ReLU over activations of this shape.
    pub fn close(&self, gradient: &mut Activations) {
        assert_eq!(self.bits.len(), gradient.lanes().len(), "the gates of {:?}", gradient.shape());
        for (lanes, bits) in gradient.lanes_mut().iter_mut().zip(&self.bits) {
            for (lane, value) in lanes.0.iter_mut().enumerate() {
                *value = if bits >> lane & 1 == 1 { *value } else { 0.0 };
            }
        }
    }
}
