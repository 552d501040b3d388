//! The chain with the targets of one stage.

use std::sync::Arc;

use candle_core::{Device, Result, Tensor};
use impasto_conv::{Activations, Kernels};

use super::{
    super::{Aim, FeatureNetwork, TermWeights, Terms, taps::Taps},
    chain::{Layer, Passes},
    losses::{ContentTarget, StyleGradient},
    region::{AimedRegion, put_gradient},
};
use crate::algebra::with_numbers;

pub(super) struct AimedNetwork<K: Kernels> {
    layers: Arc<Vec<Layer<K>>>,
    taps: Taps,
    kernels: Arc<K>,
    passes: Passes<K>,
    weights: TermWeights,
    /// Layer by layer, where the content is compared.
    contents: Vec<Option<ContentTarget<K::Line>>>,
    regions: Vec<AimedRegion>,
    /// Room for one layer's features, for regions with masks.
    spare: Activations<K::Line>,
}

/// What the losses say of an image.
struct Verdict {
    content: f64,
    style: f64,
    /// Layer by layer where the style is compared, what each region has to say there.
    by_style: Vec<Vec<Option<StyleGradient>>>,
}

impl<K: Kernels> AimedNetwork<K> {
    pub fn new(layers: Arc<Vec<Layer<K>>>, taps: Taps, kernels: Arc<K>, aim: &Aim<'_>) -> Result<Self> {
        let chain = &layers[..taps.depth()];
        let regions = aim.regions.iter();
        let regions = regions.map(|region| AimedRegion::new(region, chain, &taps, &*kernels)).collect::<Result<_>>()?;
        let (_, _, height, width) = aim.content.dims4()?;
        let mut passes = Passes::new(chain, taps.clone(), height, width);
        with_numbers(aim.content, |image| passes.forward(chain, &kernels, image))?;
        let content = |number: usize| {
            let looks = taps.content(number).is_some();
            looks.then(|| ContentTarget::new(passes.features(number).clone(), taps.relative()))
        };
        let contents = (0..taps.depth()).map(content).collect();
        let spare = Activations::nothing();
        Ok(Self { layers, taps, kernels, passes, weights: aim.weights, contents, regions, spare })
    }

    fn look(&mut self, image: &Tensor) -> Result<Verdict> {
        let Self { layers, taps, kernels, passes, weights, contents, regions, spare } = self;
        with_numbers(image, |image| passes.forward(&layers[..taps.depth()], kernels, image))?;
        let mut verdict = Verdict { content: 0.0, style: 0.0, by_style: Vec::new() };
        for (number, content) in contents.iter().enumerate() {
            if let (Some(weight), Some(target)) = (taps.content(number), content) {
                verdict.content += weight * target.distance(passes.features(number));
            }
            let Some(weight) = taps.style(number) else {
                verdict.by_style.push(Vec::new());
                continue;
            };
            let features = passes.features(number);
            let of_region = |region: &AimedRegion| {
                let (distance, gradient) =
                    region.distance((number, taps), &**kernels, features, spare, weight * weights.style)?;
                verdict.style += weight * distance;
                Some(gradient)
            };
            let said = regions.iter().map(of_region).collect();
            verdict.by_style.push(said);
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
        let Self { layers, taps, kernels, passes, weights, contents, regions, spare } = self;
        let tap = |number: usize, features: &Activations<K::Line>, gradient: &mut Activations<K::Line>| {
            let said = &verdict.by_style[number];
            put_gradient(regions, said, (number, taps), &**kernels, features, (gradient, spare));
            if let (Some(weight), Some(target)) = (taps.content(number), &contents[number]) {
                target.add_gradient(features, weight * weights.content, gradient);
            }
        };
        let gradient = passes.backward(&layers[..taps.depth()], &**kernels, tap);
        Ok((verdict.terms()?, Tensor::from_vec(gradient, image.shape(), &Device::Cpu)?))
    }
}

impl Verdict {
    fn terms(&self) -> Result<Terms> {
        Ok(Terms { content: Tensor::new(self.content, &Device::Cpu)?, style: Tensor::new(self.style, &Device::Cpu)? })
    }
}
