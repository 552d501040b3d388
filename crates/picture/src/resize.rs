//! Resizing on float channels.

use fast_image_resize::{
    FilterType, ResizeAlg, ResizeOptions, Resizer,
    images::{TypedImage, TypedImageRef},
    pixels::F32x3,
};
use impasto_recipe::Size;

use crate::Picture;

impl Picture {
    /// The picture at another size: Pillow's BILINEAR, which is antialiased when it shrinks, never rounded to bytes. A
    /// side of zero pixels is taken for one.
    pub fn resized(&self, size: Size) -> Self {
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
        let bilinear = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear)).use_alpha(false);
        Resizer::new().resize_typed(&from, &mut to, &bilinear).expect("both of three floats a pixel");
        // Weights that sum to 1 only up to rounding may overshoot by as much.
        Self::clamped(size, rgb).expect("weighted means of values within [0, 1]")
    }
}
