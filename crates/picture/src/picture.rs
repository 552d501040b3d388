//! What the rest of the house takes for a picture.

use impasto_recipe::Size;

use crate::Mask;

/// An upright picture in sRGB, opaque or transparent in places.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    size: Size,
    /// Row after row, red, green and blue of each pixel; every value is within [0, 1]. They are not multiplied with the
    /// opacity, and white where there is none.
    rgb: Vec<f32>,
    /// How opaque each pixel is; none where all are.
    alpha: Option<Mask>,
}

/// Numbers that make no picture, or no mask.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PictureError {
    /// A side of no pixels.
    #[error("a picture of {0} has no pixels")]
    NoPixels(Size),
    /// Too few or too many numbers for the size.
    #[error("a picture of {size} takes {wanted} values, which is not the {given} given")]
    WrongLength {
        /// The size asked for.
        size: Size,
        /// How many values it takes.
        wanted: u64,
        /// How many values there were.
        given: usize,
    },
    /// A value outside [0, 1], or none at all (NaN).
    #[error("the value {value} at position {position} is not within [0, 1]")]
    OutOfRange {
        /// The first such value.
        value: f32,
        /// Where it stands.
        position: usize,
    },
}

/// Whether `values` are so many a pixel, and each within [0, 1].
pub(crate) fn check(size: Size, channels: u64, values: &[f32]) -> Result<(), PictureError> {
    if size.pixels() == 0 {
        return Err(PictureError::NoPixels(size));
    }
    let wanted = size.pixels().saturating_mul(channels);
    if u64::try_from(values.len()).ok() != Some(wanted) {
        return Err(PictureError::WrongLength { size, wanted, given: values.len() });
    }
    match values.iter().position(|value| !(0.0..=1.0).contains(value)) {
        Some(position) => Err(PictureError::OutOfRange { value: values[position], position }),
        None => Ok(()),
    }
}

impl Picture {
    /// An opaque picture of interleaved RGB rows.
    ///
    /// # Errors
    /// Where the size is empty, the values do not fill it, or one of them is not within [0, 1].
    pub fn new(size: Size, rgb: Vec<f32>) -> Result<Self, PictureError> {
        check(size, 3, &rgb)?;
        Ok(Self { size, rgb, alpha: None })
    }

    /// The same with values outside [0, 1] moved to its nearer end, as an optimiser's pixels need it.
    ///
    /// # Errors
    /// As for [`Picture::new`]: of the values, only NaN is still refused.
    pub fn clamped(size: Size, mut rgb: Vec<f32>) -> Result<Self, PictureError> {
        for value in &mut rgb {
            *value = value.clamp(0.0, 1.0);
        }
        Self::new(size, rgb)
    }

    /// The picture as opaque as `alpha` says, which is brought to the picture's size; what was transparent before is
    /// forgotten. Where nothing is to be seen, the colour becomes white.
    pub fn with_alpha(mut self, alpha: Mask) -> Self {
        let alpha = if alpha.size() == self.size { alpha } else { alpha.resized(self.size) };
        for (pixel, &alpha) in self.rgb.as_chunks_mut().0.iter_mut().zip(alpha.values()) {
            if alpha == 0.0 {
                *pixel = [1.0; 3];
            }
        }
        self.alpha = Some(alpha);
        self
    }

    /// The picture as it looks on white paper, opaque.
    pub fn laid_on_white(mut self) -> Self {
        if let Some(alpha) = self.alpha.take() {
            for (pixel, &alpha) in self.rgb.as_chunks_mut::<3>().0.iter_mut().zip(alpha.values()) {
                *pixel = pixel.map(|value| (value * alpha + (1.0 - alpha)).clamp(0.0, 1.0));
            }
        }
        self
    }

    /// Width and height.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Row after row, red, green and blue of each pixel, within [0, 1]. They are not multiplied with the opacity; where
    /// there is none, they are white.
    pub fn rgb(&self) -> &[f32] {
        &self.rgb
    }

    /// How opaque each pixel is, where not every pixel is.
    pub fn alpha(&self) -> Option<&Mask> {
        self.alpha.as_ref()
    }

    /// For those that have made sure of the values.
    pub(crate) fn of_checked(size: Size, rgb: Vec<f32>, alpha: Option<Mask>) -> Self {
        let picture = Self { size, rgb, alpha: None };
        match alpha {
            Some(alpha) => picture.with_alpha(alpha),
            None => picture,
        }
    }
}
