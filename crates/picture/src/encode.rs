//! From a picture to a file.

mod tiff;

use std::sync::LazyLock;

use image::{
    ExtendedColorType, ImageEncoder,
    codecs::{jpeg::JpegEncoder, webp::WebPEncoder},
};
use impasto_recipe::Size;
use moxcms::ColorProfile;

use crate::{Encoding, Format, Picture};

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
    /// The file's bytes, the same at every call, with the mark that its colours are sRGB. Transparency is kept, but for
    /// JPEG, which has none: there the picture is laid on white.
    ///
    /// # Errors
    /// Where a side is longer than the format can express.
    pub fn encode(&self, encoding: impl Into<Encoding>) -> Result<Vec<u8>, EncodeError> {
        let Encoding { format, quality } = encoding.into();
        format.check_size(self.size())?;
        let written = match format {
            Format::Png => png(self, png::BitDepth::Eight, &self.samples(to_byte)).map_err(|error| error.to_string()),
            Format::Png16 => png(self, png::BitDepth::Sixteen, &big_end_first(&self.samples(to_word)))
                .map_err(|error| error.to_string()),
            Format::Jpeg => self.jpeg(quality.get()).map_err(|error| error.to_string()),
            Format::WebP => self.webp().map_err(|error| error.to_string()),
            Format::Tiff => tiff::encode(self).map_err(|error| error.to_string()),
        };
        written.map_err(|reason| EncodeError::Failed { format, reason })
    }

    fn jpeg(&self, quality: u8) -> image::ImageResult<Vec<u8>> {
        let mut file = Vec::new();
        let mut encoder = JpegEncoder::new_with_quality(&mut file, quality);
        encoder.set_icc_profile(SRGB_PROFILE.clone()).map_err(image::ImageError::Unsupported)?;
        let on_white;
        let opaque = if self.alpha().is_some() {
            on_white = self.clone().laid_on_white();
            &on_white
        } else {
            self
        };
        let Size { width, height } = self.size();
        encoder.write_image(&opaque.samples(to_byte), width, height, ExtendedColorType::Rgb8)?;
        Ok(file)
    }

    fn webp(&self) -> image::ImageResult<Vec<u8>> {
        let mut file = Vec::new();
        let mut encoder = WebPEncoder::new_lossless(&mut file);
        encoder.set_icc_profile(SRGB_PROFILE.clone()).map_err(image::ImageError::Unsupported)?;
        let colours = if self.alpha().is_some() { ExtendedColorType::Rgba8 } else { ExtendedColorType::Rgb8 };
        let Size { width, height } = self.size();
        encoder.write_image(&self.samples(to_byte), width, height, colours)?;
        Ok(file)
    }

    /// Row after row, the channels of each pixel: three, or four where the picture is transparent somewhere.
    fn samples<T>(&self, of: impl Fn(f32) -> T) -> Vec<T> {
        let Some(alpha) = self.alpha() else {
            return self.rgb().iter().map(|&value| of(value)).collect();
        };
        let pixels = self.rgb().as_chunks::<3>().0.iter().zip(alpha.values());
        pixels.flat_map(|(&[red, green, blue], &alpha)| [red, green, blue, alpha]).map(of).collect()
    }
}

/// What a viewer needs to know of the colours, where the format has no shorter word for it.
static SRGB_PROFILE: LazyLock<Vec<u8>> =
    LazyLock::new(|| ColorProfile::new_srgb().encode().expect("the library writes its own profile"));

fn png(picture: &Picture, depth: png::BitDepth, samples: &[u8]) -> Result<Vec<u8>, png::EncodingError> {
    let Size { width, height } = picture.size();
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(if picture.alpha().is_some() { png::ColorType::Rgba } else { png::ColorType::Rgb });
    encoder.set_depth(depth);
    encoder.set_compression(png::Compression::Fast);
    encoder.set_filter(png::Filter::Adaptive);
    encoder.set_source_srgb(png::SrgbRenderingIntent::Perceptual);
    // Those who do not know that chunk go by these two, which the format's specification gives to go with it.
    encoder.set_source_gamma(png::ScaledFloat::from_scaled(45_455));
    encoder.set_source_chromaticities(png::SourceChromaticities {
        white: [31_270, 32_900].map(png::ScaledFloat::from_scaled).into(),
        red: [64_000, 33_000].map(png::ScaledFloat::from_scaled).into(),
        green: [30_000, 60_000].map(png::ScaledFloat::from_scaled).into(),
        blue: [15_000, 6_000].map(png::ScaledFloat::from_scaled).into(),
    });
    let mut writer = encoder.write_header()?;
    writer.write_image_data(samples)?;
    writer.finish()?;
    Ok(file)
}

/// Rounded half to even.
fn to_byte(value: f32) -> u8 {
    (value * f32::from(u8::MAX)).round_ties_even() as u8
}

fn to_word(value: f32) -> u16 {
    (value * f32::from(u16::MAX)).round_ties_even() as u16
}

fn big_end_first(samples: &[u16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_be_bytes()).collect()
}

impl Format {
    /// Whether the format can express a picture of this size.
    ///
    /// # Errors
    /// Where a side is longer than that.
    pub fn check_size(self, size: Size) -> Result<(), EncodeError> {
        let limit = self.longest_side();
        if size.longest_side() > limit {
            return Err(EncodeError::TooLarge { format: self, size, limit });
        }
        Ok(())
    }

    /// In pixels, by the width of the fields of the format's header.
    const fn longest_side(self) -> u32 {
        match self {
            Self::Png | Self::Png16 | Self::Tiff => i32::MAX as u32,
            Self::Jpeg => u16::MAX as u32,
            Self::WebP => 1 << 14,
        }
    }
}
