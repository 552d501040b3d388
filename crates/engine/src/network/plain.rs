//! The feature network in plain candle operations: written to be read, and the judge of every faster one.
//!
//! A backbone is a fixed chain, so its backward pass is written out instead of left to autograd, which would compute the
//! kernels' gradients too.

use std::{collections::HashMap, sync::Arc};

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::VarBuilder;

use super::{
    Aim, Backend, FeatureNetwork, TermWeights, Terms,
    losses::{StyleStatistics, StyleTarget, Target},
    pooling,
    taps::Taps,
};
use crate::vgg::{Architecture, Backbone, ConvLayer};

/// One convolution with its weights, ready for both directions.
struct Layer {
    place: ConvLayer,
    /// (out, in, 3, 3).
    kernel: Tensor,
    /// (in, out, 3, 3): what carries a gradient from the output back to the input.
    turned: Tensor,
    /// (1, out, 1, 1).
    bias: Tensor,
}

/// The plain candle implementation of [`Backend`].
pub struct PlainNetwork {
    architecture: Architecture,
    layers: Arc<Vec<Layer>>,
}

/// The chain of layers, seen as an objective sees it.
struct Chain {
    taps: Taps,
    layers: Arc<Vec<Layer>>,
}

impl PlainNetwork {
    /// Brings the backbone's weights to the device in the number format `dtype`.
    ///
    /// # Errors
    /// When the device fails, or a weight has not the shape that the layer before it asks for.
    pub fn new(backbone: &Backbone, dtype: DType, device: &Device) -> Result<Self> {
        let weights = named_tensors(backbone, device)?;
        let features = VarBuilder::from_tensors(weights, dtype, device).pp("features");
        let layers = backbone
            .architecture
            .convolutions()
            .into_iter()
            .zip(&backbone.convolutions)
            .map(|(place, convolution)| {
                let (out, inn) = (convolution.out_channels, convolution.in_channels);
                let vb = features.pp(place.index);
                let turned = impasto_conv::turned(&convolution.kernel, out, inn);
                Ok(Layer {
                    place,
                    kernel: channels_innermost(&vb.get((out, inn, 3, 3), "weight")?)?,
                    turned: channels_innermost(&Tensor::from_vec(turned, (inn, out, 3, 3), device)?.to_dtype(dtype)?)?,
                    bias: vb.get(out, "bias")?.reshape((1, out, 1, 1))?,
                })
            })
            .collect::<Result<_>>()?;
        Ok(Self { architecture: backbone.architecture, layers: Arc::new(layers) })
    }
}

/// The same kernel, laid out in memory as candle's CPU convolution brings it to at every call: that copy is then a straight
/// one.
fn channels_innermost(kernel: &Tensor) -> Result<Tensor> {
    kernel.permute((0, 2, 3, 1))?.contiguous()?.permute((0, 3, 1, 2))
}

/// The weights under torchvision's names, as a checkpoint would hold them.
fn named_tensors(backbone: &Backbone, device: &Device) -> Result<HashMap<String, Tensor>> {
    let mut tensors = HashMap::new();
    for (place, convolution) in backbone.architecture.convolutions().iter().zip(&backbone.convolutions) {
        let shape = (convolution.out_channels, convolution.in_channels, 3, 3);
        let kernel = Tensor::from_slice(&convolution.kernel, shape, device)?;
        let bias = Tensor::from_slice(&convolution.bias, convolution.out_channels, device)?;
        tensors.insert(format!("features.{}.weight", place.index), kernel);
        tensors.insert(format!("features.{}.bias", place.index), bias);
    }
    Ok(tensors)
}

impl Backend for PlainNetwork {
    fn kernels(&self) -> String {
        "candle".to_owned()
    }

    fn peak(&self) -> Option<f64> {
        None
    }

    fn aim(&self, aim: &Aim<'_>) -> Result<Box<dyn FeatureNetwork>> {
        let chain = Chain { taps: Taps::new(self.architecture, aim.objective), layers: self.layers.clone() };
        let relative = chain.taps.relative();
        let content_target = chain.content_features(aim.content)?;
        let styles = aim.styles.iter().map(|style| chain.style_statistics(&style.image)).collect::<Result<Vec<_>>>()?;
        let layers = styles.first().map_or(0, Vec::len);
        let targets = (0..layers).filter_map(|layer| {
            let parts = styles.iter().zip(aim.styles).map(|(own, style)| (&own[layer], style.weight));
            StyleStatistics::weighed(parts).transpose()
        });
        let styles = targets.map(|want| StyleTarget::new(want?, relative)).collect::<Result<_>>()?;
        Ok(Box::new(AimedNetwork {
            chain,
            weights: aim.weights,
            content: Target::new(content_target, relative)?,
            styles,
        }))
    }
}

impl Chain {
    /// Each convolution's output before ReLU, in order.
    fn forward(&self, image: &Tensor) -> Result<Vec<Tensor>> {
        let mut outputs: Vec<Tensor> = Vec::with_capacity(self.layers.len());
        for layer in self.layers.iter() {
            let input = match outputs.last() {
                None => image.clone(),
                Some(before) => self.input(layer, before)?,
            };
            outputs.push(convolve(&input, &layer.kernel)?.broadcast_add(&layer.bias)?);
        }
        Ok(outputs)
    }

    /// What a layer takes in, when the one before it put out `before`.
    fn input(&self, layer: &Layer, before: &Tensor) -> Result<Tensor> {
        let active = before.relu()?;
        match (layer.place.follows_pooling(), self.taps.relative()) {
            (false, _) => Ok(active),
            (true, false) => pooling::maximum(&active),
            (true, true) => pooling::l2(&active),
        }
    }

    /// The gradient at the output `before` for the gradient at what [`Chain::input`] made of it.
    fn input_gradient(&self, layer: &Layer, before: &Tensor, upstream: &Tensor) -> Result<Tensor> {
        let by_active = match (layer.place.follows_pooling(), self.taps.relative()) {
            (false, _) => upstream.clone(),
            (true, false) => pooling::maximum_gradient(&before.relu()?, upstream)?,
            (true, true) => pooling::l2_gradient(&before.relu()?, upstream)?,
        };
        rectified_gradient(before, &by_active)
    }

    /// The features that the losses see, (channels, height * width), of a convolution's output.
    fn tapped(&self, output: &Tensor) -> Result<Tensor> {
        let seen = if self.taps.relative() { output.relu()? } else { output.clone() };
        seen.squeeze(0)?.flatten_from(1)
    }

    /// The gradient at a convolution's output for the gradient at its tapped features.
    fn tapped_gradient(&self, output: &Tensor, by_tapped: &Tensor) -> Result<Tensor> {
        let by_seen = by_tapped.reshape(output.shape())?;
        if self.taps.relative() { rectified_gradient(output, &by_seen) } else { Ok(by_seen) }
    }

    fn content_features(&self, image: &Tensor) -> Result<Tensor> {
        let outputs = self.forward(image)?;
        let content = self.layers.iter().zip(&outputs).find(|(layer, _)| self.taps.content(&layer.place));
        let (_, output) = content.ok_or_else(|| candle_core::Error::msg("the backbone has no content layer"))?;
        self.tapped(output)
    }

    /// One for each style layer, in order.
    fn style_statistics(&self, image: &Tensor) -> Result<Vec<StyleStatistics>> {
        let outputs = self.forward(image)?;
        let styles = self.layers.iter().zip(&outputs).filter(|(layer, _)| self.taps.style(&layer.place));
        styles.map(|(_, output)| StyleStatistics::of(&self.tapped(output)?)).collect()
    }
}

/// A 3x3 convolution of stride 1 and zero padding 1.
fn convolve(x: &Tensor, kernel: &Tensor) -> Result<Tensor> {
    x.conv2d(kernel, 1, 1, 1, 1)
}

/// The gradient before a ReLU; its slope at 0 is 0.
fn rectified_gradient(before: &Tensor, upstream: &Tensor) -> Result<Tensor> {
    before.gt(0f64)?.where_cond(upstream, &upstream.zeros_like()?)
}

/// A chain with the targets of one stage.
struct AimedNetwork {
    chain: Chain,
    weights: TermWeights,
    content: Target,
    /// One for each style layer, in order.
    styles: Vec<StyleTarget>,
}

/// What the losses say at the layers that they look at.
struct Tapped {
    terms: Terms,
    /// The weighed terms' gradient at each convolution's output, where the losses look.
    gradients: Vec<Option<Tensor>>,
}

impl AimedNetwork {
    fn compare(&self, outputs: &[Tensor]) -> Result<Tapped> {
        let zero = Tensor::zeros((), outputs[0].dtype(), outputs[0].device())?;
        let mut terms = Terms { content: zero.clone(), style: zero };
        let mut gradients = Vec::with_capacity(outputs.len());
        let mut styles = self.styles.iter();
        for (layer, output) in self.chain.layers.iter().zip(outputs) {
            let mut gradient: Option<Tensor> = None;
            if self.chain.taps.content(&layer.place) {
                let (distance, by_features) = self.content.distance(&self.chain.tapped(output)?)?;
                terms.content = distance;
                gradient = Some((by_features * self.weights.content)?);
            }
            if self.chain.taps.style(&layer.place)
                && let Some(target) = styles.next()
            {
                let (distance, by_features) = target.distance(&self.chain.tapped(output)?)?;
                let weight = self.chain.taps.style_weight(&layer.place);
                terms.style = (terms.style + (distance * weight)?)?;
                gradient = Some(sum(gradient, (by_features * (weight * self.weights.style))?)?);
            }
            let by_output = gradient.map(|by_tapped| self.chain.tapped_gradient(output, &by_tapped)).transpose()?;
            gradients.push(by_output);
        }
        Ok(Tapped { terms, gradients })
    }

    /// Carries the gradients at the taps back to the image.
    fn backward(&self, outputs: &[Tensor], tapped: &mut [Option<Tensor>]) -> Result<Tensor> {
        let mut carried: Option<Tensor> = None;
        for (number, layer) in self.chain.layers.iter().enumerate().rev() {
            let by_output = match (carried.take(), tapped[number].take()) {
                (Some(from_above), Some(own)) => (from_above + own)?,
                (Some(gradient), None) | (None, Some(gradient)) => gradient,
                (None, None) => outputs[number].zeros_like()?,
            };
            let by_input = convolve(&by_output, &layer.turned)?;
            carried = Some(match number.checked_sub(1) {
                Some(before) => self.chain.input_gradient(layer, &outputs[before], &by_input)?,
                None => by_input,
            });
        }
        carried.ok_or_else(|| candle_core::Error::msg("the backbone has no layers"))
    }
}

fn sum(so_far: Option<Tensor>, more: Tensor) -> Result<Tensor> {
    match so_far {
        Some(so_far) => so_far + more,
        None => Ok(more),
    }
}

impl FeatureNetwork for AimedNetwork {
    fn terms(&mut self, image: &Tensor) -> Result<Terms> {
        Ok(self.compare(&self.chain.forward(image)?)?.terms)
    }

    fn terms_and_gradient(&mut self, image: &Tensor) -> Result<(Terms, Tensor)> {
        let outputs = self.chain.forward(image)?;
        let mut tapped = self.compare(&outputs)?;
        let gradient = self.backward(&outputs, &mut tapped.gradients)?;
        Ok((tapped.terms, gradient))
    }
}
