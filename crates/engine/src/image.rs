//! From pictures to normalised images and back.

use candle_core::{DType, Device, Result, Tensor};
use impasto_picture::Picture;
use impasto_recipe::{Canvas, Size};

/// The mean of ImageNet's pixels, by channel.
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
/// Their standard deviation.
const STD: [f32; 3] = [0.229, 0.224, 0.225];

/// The picture on its canvas as a VGG takes it: (1, 3, height, width), normalised with ImageNet's mean and standard deviation.
pub(crate) fn normalised(picture: &Picture, canvas: Canvas, device: &Device) -> Result<Tensor> {
    let Size { width, height } = canvas.image;
    let (rows, columns) = (canvas.rows(), canvas.columns());
    let across = picture.size().width as usize;
    let mut planes = Vec::with_capacity(3 * canvas.image.pixels() as usize);
    for channel in 0..3 {
        for row in &rows {
            let pixels = &picture.rgb()[row * across * 3..][..across * 3];
            planes.extend(columns.iter().map(|column| (pixels[3 * column + channel] - MEAN[channel]) / STD[channel]));
        }
    }
    Tensor::from_vec(planes, (1, 3, height as usize, width as usize), device)
}

/// A picture of noise: each value of each pixel is as likely as any other. The same seed makes the same noise.
pub(crate) fn noise(size: Size, seed: u32) -> Picture {
    let mut numbers = fastrand::Rng::with_seed(seed.into());
    let rgb = (0..3 * size.pixels()).map(|_| numbers.f32()).collect();
    // Three numbers from 0 to 1 for each pixel.
    Picture::new(size, rgb).expect("a picture of numbers from 0 to 1")
}

/// The picture on the canvas of a normalised image (1, 3, height, width), clipped to what can be shown.
pub(crate) fn to_picture(image: &Tensor, canvas: Canvas) -> Result<Picture> {
    let (left, top) = canvas.origin();
    let Size { width, height } = canvas.picture;
    let picture = image.narrow(3, left, width as usize)?.narrow(2, top, height as usize)?;
    let planes = picture.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
    let pixels = canvas.picture.pixels() as usize;
    let mut rgb = vec![0f32; 3 * pixels];
    for (place, pixel) in rgb.chunks_exact_mut(3).enumerate() {
        for channel in 0..3 {
            pixel[channel] = planes[channel * pixels + place] * STD[channel] + MEAN[channel];
        }
    }
    Picture::clamped(canvas.picture, rgb).map_err(candle_core::Error::wrap)
}
