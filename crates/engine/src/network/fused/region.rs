//! What the parts of an image are held against.

use candle_core::Result;
use impasto_conv::{Activations, Kernels};

use super::{
    super::{Region, taps::Taps},
    chain::{Layer, show_style},
    losses::{Extent, Seen, StyleGradient, StyleStatistics, StyleTarget},
};
use crate::algebra::with_numbers;

/// A region with its targets.
pub(super) struct AimedRegion {
    weight: f64,
    /// Block by block.
    extents: Vec<Extent>,
    /// Layer by layer, where the style is compared.
    targets: Vec<Option<StyleTarget>>,
}

impl AimedRegion {
    pub fn new<K: Kernels>(region: &Region, layers: &[Layer<K>], taps: &Taps, kernels: &K) -> Result<Self> {
        let mut wanted: Vec<Option<(StyleStatistics, f64)>> = layers.iter().map(|_| None).collect();
        let mut spare = Activations::nothing();
        for style in region.styles.iter().filter(|style| style.weight > 0.0) {
            let extents = Extent::by_block::<K::Line>(style.style_mask.as_ref());
            let mut see = |number: usize, features: &Activations<K::Line>| {
                let extent = &extents[taps.block(number) - 1];
                // Where a mask leaves nothing of a style, the others stand for it.
                let Some(seen) = Seen::new(kernels, features, extent, &mut spare) else { return };
                let nothing = || (StyleStatistics::zeros(features.shape().channels), 0.0);
                let (sum, share) = wanted[number].get_or_insert_with(nothing);
                sum.add_part(style.weight, &StyleStatistics::of(seen));
                *share += style.weight;
            };
            let (_, _, height, width) = style.image.dims4()?;
            with_numbers(&style.image, |image| show_style(layers, taps, kernels, (image, height, width), &mut see))?;
        }
        let target = |(sum, share): (StyleStatistics, f64)| StyleTarget::new(sum.divided_by(share), taps.relative());
        let targets = wanted.into_iter().map(|want| want.map(target)).collect();
        Ok(Self { weight: region.weight, extents: Extent::by_block::<K::Line>(region.mask.as_ref()), targets })
    }

    fn extent(&self, number: usize, taps: &Taps) -> &Extent {
        &self.extents[taps.block(number) - 1]
    }

    /// How far the features of the layer of this number are from the target, as far as this region counts; and `weight` times the
    /// gradient of that. Nothing where no pixel of the region, or of its styles, is left.
    pub fn distance<K: Kernels>(
        &self,
        (number, taps): (usize, &Taps),
        kernels: &K,
        features: &Activations<K::Line>,
        spare: &mut Activations<K::Line>,
        weight: f64,
    ) -> Option<(f64, StyleGradient)> {
        let target = self.targets[number].as_ref()?;
        let seen = Seen::new(kernels, features, self.extent(number, taps), spare)?;
        let (distance, gradient) = target.distance(seen, self.weight * weight);
        Some((self.weight * distance, gradient))
    }

    /// Sets `gradient` to what [`AimedRegion::distance`] said of these features; or adds it, where the gradient is `begun`.
    pub fn put_gradient<K: Kernels>(
        &self,
        (number, taps): (usize, &Taps),
        kernels: &K,
        StyleGradient { matrix, bias }: &StyleGradient,
        features: &Activations<K::Line>,
        spare: &mut Activations<K::Line>,
        (gradient, begun): (&mut Activations<K::Line>, bool),
    ) {
        let bias = bias.as_deref();
        let guidance = self.extent(number, taps).guidance();
        if !begun {
            kernels.mix(matrix, bias, features, gradient);
            if let Some(guidance) = guidance {
                gradient.weigh(guidance.pixels());
            }
            return;
        }
        spare.reshape(features.shape());
        kernels.mix(matrix, bias, features, spare);
        match guidance {
            Some(guidance) => gradient.add_weighed(spare, guidance.pixels()),
            None => gradient.add(spare),
        }
    }
}
