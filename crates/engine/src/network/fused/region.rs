//! What the parts of an image are held against.

use candle_core::Result;
use impasto_conv::{Activations, Kernels, Line, PixelWeights};

use super::{
    super::{Region, taps::Taps},
    chain::{Layer, show_style},
    losses::{Extent, Guidance, Seen, StyleGradient, StyleStatistics, StyleTarget},
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

    /// How much each pixel counts at the layer of this number, if not all alike.
    fn guidance(&self, number: usize, taps: &Taps) -> Option<&PixelWeights> {
        self.extent(number, taps).guidance().map(Guidance::pixels)
    }
}

/// Sets `gradient` to that of all regions together; `said` is what each of them [said](AimedRegion::distance) of these features. Each
/// gradient is multiplied by its guidance on the way, where it is added, so that memory is gone through once less.
pub(super) fn put_gradient<K: Kernels>(
    regions: &[AimedRegion],
    said: &[Option<StyleGradient>],
    (number, taps): (usize, &Taps),
    kernels: &K,
    features: &Activations<K::Line>,
    (gradient, spare): (&mut Activations<K::Line>, &mut Activations<K::Line>),
) {
    let mix = |StyleGradient { matrix, bias }: &StyleGradient, output: &mut Activations<K::Line>| {
        kernels.mix(matrix, bias.as_deref(), features, output);
    };
    let mut speaking = regions.iter().zip(said).filter_map(|(region, said)| Some((region, said.as_ref()?)));
    let Some((first, said)) = speaking.next() else {
        gradient.lines_mut().fill(K::Line::ZERO);
        return;
    };
    mix(said, gradient);
    let mut pending = first.guidance(number, taps);
    for (region, said) in speaking {
        spare.reshape(features.shape());
        mix(said, spare);
        gradient.blend(pending.take(), spare, region.guidance(number, taps));
    }
    if let Some(guidance) = pending {
        gradient.weigh(guidance);
    }
}
