//! The feature network in plain candle operations: written to be read, and the judge of every faster one.
//!
//! A backbone is a fixed chain, so its backward pass is written out instead of left to autograd, which would compute the
//! kernels' gradients too.

use std::{collections::HashMap, sync::Arc};

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::VarBuilder;
use impasto_recipe::PoolingChoice;

use super::{
    Aim, Backend, FeatureNetwork, PixelMask, Region, TermWeights, Terms, WeighedStyle,
    losses::{Guidance, StyleStatistics, StyleTarget, Target},
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
        let chain = Chain { taps: Taps::new(self.architecture, aim)?, layers: self.layers.clone() };
        let outputs = chain.forward(aim.content)?;
        let contents = chain.content_targets(&outputs)?;
        let regions = aim.regions.iter().map(|region| chain.region(region, &outputs)).collect::<Result<_>>()?;
        Ok(Box::new(AimedNetwork { chain, weights: aim.weights, contents, regions }))
    }
}

impl Chain {
    /// The layers that are computed.
    fn layers(&self) -> &[Layer] {
        &self.layers[..self.taps.depth()]
    }

    /// Each convolution's output before ReLU, in order.
    fn forward(&self, image: &Tensor) -> Result<Vec<Tensor>> {
        let mut outputs: Vec<Tensor> = Vec::with_capacity(self.taps.depth());
        for layer in self.layers() {
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
        match self.taps.pooling() {
            _ if !layer.place.follows_pooling() => Ok(active),
            PoolingChoice::Maximum => pooling::maximum(&active),
            PoolingChoice::Average => pooling::average(&active),
            PoolingChoice::L2 => pooling::l2(&active),
        }
    }

    /// The gradient at the output `before` for the gradient at what [`Chain::input`] made of it.
    fn input_gradient(&self, layer: &Layer, before: &Tensor, upstream: &Tensor) -> Result<Tensor> {
        let active = before.relu()?;
        let by_active = match self.taps.pooling() {
            _ if !layer.place.follows_pooling() => upstream.clone(),
            PoolingChoice::Maximum => pooling::maximum_gradient(&active, upstream)?,
            PoolingChoice::Average => pooling::average_gradient(&active, upstream)?,
            PoolingChoice::L2 => pooling::l2_gradient(&active, upstream)?,
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

    /// What the content is held against, layer by layer.
    fn content_targets(&self, outputs: &[Tensor]) -> Result<Vec<Option<Target>>> {
        let target = |(number, output): (usize, &Tensor)| match self.taps.content(number) {
            Some(_) => Target::new(self.tapped(output)?, self.taps.relative()).map(Some),
            None => Ok(None),
        };
        outputs.iter().enumerate().map(target).collect()
    }

    /// What a region is held against, on images whose features are like `contents`.
    fn region(&self, region: &Region, contents: &[Tensor]) -> Result<AimedRegion> {
        let styles = region.styles.iter();
        let statistics = styles.map(|style| self.style_statistics(style)).collect::<Result<Vec<_>>>()?;
        let look = |(number, output): (usize, &Tensor)| {
            if self.taps.style(number).is_none() {
                return Ok(None);
            }
            // Where a mask leaves nothing of a style, the others stand for it.
            let seen = statistics.iter().zip(&region.styles).filter(|(_, style)| style.weight > 0.0);
            let seen: Vec<_> = seen.filter_map(|(own, style)| Some((own[number].as_ref()?, style.weight))).collect();
            let all: f64 = seen.iter().map(|(_, weight)| weight).sum();
            let shares = seen.into_iter().map(|(own, weight)| (own, weight / all));
            let want = StyleStatistics::weighed(shares)?;
            let target = want.map(|want| StyleTarget::new(want, self.taps.relative())).transpose()?;
            let guidance = self.guidance(region.mask.as_ref(), number, &self.tapped(output)?)?;
            Ok(guidance.zip(target))
        };
        let looks = contents.iter().enumerate().map(look).collect::<Result<_>>()?;
        Ok(AimedRegion { weight: region.weight, looks })
    }

    /// Layer by layer, where the style is compared and the style's mask leaves something of it.
    fn style_statistics(&self, style: &WeighedStyle) -> Result<Vec<Option<StyleStatistics>>> {
        let outputs = self.forward(&style.image)?;
        let statistics = |(number, output): (usize, &Tensor)| {
            if self.taps.style(number).is_none() {
                return Ok(None);
            }
            let features = self.tapped(output)?;
            let guidance = self.guidance(style.style_mask.as_ref(), number, &features)?;
            guidance.map(|guidance| StyleStatistics::of(&features, &guidance)).transpose()
        };
        outputs.iter().enumerate().map(statistics).collect()
    }

    /// How much each pixel of a layer's features counts; `None` where nothing is left of them.
    fn guidance(&self, mask: Option<&PixelMask>, number: usize, features: &Tensor) -> Result<Option<Guidance>> {
        match mask {
            Some(mask) => Guidance::of_mask(&mask.at_block(self.taps.block(number)), features),
            None => Guidance::even(features).map(Some),
        }
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
    /// One for each layer.
    contents: Vec<Option<Target>>,
    regions: Vec<AimedRegion>,
}

/// A region with its targets.
struct AimedRegion {
    weight: f64,
    /// Layer by layer, which pixels count and what their style is held against; nothing where no pixel does.
    looks: Vec<Option<(Guidance, StyleTarget)>>,
}

/// What the losses say at the layers that they look at.
struct Tapped {
    terms: Terms,
    /// The weighed terms' gradient at each convolution's output, where the losses look.
    gradients: Vec<Option<Tensor>>,
}

impl AimedNetwork {
    fn compare(&self, outputs: &[Tensor]) -> Result<Tapped> {
        let taps = &self.chain.taps;
        let zero = Tensor::zeros((), outputs[0].dtype(), outputs[0].device())?;
        let mut terms = Terms { content: zero.clone(), style: zero };
        let mut gradients = Vec::with_capacity(outputs.len());
        for (number, output) in outputs.iter().enumerate() {
            if !taps.any(number) {
                gradients.push(None);
                continue;
            }
            let features = self.chain.tapped(output)?;
            let mut gradient = features.zeros_like()?;
            if let (Some(weight), Some(target)) = (taps.content(number), &self.contents[number]) {
                let (distance, by_features) = target.distance(&features)?;
                terms.content = (terms.content + (distance * weight)?)?;
                gradient = (gradient + (by_features * (weight * self.weights.content))?)?;
            }
            for region in &self.regions {
                let (Some(weight), Some((guidance, target))) = (taps.style(number), &region.looks[number]) else {
                    continue;
                };
                let weight = weight * region.weight;
                let (distance, by_features) = target.distance(&features, guidance)?;
                terms.style = (terms.style + (distance * weight)?)?;
                gradient = (gradient + (by_features * (weight * self.weights.style))?)?;
            }
            gradients.push(Some(self.chain.tapped_gradient(output, &gradient)?));
        }
        Ok(Tapped { terms, gradients })
    }

    /// Carries the gradients at the taps back to the image.
    fn backward(&self, outputs: &[Tensor], tapped: &mut [Option<Tensor>]) -> Result<Tensor> {
        let mut carried: Option<Tensor> = None;
        for (number, layer) in self.chain.layers().iter().enumerate().rev() {
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
        carried.ok_or_else(|| candle_core::Error::msg("no loss looks at any layer"))
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
