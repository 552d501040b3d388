//! From a picture to a file.

use image::{
    ExtendedColorType, ImageEncoder,
    codecs::{jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder},
};
use impasto_recipe::Size;

use crate::{Format, Picture};

/// Above 95, libjpeg's scale of qualities adds bytes that nobody sees.
const JPEG_QUALITY: u8 = 95;

/// A picture that cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The format has no room for so long a side.
    #[error("{} holds pictures of at most {limit} pixels a side, this one is {size}: ask for another format", format.title())]
    TooLarge {
        /// The format asked for.
        format: Format,
        /// The picture's size.
        size: Size,
        /// The longest side that the format can express.
        limit: u32,
    },
    /// The encoder failed.
    #[error("the picture could not be written as {}: {reason}", format.title())]
    Failed {
        /// The format asked for.
        format: Format,
        /// What the encoder said.
        reason: String,
    },
}

impl Picture {
    /// The file's bytes, the same at every call: 8 bits a channel, PNG and WebP without loss.
    ///
    /// # Errors
    /// Where a side is longer than the format can express.
    pub fn encode(&self, format: Format) -> Result<Vec<u8>, EncodeError> {
        let size = self.size();
        let limit = longest_side(format);
        if size.longest_side() > limit {
            return Err(EncodeError::TooLarge { format, size, limit });
        }
        let (rgb, rgb8) = (self.to_rgb8(), ExtendedColorType::Rgb8);
        let mut file = Vec::new();
        let written = match format {
            Format::Png => PngEncoder::new(&mut file).write_image(&rgb, size.width, size.height, rgb8),
            Format::Jpeg => {
                JpegEncoder::new_with_quality(&mut file, JPEG_QUALITY).write_image(&rgb, size.width, size.height, rgb8)
            }
            Format::WebP => WebPEncoder::new_lossless(&mut file).write_image(&rgb, size.width, size.height, rgb8),
        };
        written.map_err(|error| EncodeError::Failed { format, reason: error.to_string() })?;
        Ok(file)
    }

    /// Each value times 255, rounded half to even.
    fn to_rgb8(&self) -> Vec<u8> {
        self.rgb().iter().map(|value| (value * 255.0).round_ties_even() as u8).collect()
    }
}

/// In pixels, by the width of the fields of the format's header.
const fn longest_side(format: Format) -> u32 {
    match format {
        Format::Png => i32::MAX as u32,
        Format::Jpeg => u16::MAX as u32,
        Format::WebP => 1 << 14,
    }
}
