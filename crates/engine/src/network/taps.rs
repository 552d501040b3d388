//! Where an objective looks at a network, and how the network is run for it.

use impasto_recipe::Objective;

use crate::vgg::{Architecture, ConvLayer};

/// What the style layers count in the objective `relative`, from block 1 to block 5. The first ones hold what a painting's
/// surface is, its tones and strokes; the last ones its motifs, which are not wanted in the photograph.
const RELATIVE_STYLE_WEIGHTS: [f64; 5] = [2.5, 1.25, 0.6, 0.3, 0.08];

/// An objective on an architecture.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taps {
    architecture: Architecture,
    objective: Objective,
}

impl Taps {
    /// The taps of `objective` on `architecture`.
    pub fn new(architecture: Architecture, objective: Objective) -> Self {
        Self { architecture, objective }
    }

    /// Whether the objective divides by the energy of its targets, looks after ReLU and pools by lengths (L2).
    pub(crate) fn relative(self) -> bool {
        self.objective == Objective::Relative
    }

    /// Whether the style is compared at this layer: the first of every block.
    pub(crate) fn style(self, layer: &ConvLayer) -> bool {
        layer.place == 1
    }

    /// What the style at a layer counts in the sum over all layers.
    pub(crate) fn style_weight(self, layer: &ConvLayer) -> f64 {
        if self.relative() { RELATIVE_STYLE_WEIGHTS[layer.block - 1] } else { 1.0 }
    }

    /// Whether the content is compared at this layer.
    pub(crate) fn content(self, layer: &ConvLayer) -> bool {
        let place = if self.relative() { 2 } else { self.architecture.last_of_block_4() };
        (layer.block, layer.place) == (4, place)
    }

    /// Whether any loss looks at this layer.
    pub(crate) fn any(self, layer: &ConvLayer) -> bool {
        self.style(layer) || self.content(layer)
    }
}
