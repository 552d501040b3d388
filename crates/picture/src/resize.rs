//! Resizing on float channels.

use fast_image_resize::{
    FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer,
    images::{TypedImage, TypedImageRef},
    pixels::{F32, F32x3, InnerPixel},
};
use impasto_recipe::Size;

use crate::{Mask, Picture};

/// How a picture is brought to another size: by Pillow's filter of the same name, which is antialiased when it shrinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// Soft.
    Bilinear,
    /// It keeps more of the finest detail.
    Bicubic,
}

impl Picture {
    /// The picture at another size, never rounded to bytes. A side of zero pixels is taken for one. Colours count by how
    /// opaque they are, so that what is hidden does not bleed into what is seen.
    pub fn resized(&self, size: Size, filter: Filter) -> Self {
        let size = size_of_some(size);
        if size == self.size() {
            return self.clone();
        }
        let Some(alpha) = self.alpha() else {
            return Self::of_checked(size, within_unit(resample::<F32x3>(self.size(), self.rgb(), size, filter)), None);
        };
        let mut seen = self.rgb().to_vec();
        for (pixel, &alpha) in seen.as_chunks_mut::<3>().0.iter_mut().zip(alpha.values()) {
            *pixel = pixel.map(|value| value * alpha);
        }
        let mut rgb = resample::<F32x3>(self.size(), &seen, size, filter);
        let alpha = resample::<F32>(self.size(), alpha.values(), size, filter);
        for (pixel, &alpha) in rgb.as_chunks_mut::<3>().0.iter_mut().zip(&alpha) {
            *pixel = if alpha > LEAST { pixel.map(|value| value / alpha) } else { [1.0; 3] };
        }
        Self::of_checked(size, within_unit(rgb), Some(Mask::of_checked(size, within_unit(alpha))))
    }
}

/// An opacity below which nothing is known of the colour: what is left there is rounding.
const LEAST: f32 = 1e-5;

impl Mask {
    /// The mask at another size, softly: values are averaged where it shrinks, and blended where it grows. A side of zero
    /// pixels is taken for one.
    pub fn resized(&self, size: Size) -> Self {
        let size = size_of_some(size);
        if size == self.size() {
            return self.clone();
        }
        Self::of_checked(size, within_unit(resample::<F32>(self.size(), self.values(), size, Filter::Bilinear)))
    }
}

fn size_of_some(size: Size) -> Size {
    Size::new(size.width.max(1), size.height.max(1))
}

/// Bicubic overshoots at edges; weights that sum to 1 only up to rounding, by as much.
fn within_unit(mut values: Vec<f32>) -> Vec<f32> {
    values.iter_mut().for_each(|value| *value = value.clamp(0.0, 1.0));
    values
}

fn resample<P: PixelTrait + InnerPixel<Component = f32>>(
    from: Size,
    values: &[f32],
    to: Size,
    filter: Filter,
) -> Vec<f32> {
    let mut resampled = vec![0.0_f32; to.pixels() as usize * P::count_of_components()];
    let source = TypedImageRef::<P>::from_buffer(from.width, from.height, bytemuck::cast_slice(values));
    let target = TypedImage::<P>::from_buffer(to.width, to.height, bytemuck::cast_slice_mut(&mut resampled));
    // None of the three fails: both buffers hold what their size takes.
    let (source, mut target) = (source.expect("values fill their size"), target.expect("made for this size"));
    let filter = match filter {
        Filter::Bilinear => FilterType::Bilinear,
        Filter::Bicubic => FilterType::CatmullRom,
    };
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter)).use_alpha(false);
    Resizer::new().resize_typed(&source, &mut target, &options).expect("both of the same kind of pixels");
    resampled
}
