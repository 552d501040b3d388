//! Where a network is looked at, and what each place counts.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{
    Objective, OptionError,
    options::{number, shorten},
    vgg::{Architecture, ConvLayer},
};

/// A convolution where a loss looks, and what it counts there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LayerWeight {
    /// The convolution's name, such as `conv4_2`.
    pub layer: String,
    /// What it counts beside the others.
    pub weight: f64,
}

/// The same as a person asks for it: `NAME[:WEIGHT]`.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerOption {
    layer: String,
    weight: Option<f64>,
}

impl FromStr for LayerOption {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (layer, weight) = match text.split_once(':') {
            Some((layer, weight)) => (layer, Some(number(weight)?)),
            None => (text, None),
        };
        Ok(Self { layer: layer.trim().to_owned(), weight })
    }
}

/// What the style layers count in the objective `relative`, from block 1 to block 5. The first ones hold what a painting's
/// surface is, its tones and strokes; the last ones its motifs, which are not wanted in the photograph.
const RELATIVE_STYLE_WEIGHTS: [f64; 5] = [2.5, 1.25, 0.6, 0.3, 0.08];

/// Which of the two losses looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Looks {
    Content,
    Style,
}

impl Looks {
    fn option(self) -> &'static str {
        match self {
            Self::Content => "content_layers",
            Self::Style => "style_layers",
        }
    }

    /// What a layer counts unless a person says otherwise.
    fn own_weight(self, objective: Objective, layer: &ConvLayer) -> f64 {
        match (self, objective) {
            (Self::Style, Objective::Relative) => RELATIVE_STYLE_WEIGHTS[layer.block - 1],
            _ => 1.0,
        }
    }

    /// Whether the objective looks at a layer of its own accord: for the style at the first one of every block.
    fn looks_at(self, objective: Objective, architecture: Architecture, layer: &ConvLayer) -> bool {
        match (self, objective) {
            (Self::Style, _) => layer.place == 1,
            (Self::Content, Objective::Relative) => (layer.block, layer.place) == (4, 2),
            (Self::Content, Objective::Published) => (layer.block, layer.place) == (4, architecture.last_of_block_4()),
        }
    }

    /// The layers that are asked for, or else the objective's own, in the network's order.
    pub fn resolve(
        self,
        asked: Option<&[LayerOption]>,
        objective: Objective,
        architecture: Architecture,
    ) -> Result<Vec<LayerWeight>, OptionError> {
        let refuse = |reason: String| OptionError::new(self.option(), reason);
        let Some(asked) = asked else {
            let layers = architecture.convolutions().into_iter();
            let own = layers.filter(|layer| self.looks_at(objective, architecture, layer));
            return Ok(own.map(|layer| weighed(&layer, self.own_weight(objective, &layer))).collect());
        };
        let mut found: Vec<(ConvLayer, f64)> = Vec::with_capacity(asked.len());
        for LayerOption { layer, weight } in asked {
            let layer = architecture.convolution(layer).map_err(|reason| refuse(shorten(reason, layer)))?;
            if found.iter().any(|(other, _)| *other == layer) {
                return Err(refuse(format!("{layer} is given twice: once is enough")));
            }
            let weight = weight.unwrap_or(self.own_weight(objective, &layer));
            if !(weight.is_finite() && weight >= 0.0) {
                return Err(refuse(format!("{weight} is out of range: give a number from 0 up")));
            }
            found.push((layer, weight));
        }
        if found.iter().all(|(_, weight)| *weight == 0.0) {
            return Err(refuse("the layers weigh nothing: let one be above 0".to_owned()));
        }
        found.sort_by_key(|(layer, _)| layer.index);
        Ok(found.iter().map(|(layer, weight)| weighed(layer, *weight)).collect())
    }
}

fn weighed(layer: &ConvLayer, weight: f64) -> LayerWeight {
    LayerWeight { layer: layer.to_string(), weight }
}
