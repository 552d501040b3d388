//! The engine: repaints a content picture in the manner of style pictures by optimising it against a VGG network
//! (Gatys et al. 2016). It knows no job, no HTTP and no async.
//!
//! An [`Engine`] is a backbone on a device. [`Engine::paint`] follows a recipe from its start or from a [`Checkpoint`]
//! and tells an [`Observer`] of it. In the centre stands a small seam, [`network::FeatureNetwork`], which answers with
//! the loss terms and their gradient at an image and on which an optimiser steps.
#![forbid(unsafe_code)]

mod algebra;
mod checkpoint;
mod colours;
mod device;
mod error;
mod finish;
mod free;
mod image;
mod losses;
pub mod network;
mod observer;
mod optimiser;
mod paint;
mod stage;
mod subject;
mod tv;
pub mod vgg;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use device::{DeviceChoice, DeviceName, available_devices};
pub use error::EngineError;
pub use observer::{Flow, Observer, Snapshot};
pub use paint::{Engine, EngineSettings, Outcome, precisions};
pub use subject::{Style, Subject};
