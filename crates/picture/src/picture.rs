//! What the rest of the house takes for a picture.

use impasto_recipe::Size;

/// An upright, opaque RGB picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    size: Size,
    /// Row after row, red, green and blue of each pixel; every value is within [0, 1].
    rgb: Vec<f32>,
}

/// Numbers that make no picture.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PictureError {
    /// A side of no pixels.
    #[error("a picture of {0} has no pixels")]
    NoPixels(Size),
    /// Too few or too many numbers for the size.
    #[error("a picture of {size} takes three values a pixel, which is not the {given} given")]
    WrongLength {
        /// The size asked for.
        size: Size,
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

impl Picture {
    /// A picture of interleaved RGB rows.
    ///
    /// # Errors
    /// Where the size is empty, the values do not fill it, or one of them is not within [0, 1].
    pub fn new(size: Size, rgb: Vec<f32>) -> Result<Self, PictureError> {
        if size.pixels() == 0 {
            return Err(PictureError::NoPixels(size));
        }
        if u64::try_from(rgb.len()).ok() != size.pixels().checked_mul(3) {
            return Err(PictureError::WrongLength { size, given: rgb.len() });
        }
        match rgb.iter().position(|value| !(0.0..=1.0).contains(value)) {
            Some(position) => Err(PictureError::OutOfRange { value: rgb[position], position }),
            None => Ok(Self { size, rgb }),
        }
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

    /// Width and height.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Row after row, red, green and blue of each pixel, within [0, 1].
    pub fn rgb(&self) -> &[f32] {
        &self.rgb
    }
}
