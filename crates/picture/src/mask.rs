//! A plane of grey: how much of something there is at each pixel.

use impasto_recipe::Size;

use crate::{DecodeError, DecodeLimits, Picture, PictureError};

/// A value within [0, 1] for each pixel: 0, black, is none, and 1, white, is all.
#[derive(Debug, Clone, PartialEq)]
pub struct Mask {
    size: Size,
    /// Row after row.
    values: Vec<f32>,
}

impl Mask {
    /// A mask of rows of values.
    ///
    /// # Errors
    /// Where the size is empty, the values do not fill it, or one of them is not within [0, 1].
    pub fn new(size: Size, values: Vec<f32>) -> Result<Self, PictureError> {
        crate::picture::check(size, 1, &values)?;
        Ok(Self { size, values })
    }

    /// The mask that a picture file draws: how light each pixel is, where white is all. What is transparent counts for
    /// nothing, as if it lay on black.
    ///
    /// # Errors
    /// Whatever [`Picture::decode`] refuses.
    pub fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Self, DecodeError> {
        let picture = Picture::decode(bytes, limits)?;
        let mut values: Vec<f32> = picture.rgb().as_chunks().0.iter().map(luma).collect();
        if let Some(alpha) = picture.alpha() {
            values.iter_mut().zip(alpha.values()).for_each(|(value, alpha)| *value *= alpha);
        }
        Ok(Self { size: picture.size(), values })
    }

    /// Width and height.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Row after row, within [0, 1].
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// For those that have made sure of the values.
    pub(crate) fn of_checked(size: Size, values: Vec<f32>) -> Self {
        Self { size, values }
    }
}

/// How light a colour looks, by the weights of sRGB's primaries; of a grey, its value to the last bit.
fn luma(&[red, green, blue]: &[f32; 3]) -> f32 {
    (green + 0.2126 * (red - green) + 0.0722 * (blue - green)).clamp(0.0, 1.0)
}
