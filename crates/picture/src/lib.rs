//! Pictures on their way in and out: decoded under limits, upright and in sRGB, as floats; resized without rounding;
//! encoded again.
#![forbid(unsafe_code)]

mod decode;
mod encode;
mod format;
mod jpeg;
mod kind;
mod mask;
mod notice;
mod outline;
mod picture;
mod resize;
mod structure;

pub use decode::{DecodeError, DecodeLimits, Inspected};
pub use encode::EncodeError;
pub use format::{Encoding, Format, JpegQuality, UnknownFormat, UnknownQuality};
pub use kind::{FileKind, READABLE_MIME};
pub use mask::Mask;
pub use notice::Notice;
pub use outline::MemoryNeed;
pub use picture::{Picture, PictureError};
pub use resize::Filter;
