//! Resizing on float channels.

use fast_image_resize::{
    FilterType, ResizeAlg, ResizeOptions, Resizer,
    images::{TypedImage, TypedImageRef},
    pixels::F32x3,
};
use impasto_recipe::Size;

use crate::Picture;

/// How a picture is brought to another size: by Pillow's filter of the same name, which is antialiased when it shrinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// Soft.
    Bilinear,
    /// It keeps more of the finest detail.
    Bicubic,
}

impl Picture {
    /// The picture at another size, never rounded to bytes. A side of zero pixels is taken for one.
    pub fn resized(&self, size: Size, filter: Filter) -> Self {
        let size = Size::new(size.width.max(1), size.height.max(1));
        if size == self.size() {
            return self.clone();
        }
        let mut rgb = vec![0.0_f32; size.pixels() as usize * 3];
        let Size { width, height } = self.size();
        let from = TypedImageRef::<F32x3>::from_buffer(width, height, bytemuck::cast_slice(self.rgb()));
        let to = TypedImage::<F32x3>::from_buffer(size.width, size.height, bytemuck::cast_slice_mut(&mut rgb));
        // None of the three fails: both buffers hold three floats a pixel of their size.
        let (from, mut to) = (from.expect("a picture fills its size"), to.expect("made for this size"));
        let filter = match filter {
            Filter::Bilinear => FilterType::Bilinear,
            Filter::Bicubic => FilterType::CatmullRom,
        };
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter)).use_alpha(false);
        Resizer::new().resize_typed(&from, &mut to, &options).expect("both of three floats a pixel");
        // Bicubic overshoots at edges; weights that sum to 1 only up to rounding, by as much.
        Self::clamped(size, rgb).expect("weighted sums of values within [0, 1] are numbers")
    }
}
