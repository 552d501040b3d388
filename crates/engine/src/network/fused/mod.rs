//! The feature network for CPUs, on the kernels of `impasto-conv`: what the plain one does, with bias, ReLU and pooling
//! fused into the convolutions, activations in the kernels' own layout from the first layer to the last, and buffers that
//! serve every epoch of a stage.

mod aimed;
mod chain;
mod losses;

use std::sync::Arc;

use candle_core::Result;
use impasto_conv::{Form, Workspace};

use self::{aimed::AimedNetwork, chain::Layer};
use super::{Aim, Backend, FeatureNetwork, taps::Taps};
use crate::vgg::{Architecture, Backbone};

/// The implementation of [`Backend`] for CPUs.
pub struct FusedNetwork {
    architecture: Architecture,
    layers: Arc<Vec<Layer>>,
    form: Form,
}

impl FusedNetwork {
    /// Lays the backbone's weights out for this CPU.
    pub fn new(backbone: &Backbone) -> Self {
        Self::with_form(backbone, Form::best())
    }

    /// With kernels of a form that need not be the fastest.
    pub fn with_form(backbone: &Backbone, form: Form) -> Self {
        let places = backbone.architecture.convolutions();
        let layers = places.iter().zip(&backbone.convolutions).enumerate().map(|(number, (place, convolution))| {
            let pooled = places.get(number + 1).is_some_and(|next| next.follows_pooling());
            Layer::new(*place, pooled, convolution)
        });
        Self { architecture: backbone.architecture, layers: Arc::new(layers.collect()), form }
    }
}

impl Backend for FusedNetwork {
    fn kernels(&self) -> String {
        format!("winograd-{}", self.form.name())
    }

    fn peak(&self) -> Option<f64> {
        Some(impasto_conv::peak(self.form))
    }

    fn aim(&self, aim: &Aim<'_>) -> Result<Box<dyn FeatureNetwork>> {
        let taps = Taps::new(self.architecture, aim.objective);
        Ok(Box::new(AimedNetwork::new(self.layers.clone(), taps, Workspace::new(self.form), aim)?))
    }
}
