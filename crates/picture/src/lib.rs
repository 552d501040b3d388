//! Pictures on their way in and out: decoded under limits, upright and in sRGB, as floats; resized without rounding;
//! encoded again.
#![forbid(unsafe_code)]

mod colour;
mod decode;
mod encode;
mod error;
mod exif;
mod format;
mod ifd;
mod inflate;
mod kind;
mod mask;
mod notice;
mod outline;
mod picture;
mod read;
mod recognise;
mod resize;
mod stored;
mod structure;
mod turn;

pub use decode::Inspected;
pub use encode::EncodeError;
pub use error::{DecodeError, DecodeLimits};
pub use format::{Encoding, Format, JpegQuality, UnknownFormat, UnknownQuality};
pub use kind::{FileKind, READABLE_MIME};
pub use mask::Mask;
pub use notice::Notice;
pub use outline::MemoryNeed;
pub use picture::{Picture, PictureError};
pub use resize::Filter;
