//! Where the losses look at a network, and how the network is run for them.

use candle_core::{Error, Result};
use impasto_recipe::{LayerWeight, Objective, PoolingChoice};

use super::Aim;
use crate::vgg::{Architecture, ConvLayer};

/// An objective on an architecture.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Taps {
    relative: bool,
    pooling: PoolingChoice,
    /// The convolutions that are computed: up to the last one where a loss looks.
    layers: Vec<Tap>,
}

/// What the losses count at one convolution, where they look.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Tap {
    place: ConvLayer,
    content: Option<f64>,
    style: Option<f64>,
}

impl Taps {
    /// Those of `aim` on `architecture`.
    ///
    /// # Errors
    /// When it has no such layer.
    pub fn new(architecture: Architecture, aim: &Aim<'_>) -> Result<Self> {
        let layers = architecture.convolutions().into_iter();
        let mut layers: Vec<Tap> = layers.map(|place| Tap { place, content: None, style: None }).collect();
        let mut tap = |asked: &[LayerWeight], set: fn(&mut Tap, f64)| {
            for LayerWeight { layer, weight } in asked.iter().filter(|asked| asked.weight > 0.0) {
                let known = layers.iter_mut().find(|known| known.place.to_string() == *layer);
                set(known.ok_or_else(|| Error::msg(format!("{architecture} has no layer {layer}")))?, *weight);
            }
            Ok::<_, Error>(())
        };
        tap(aim.content_layers, |tap, weight| tap.content = Some(weight))?;
        tap(aim.style_layers, |tap, weight| tap.style = Some(weight))?;
        let depth =
            layers.iter().rposition(|tap| tap.content.is_some() || tap.style.is_some()).map_or(0, |last| last + 1);
        layers.truncate(depth);
        Ok(Self { relative: aim.objective == Objective::Relative, pooling: aim.pooling, layers })
    }

    /// How many convolutions are computed.
    pub fn depth(&self) -> usize {
        self.layers.len()
    }

    /// Whether the objective divides by the energy of its targets, looks after ReLU and compares moments.
    pub fn relative(&self) -> bool {
        self.relative
    }

    /// How features are pooled.
    pub fn pooling(&self) -> PoolingChoice {
        self.pooling
    }

    /// What the content counts at the convolution of this number, where it is compared.
    pub fn content(&self, number: usize) -> Option<f64> {
        self.layers[number].content
    }

    /// What the style counts there, where it is compared.
    pub fn style(&self, number: usize) -> Option<f64> {
        self.layers[number].style
    }

    /// Whether any loss looks there.
    pub fn any(&self, number: usize) -> bool {
        self.content(number).is_some() || self.style(number).is_some()
    }

    /// The block of the convolution of this number.
    pub fn block(&self, number: usize) -> usize {
        self.layers[number].place.block
    }

    /// Whether its output is pooled before the next one reads it.
    pub fn pools(&self, number: usize) -> bool {
        self.layers.get(number + 1).is_some_and(|next| next.place.follows_pooling())
    }
}
