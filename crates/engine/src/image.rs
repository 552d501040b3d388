//! From pictures to normalised images and back.

use candle_core::{DType, Device, Result, Tensor};
use impasto_picture::Picture;
use impasto_recipe::Size;

/// The mean of ImageNet's pixels, by channel.
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
/// Their standard deviation.
const STD: [f32; 3] = [0.229, 0.224, 0.225];

/// The picture as a VGG takes it: (1, 3, height, width), normalised with ImageNet's mean and standard deviation.
pub(crate) fn normalised(picture: &Picture, device: &Device) -> Result<Tensor> {
    let Size { width, height } = picture.size();
    let pixels = width as usize * height as usize;
    let mut planes = vec![0f32; 3 * pixels];
    for (place, pixel) in picture.rgb().chunks_exact(3).enumerate() {
        for channel in 0..3 {
            planes[channel * pixels + place] = (pixel[channel] - MEAN[channel]) / STD[channel];
        }
    }
    Tensor::from_vec(planes, (1, 3, height as usize, width as usize), device)
}

/// The normalised image (1, 3, height, width) as a picture, clipped to what can be shown.
pub(crate) fn to_picture(image: &Tensor) -> Result<Picture> {
    let (_, _, height, width) = image.dims4()?;
    let planes = image.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
    let pixels = width * height;
    let mut rgb = vec![0f32; 3 * pixels];
    for (place, pixel) in rgb.chunks_exact_mut(3).enumerate() {
        for channel in 0..3 {
            pixel[channel] = planes[channel * pixels + place] * STD[channel] + MEAN[channel];
        }
    }
    let size = Size::new(width as u32, height as u32);
    Picture::clamped(size, rgb).map_err(candle_core::Error::wrap)
}
