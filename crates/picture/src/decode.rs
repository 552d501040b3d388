//! From a stranger's bytes to a picture.

use std::{error::Error, io::Cursor};

use image::{
    DynamicImage, ImageDecoder, ImageError, ImageFormat, Limits,
    codecs::{png::PngDecoder, webp::WebPDecoder},
    metadata::Orientation,
};
use impasto_recipe::Size;

use crate::{
    FileKind, Mask, MemoryNeed, Notice, Picture,
    jpeg::StrictJpegDecoder,
    outline::Outline,
    structure::{self, Flaw},
};

/// How large a picture may be. What reading one takes of memory, [`Picture::memory_need`] tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeLimits {
    /// The most pixels (width times height).
    pub max_pixels: u64,
}

/// 50 million pixels, which is what the larger cameras give.
impl Default for DecodeLimits {
    fn default() -> Self {
        Self { max_pixels: 50_000_000 }
    }
}

/// Bytes that make no picture, or one that is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Nothing that is known of any picture format.
    #[error("this is no picture: give a PNG, JPEG or WebP file")]
    NotAPicture,
    /// A picture of another format.
    #[error("this is a picture in the format {0}, which cannot be read here: give a PNG, JPEG or WebP file")]
    UnsupportedFormat(String),
    /// The file ends before its picture does.
    #[error("the {} file was cut off: it ends before its picture does. Send it again in full", .0.title())]
    Truncated(FileKind),
    /// The file contradicts its format.
    #[error("the {} file is broken: {reason}", format.title())]
    Broken {
        /// The format that its first bytes promise.
        format: FileKind,
        /// What is wrong.
        reason: String,
    },
    /// More pixels than the limit.
    #[error("the picture is {size}, {} pixels, and the limit is {limit}: make it smaller", size.pixels())]
    TooManyPixels {
        /// The size that its header gives.
        size: Size,
        /// [`DecodeLimits::max_pixels`].
        limit: u64,
    },
    /// A side of zero.
    #[error("the picture is {0}: it has no pixels")]
    NoPixels(Size),
}

/// What is told of a file that can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// The size of the picture in it, upright.
    pub size: Size,
    /// Whether some pixel is not opaque.
    pub transparent: bool,
    /// What its sender might not expect.
    pub notices: Vec<Notice>,
}

impl Picture {
    /// The picture in a PNG, JPEG or WebP file: upright (EXIF's orientation is followed), laid on white where it is
    /// transparent, with 16 bits a channel where the file has them. Of an animation, the first frame. Colour profiles
    /// are not looked at.
    ///
    /// # Errors
    /// What is no whole picture within the limits is refused; too many pixels are before memory is spent on them.
    pub fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Self, DecodeError> {
        let Stored { format, mut image, orientation } = read(bytes, limits)?;
        image.apply_orientation(orientation);
        let size = Size::new(image.width(), image.height());
        let alpha = is_transparent(&image).then(|| alpha(&image));
        let picture = Self::new(size, rgb(image)).map_err(|error| broken(format, &error))?;
        match alpha {
            Some(alpha) => Ok(picture.with_alpha(Mask::new(size, alpha).map_err(|error| broken(format, &error))?)),
            None => Ok(picture),
        }
    }

    /// What [`Picture::decode`] makes of these bytes. They are decoded to the last pixel, but not made into a picture of
    /// floats.
    ///
    /// # Errors
    /// Whatever `decode` refuses.
    pub fn inspect(bytes: &[u8], limits: &DecodeLimits) -> Result<Inspected, DecodeError> {
        let Stored { image, orientation, .. } = read(bytes, limits)?;
        let (width, height) = (image.width(), image.height());
        let size = if lies_down(orientation) { Size::new(height, width) } else { Size::new(width, height) };
        let notices = if orientation == Orientation::NoTransforms { Vec::new() } else { vec![Notice::TurnedUpright] };
        Ok(Inspected { size, transparent: is_transparent(&image), notices })
    }

    /// The memory that reading these bytes will take at the most, from their headers alone.
    ///
    /// # Errors
    /// Where they are not a picture file that is whole. Damage within, and its size, are not looked at.
    pub fn memory_need(bytes: &[u8]) -> Result<MemoryNeed, DecodeError> {
        let (_, outline) = outline(bytes)?;
        Ok(outline.memory_need())
    }
}

/// A picture as its file stores it.
struct Stored {
    format: FileKind,
    image: DynamicImage,
    /// How it is to be turned.
    orientation: Orientation,
}

fn read(bytes: &[u8], limits: &DecodeLimits) -> Result<Stored, DecodeError> {
    let (format, Outline { size, .. }) = outline(bytes)?;
    if size.pixels() == 0 {
        return Err(DecodeError::NoPixels(size));
    }
    if size.pixels() > limits.max_pixels {
        return Err(DecodeError::TooManyPixels { size, limit: limits.max_pixels });
    }
    let mut decoder = open(format, bytes, size)?;
    let orientation = orientation(&mut *decoder);
    let image = DynamicImage::from_decoder(decoder).map_err(|error| refused(format, &error))?;
    Ok(Stored { format, image, orientation })
}

/// The format of a whole file, and what its headers tell.
fn outline(bytes: &[u8]) -> Result<(FileKind, Outline), DecodeError> {
    let format = recognise(bytes)?;
    match structure::outline(format, bytes) {
        Ok(outline) => Ok((format, outline)),
        Err(Flaw::Truncated) => Err(DecodeError::Truncated(format)),
        Err(Flaw::Broken(reason)) => Err(broken(format, reason)),
    }
}

/// Whether width and height change places.
fn lies_down(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
}

/// By the first bytes; a file's name and media type are not to be trusted.
fn recognise(bytes: &[u8]) -> Result<FileKind, DecodeError> {
    match image::guess_format(bytes) {
        Ok(ImageFormat::Png) => Ok(FileKind::Png),
        Ok(ImageFormat::Jpeg) => Ok(FileKind::Jpeg),
        Ok(ImageFormat::WebP) => Ok(FileKind::WebP),
        Ok(other) => Err(DecodeError::UnsupportedFormat(format!("{other:?}").to_uppercase())),
        // What telephones make is the one that people try.
        Err(_) if bytes.get(4..8) == Some(b"ftyp") => match bytes.get(8..12) {
            Some(b"heic" | b"heix" | b"hevc" | b"mif1" | b"msf1") => {
                Err(DecodeError::UnsupportedFormat("HEIC".to_owned()))
            }
            _ => Err(DecodeError::NotAPicture),
        },
        Err(_) => Err(DecodeError::NotAPicture),
    }
}

/// A decoder that has read the file's headers and agrees on its size.
fn open<'a>(format: FileKind, bytes: &'a [u8], size: Size) -> Result<Box<dyn ImageDecoder + 'a>, DecodeError> {
    let limits = allowance(size);
    let decoder: Result<Box<dyn ImageDecoder + 'a>, ImageError> = match format {
        FileKind::Png => PngDecoder::with_limits(Cursor::new(bytes), limits).map(|decoder| Box::new(decoder) as _),
        FileKind::Jpeg => StrictJpegDecoder::new(bytes).map(|decoder| Box::new(decoder) as _),
        FileKind::WebP => WebPDecoder::new(Cursor::new(bytes)).map(|decoder| Box::new(decoder) as _),
        FileKind::Gif | FileKind::Bmp | FileKind::Tiff => return Err(broken(format, "it cannot be read here")),
    };
    let decoder = decoder.map_err(|error| refused(format, &error))?;
    if decoder.dimensions() != (size.width, size.height) {
        return Err(broken(format, "its headers disagree on the picture's size"));
    }
    Ok(decoder)
}

/// What a decoder may allocate: the picture at its widest, and something for tables and metadata.
fn allowance(size: Size) -> Limits {
    const BYTES_A_PIXEL: u64 = 8;
    const BESIDES: u64 = 64 << 20;
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(size.width);
    limits.max_image_height = Some(size.height);
    limits.max_alloc = Some(size.pixels().saturating_mul(BYTES_A_PIXEL).saturating_add(BESIDES));
    limits
}

/// How the camera was held; upright where the metadata do not say, or make no sense.
fn orientation(decoder: &mut dyn ImageDecoder) -> Orientation {
    let exif = decoder.exif_metadata().ok().flatten();
    // JPEG's prefix, which some writers copy into the other formats.
    let exif = exif.as_deref().map(|exif| exif.strip_prefix(b"Exif\0\0").unwrap_or(exif));
    exif.and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms)
}

/// What the decoder said, without its own words on the format.
fn refused(format: FileKind, error: &ImageError) -> DecodeError {
    match (error, error.source()) {
        (ImageError::Decoding(_), Some(reason)) => broken(format, reason),
        _ => broken(format, error),
    }
}

fn broken(format: FileKind, reason: impl ToString) -> DecodeError {
    DecodeError::Broken { format, reason: reason.to_string() }
}

fn is_transparent(image: &DynamicImage) -> bool {
    image.has_alpha() && alpha(image).iter().any(|&alpha| alpha < 1.0)
}

fn alpha(image: &DynamicImage) -> Vec<f32> {
    let words = image.to_rgba16();
    words.pixels().map(|pixel| f32::from(pixel.0[3]) / f32::from(u16::MAX)).collect()
}

fn rgb(image: DynamicImage) -> Vec<f32> {
    image.into_rgb16().as_raw().iter().map(|&value| f32::from(value) / f32::from(u16::MAX)).collect()
}
