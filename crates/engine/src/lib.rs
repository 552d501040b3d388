//! The engine: repaints a content picture in the manner of style pictures by optimising it against a VGG network.
//! It knows no job, no HTTP and no async.
#![forbid(unsafe_code)]

pub mod vgg;
