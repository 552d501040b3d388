//! From a stranger's bytes to a picture.

use impasto_recipe::Size;

use crate::{DecodeError, DecodeLimits, MemoryNeed, Notice, Picture, read};

/// What is told of a file that can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// The size of the picture in it, upright.
    pub size: Size,
    /// Whether some pixel is not opaque.
    pub transparent: bool,
    /// What was done to it that its sender might not expect.
    pub notices: Vec<Notice>,
}

impl Picture {
    /// The picture in a PNG, JPEG, WebP, GIF, BMP or TIFF file: upright (EXIF's orientation is followed), with its
    /// transparency, and in sRGB, with all the precision that the file has. Of an animation it is the first frame, and of
    /// several pages or pictures the first.
    ///
    /// Colours are converted by what the file says of them: in a PNG by the first of cICP, iCCP, sRGB, and gAMA with cHRM,
    /// elsewhere by a colour profile. What cannot be used, such as a broken profile or one for another kind of colours, is
    /// passed over; so is a PNG's word that its brightness follows PQ or HLG, since nothing here is brighter than white.
    /// [`Picture::inspect`] tells of both. CMYK without a profile is converted by rule of thumb.
    ///
    /// # Errors
    /// A file that does not hold a whole picture within the limits is refused, and for too many pixels before memory is
    /// spent on them.
    pub fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Self, DecodeError> {
        read::read(bytes, limits).map(read::Stored::into_picture)
    }

    /// What [`Picture::decode`] makes of these bytes. They are decoded to the last pixel, but not made into a picture of
    /// floats.
    ///
    /// # Errors
    /// Whatever `decode` refuses.
    pub fn inspect(bytes: &[u8], limits: &DecodeLimits) -> Result<Inspected, DecodeError> {
        let stored = read::read(bytes, limits)?;
        let (size, transparent) = (stored.upright_size(), stored.is_transparent());
        Ok(Inspected { size, transparent, notices: stored.notices })
    }

    /// The memory that reading these bytes will take at the most, from their headers alone.
    ///
    /// # Errors
    /// Where they are not a picture file that is whole, or not one within the limits. Damage within is not looked at.
    pub fn memory_need(bytes: &[u8], limits: &DecodeLimits) -> Result<MemoryNeed, DecodeError> {
        read::outline(bytes, limits).map(|outline| outline.memory_need())
    }
}
