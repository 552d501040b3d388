//! Which pixels an optimiser may move: those that no mask covers stay the photograph.

use candle_core::{Device, Result, Tensor};

use crate::network::PixelMask;

/// Ones where pixels may be moved and zeros where not, and the reverse: (1, 1, height, width) each.
pub(crate) struct Free {
    free: Tensor,
    fixed: Tensor,
}

impl Free {
    /// Free is what the mask covers in the least.
    pub fn new(cover: &PixelMask, device: &Device) -> Result<Self> {
        let ones_where = |is_free: bool| {
            let ones = cover.values.iter().map(|&value| if (value > 0.0) == is_free { 1f32 } else { 0.0 });
            Tensor::from_iter(ones, device)?.reshape((1, 1, cover.height, cover.width))
        };
        Ok(Self { free: ones_where(true)?, fixed: ones_where(false)? })
    }

    /// A gradient that leaves fixed pixels where they are.
    pub fn part_of(&self, gradient: &Tensor) -> Result<Tensor> {
        gradient.broadcast_mul(&self.free)
    }

    /// `free` where pixels are free, `fixed` where they are not.
    pub fn choose(&self, free: &Tensor, fixed: &Tensor) -> Result<Tensor> {
        free.broadcast_mul(&self.free)? + fixed.broadcast_mul(&self.fixed)?
    }
}
