//! The chain with the targets of one stage.

use std::sync::Arc;

use candle_core::{Device, Error, Result, Tensor};
use impasto_conv::{Activations, Kernels, Line};

use super::{
    super::{Aim, FeatureNetwork, TermWeights, Terms, taps::Taps},
    chain::{Layer, Passes, show_style},
    losses::{ContentTarget, StyleGradient, StyleStatistics, StyleTarget},
};
use crate::algebra::with_numbers;

pub(super) struct AimedNetwork<K: Kernels> {
    layers: Arc<Vec<Layer<K>>>,
    taps: Taps,
    kernels: Arc<K>,
    passes: Passes<K>,
    weights: TermWeights,
    content: ContentTarget<K::Line>,
    /// At the layers where the style is compared.
    styles: Vec<Option<StyleTarget>>,
}

/// What the losses say of an image.
struct Verdict {
    content: f64,
    style: f64,
    /// At the layers where the style is compared.
    by_style: Vec<Option<StyleGradient>>,
}

impl<K: Kernels> AimedNetwork<K> {
    pub fn new(layers: Arc<Vec<Layer<K>>>, taps: Taps, kernels: Arc<K>, aim: &Aim<'_>) -> Result<Self> {
        let relative = taps.relative();
        let mut wanted: Vec<Option<StyleStatistics>> = layers.iter().map(|_| None).collect();
        for style in aim.styles {
            let (height, width) = size(&style.image)?;
            let mut see = |number: usize, features: &Activations<K::Line>| {
                let sum = wanted[number].get_or_insert_with(|| StyleStatistics::zeros(features.shape().channels));
                sum.add_part(style.weight, &StyleStatistics::of(&*kernels, features));
            };
            with_numbers(&style.image, |image| show_style(&layers, taps, &kernels, (image, height, width), &mut see))?;
        }
        let (height, width) = size(aim.content)?;
        let mut passes = Passes::new(&layers, taps, height, width);
        with_numbers(aim.content, |image| passes.forward(&layers, &kernels, image))?;
        let content = layers.iter().position(|layer| taps.content(&layer.place));
        let content = content.ok_or_else(|| Error::msg("the backbone has no content layer"))?;
        let content = ContentTarget::new(passes.features(content).clone(), relative);
        let styles = wanted.into_iter().map(|want| want.map(|want| StyleTarget::new(want, relative))).collect();
        Ok(Self { layers, taps, kernels, passes, weights: aim.weights, content, styles })
    }

    fn look(&mut self, image: &Tensor) -> Result<Verdict> {
        with_numbers(image, |image| self.passes.forward(&self.layers, &self.kernels, image))?;
        let mut verdict = Verdict { content: 0.0, style: 0.0, by_style: Vec::new() };
        for (number, layer) in self.layers.iter().enumerate() {
            if self.taps.content(&layer.place) {
                verdict.content = self.content.distance(self.passes.features(number));
            }
            verdict.by_style.push(self.styles[number].as_ref().map(|target| {
                let features = self.passes.features(number);
                let weight = self.taps.style_weight(&layer.place);
                let (distance, gradient) = target.distance(&*self.kernels, features, weight * self.weights.style);
                verdict.style += weight * distance;
                gradient
            }));
        }
        Ok(verdict)
    }
}

impl<K: Kernels> FeatureNetwork for AimedNetwork<K> {
    fn terms(&mut self, image: &Tensor) -> Result<Terms> {
        self.look(image)?.terms()
    }

    fn terms_and_gradient(&mut self, image: &Tensor) -> Result<(Terms, Tensor)> {
        let verdict = self.look(image)?;
        let Self { layers, taps, kernels, passes, weights, content, .. } = self;
        let tap = |number: usize, features: &Activations<_>, gradient: &mut Activations<_>| {
            match &verdict.by_style[number] {
                Some(StyleGradient { matrix, bias }) => kernels.mix(matrix, bias.as_deref(), features, gradient),
                None => gradient.lines_mut().fill(K::Line::ZERO),
            }
            if taps.content(&layers[number].place) {
                content.add_gradient(features, weights.content, gradient);
            }
        };
        let gradient = passes.backward(layers, &**kernels, tap);
        Ok((verdict.terms()?, Tensor::from_vec(gradient, image.shape(), &Device::Cpu)?))
    }
}

impl Verdict {
    fn terms(&self) -> Result<Terms> {
        Ok(Terms { content: Tensor::new(self.content, &Device::Cpu)?, style: Tensor::new(self.style, &Device::Cpu)? })
    }
}

/// (height, width) of an image (1, 3, height, width).
fn size(image: &Tensor) -> Result<(usize, usize)> {
    let (_, _, height, width) = image.dims4()?;
    Ok((height, width))
}
