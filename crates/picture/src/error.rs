//! Why bytes make no picture, and how large one may be.

use impasto_recipe::Size;

use crate::FileKind;

/// How large a picture may be. What reading one takes of memory,
/// [`Picture::memory_need`](crate::Picture::memory_need) tells.
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
    #[error("this is not a picture: give a PNG, JPEG, WebP, GIF, BMP or TIFF file")]
    NotAPicture,
    /// A picture of another format.
    #[error("this is a picture in the format {0}, which cannot be read here: save it as JPEG or PNG")]
    UnsupportedFormat(&'static str),
    /// A picture of a kind that its format allows for, and that is not read here.
    #[error("this {} file cannot be read here: {reason}. Save it anew as JPEG or PNG", kind.title())]
    UnsupportedKind {
        /// The file's format.
        kind: FileKind,
        /// What is unusual about it.
        reason: String,
    },
    /// The file ends before its picture does.
    #[error("the {} file was cut off: it ends before its picture does. Send it again in full", .0.title())]
    Truncated(FileKind),
    /// The file contradicts its format.
    #[error("the {} file is broken: {reason}", kind.title())]
    Broken {
        /// The format that its first bytes promise.
        kind: FileKind,
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

/// What is wrong with a file, by those who know its format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// It ends before it says it does.
    Truncated,
    /// It contradicts itself, or lacks a part that it cannot be without.
    Broken(String),
    /// It is of a kind that is not read here.
    Unsupported(String),
}

impl Flaw {
    pub fn broken(reason: impl ToString) -> Self {
        Self::Broken(reason.to_string())
    }

    pub fn unsupported(reason: impl ToString) -> Self {
        Self::Unsupported(reason.to_string())
    }

    /// For what a decoder complains of. Its own words are about its tables and states, and some are prints of them, which
    /// helps nobody who sent a file.
    pub fn damaged() -> Self {
        Self::broken("its data are damaged")
    }

    /// For a decoder that ran out of data in a file that is whole by its outer structure.
    pub fn too_short() -> Self {
        Self::broken("its picture data end before the picture does")
    }

    /// For a decoder that was to make more room than a picture of the size takes.
    pub fn too_greedy() -> Self {
        Self::broken("it takes more memory than its size explains")
    }

    pub fn of(self, kind: FileKind) -> DecodeError {
        match self {
            Self::Truncated => DecodeError::Truncated(kind),
            Self::Broken(reason) => DecodeError::Broken { kind, reason },
            Self::Unsupported(reason) => DecodeError::UnsupportedKind { kind, reason },
        }
    }
}
