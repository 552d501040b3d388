//! Where the backbones' weights come from: the binary itself, a path, the cache, or the Hugging Face hub. Whatever the
//! source, a file is checked in full before a number of it is used.
#![forbid(unsafe_code)]

mod error;
mod fetch;
mod file;
mod hub;
mod settings;
mod source;
mod store;

pub use error::{Flaw, WeightsError};
pub use file::{Report, Tensor, check};
pub use hf_hub::api::Progress;
pub use hub::Hub;
pub use settings::Settings;
pub use source::Source;
pub use store::{BackboneInfo, Store};
