//! The file formats that go out.

use std::{fmt, str::FromStr};

/// A file format that pictures can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Lossless, of 8 bits a channel.
    Png,
    /// PNG of 16 bits a channel.
    Png16,
    /// Lossy, without chroma subsampling and without transparency.
    Jpeg,
    /// Lossless, of 8 bits a channel.
    WebP,
    /// Lossless, of 16 bits a channel.
    Tiff,
}

/// Text that names no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a picture format that can be written: there are png, png16, jpeg, webp and tiff")]
pub struct UnknownFormat(String);

impl Format {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Png, Self::Png16, Self::Jpeg, Self::WebP, Self::Tiff];

    /// The name in requests: `png`, `png16`, `jpeg`, `webp` or `tiff`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Png16 => "png16",
            Self::Jpeg => "jpeg",
            Self::WebP => "webp",
            Self::Tiff => "tiff",
        }
    }

    /// The media type, such as `image/png`.
    pub const fn mime(self) -> &'static str {
        match self {
            Self::Png | Self::Png16 => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::WebP => "image/webp",
            Self::Tiff => "image/tiff",
        }
    }

    /// The usual ending of a file's name, without the dot.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Png | Self::Png16 => "png",
            Self::Jpeg => "jpg",
            Self::WebP => "webp",
            Self::Tiff => "tiff",
        }
    }

    /// The name as people write it in a sentence.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Png | Self::Png16 => "PNG",
            Self::Jpeg => "JPEG",
            Self::WebP => "WebP",
            Self::Tiff => "TIFF",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// By name or extension, in small letters or capitals.
impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.eq_ignore_ascii_case("tif") {
            return Ok(Self::Tiff);
        }
        let named =
            |format: &Self| [format.name(), format.extension()].iter().any(|name| name.eq_ignore_ascii_case(text));
        Self::ALL.into_iter().find(named).ok_or_else(|| UnknownFormat(text.to_owned()))
    }
}

/// How a picture is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Encoding {
    /// In which format.
    pub format: Format,
    /// How well, where the format is JPEG; the others lose nothing.
    pub quality: JpegQuality,
}

/// At the usual quality.
impl From<Format> for Encoding {
    fn from(format: Format) -> Self {
        Self { format, quality: JpegQuality::default() }
    }
}

/// libjpeg's scale of qualities, from 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JpegQuality(u8);

/// Something that is not a quality of JPEG.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a JPEG quality: give a whole number from 1 to 100")]
pub struct UnknownQuality(String);

impl JpegQuality {
    /// From 1, the smallest file, to 100, the best picture.
    ///
    /// # Errors
    /// Where the number is not on the scale.
    pub fn new(quality: u8) -> Result<Self, UnknownQuality> {
        if (1..=100).contains(&quality) { Ok(Self(quality)) } else { Err(UnknownQuality(quality.to_string())) }
    }

    /// The number.
    pub const fn get(self) -> u8 {
        self.0
    }
}

/// 95: above it, the scale adds bytes that nobody sees.
impl Default for JpegQuality {
    fn default() -> Self {
        Self(95)
    }
}

impl fmt::Display for JpegQuality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for JpegQuality {
    type Err = UnknownQuality;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.trim().parse().ok();
        number.and_then(|number| Self::new(number).ok()).ok_or_else(|| UnknownQuality(text.to_owned()))
    }
}
