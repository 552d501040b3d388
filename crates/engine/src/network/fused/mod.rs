//! The feature network for CPUs, on the kernels of `impasto-conv`: what the plain one does, with bias, ReLU and pooling
//! fused into the convolutions, activations in the kernels' own layout from the first layer to the last, and buffers that
//! serve every epoch of a stage.

mod aimed;
mod chain;
mod losses;
mod region;

use std::sync::Arc;

use candle_core::Result;
use impasto_conv::{Form, Kernels, Tiles, Winograd};

use self::{aimed::AimedNetwork, chain::Layer};
use super::{Aim, Backend, FeatureNetwork, taps::Taps};
use crate::vgg::{Architecture, Backbone};

/// The implementation of [`Backend`] for CPUs.
pub struct FusedNetwork<K: Kernels> {
    architecture: Architecture,
    layers: Arc<Vec<Layer<K>>>,
    kernels: Arc<K>,
}

impl FusedNetwork<Winograd> {
    /// In f32, as fast as this CPU can.
    pub fn f32(backbone: &Backbone) -> Self {
        Self::new(backbone, Winograd::new(Form::best()))
    }
}

impl FusedNetwork<Tiles> {
    /// In bf16, as fast as this CPU can.
    pub fn bf16(backbone: &Backbone) -> Self {
        Self::new(backbone, Tiles::best())
    }
}

impl<K: Kernels> FusedNetwork<K> {
    /// Lays the backbone's weights out for these kernels.
    pub fn new(backbone: &Backbone, kernels: K) -> Self {
        let places = backbone.architecture.convolutions();
        let layers = places.iter().zip(&backbone.convolutions);
        let layers = layers.map(|(place, convolution)| Layer::new(place, convolution));
        Self { architecture: backbone.architecture, layers: Arc::new(layers.collect()), kernels: Arc::new(kernels) }
    }
}

impl<K: Kernels + 'static> Backend for FusedNetwork<K> {
    fn kernels(&self) -> String {
        self.kernels.name()
    }

    fn peak(&self) -> Option<f64> {
        Some(self.kernels.peak())
    }

    fn aim(&self, aim: &Aim<'_>) -> Result<Box<dyn FeatureNetwork>> {
        let taps = Taps::new(self.architecture, aim)?;
        Ok(Box::new(AimedNetwork::new(self.layers.clone(), taps, self.kernels.clone(), aim)?))
    }
}
