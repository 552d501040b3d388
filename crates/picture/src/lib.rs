//! Pictures on their way in and out: decoded under limits, upright and opaque, as floats; resized without rounding;
//! encoded again.
#![forbid(unsafe_code)]

mod decode;
mod encode;
mod format;
mod jpeg;
mod outline;
mod picture;
mod resize;
mod structure;

pub use decode::{DecodeError, DecodeLimits};
pub use encode::EncodeError;
pub use format::{Format, UnknownFormat};
pub use outline::MemoryNeed;
pub use picture::{Picture, PictureError};
pub use resize::Filter;
