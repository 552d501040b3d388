//! The file formats that go in and out.

use std::{fmt, str::FromStr};

/// A picture file format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Lossless, of 8 bits a channel when written.
    Png,
    /// Lossy, without chroma subsampling when written.
    Jpeg,
    /// Lossless when written.
    WebP,
}

/// Text that names no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no picture format that can be written: there are png, jpeg and webp")]
pub struct UnknownFormat(String);

impl Format {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Png, Self::Jpeg, Self::WebP];

    /// The name in requests: `png`, `jpeg` or `webp`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::WebP => "webp",
        }
    }

    /// The media type, such as `image/png`.
    pub const fn mime(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::WebP => "image/webp",
        }
    }

    /// The usual ending of a file's name, without the dot.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::WebP => "webp",
        }
    }

    /// The name as people write it in a sentence.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::WebP => "WebP",
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
        let named =
            |format: &Self| [format.name(), format.extension()].iter().any(|name| name.eq_ignore_ascii_case(text));
        Self::ALL.into_iter().find(named).ok_or_else(|| UnknownFormat(text.to_owned()))
    }
}
