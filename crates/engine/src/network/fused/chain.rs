//! The chain of convolutions, forward and back, at one image size.

use impasto_conv::{Activations, Backward, Forward, Gates, Kernels, Line, Pooling, Shape, Tap, Through, turned};
use impasto_recipe::PoolingChoice;

use super::super::{
    pooling::{AVERAGE_GAIN, L2_GAIN},
    taps::Taps,
};
use crate::vgg::{ConvLayer, Convolution};

/// One convolution, ready for both directions.
pub(super) struct Layer<K: Kernels> {
    out_channels: usize,
    forward: K::Convolution,
    backward: K::Convolution,
}

impl<K: Kernels> Layer<K> {
    pub fn new(place: &ConvLayer, convolution: &Convolution) -> Self {
        let Convolution { in_channels: inn, out_channels: out, kernel, bias } = convolution;
        let reads_image = (place.block, place.place) == (1, 1);
        Self {
            out_channels: *out,
            forward: match reads_image {
                true => K::convolution_of_image(*out, kernel, bias),
                false => K::convolution(*inn, *out, kernel, bias),
            },
            backward: K::convolution(*out, *inn, &turned(kernel, *out, *inn), &vec![0.0; *inn]),
        }
    }
}

/// What a forward pass leaves at a layer.
struct Trace<L> {
    shape: Shape,
    gates: Gates,
    /// Where the losses look, the features that they see; before an L2 pooling, the output that its slope needs.
    features: Option<Activations<L>>,
}

/// The pooling behind the layer of this number, if there is one.
fn pooling(taps: &Taps, number: usize) -> Option<Pooling> {
    taps.pools(number).then(|| match taps.pooling() {
        PoolingChoice::Maximum => Pooling::Maximum,
        PoolingChoice::Average => Pooling::Average(AVERAGE_GAIN as f32),
        PoolingChoice::L2 => Pooling::L2(L2_GAIN as f32),
    })
}

/// Whether a layer's features outlive the forward pass.
fn keeps(taps: &Taps, number: usize) -> bool {
    taps.any(number) || matches!(pooling(taps, number), Some(Pooling::L2(_)))
}

/// Whether features are the next layer's input too, where no pooling lies between: not if a ReLU is yet to be taken that the
/// kernels do not take on the way.
fn features_serve<K: Kernels>(taps: &Taps) -> bool {
    taps.relative() || K::RECTIFY
}

/// Shows `see` the features of an image, (3, height, width), at each layer where the style is looked at. Nothing is kept for a
/// way back: that takes less than a third of the memory of [`Passes`].
pub(super) fn show_style<K: Kernels>(
    layers: &[Layer<K>],
    taps: &Taps,
    kernels: &K,
    (image, height, width): (&[f32], usize, usize),
    mut see: impl FnMut(usize, &Activations<K::Line>),
) {
    let relative = taps.relative();
    let mut input = Activations::zeros(Shape { channels: K::IMAGE_CHANNELS, height, width });
    K::image(image, &mut input);
    let mut rectify = false;
    for (number, layer) in layers.iter().enumerate() {
        let shape = input.shape().with_channels(layer.out_channels);
        let pooling = pooling(taps, number);
        let mut features = taps.style(number).map(|_| Activations::zeros(shape));
        let passes_on = pooling.is_some() || features.is_none() || !features_serve::<K>(taps);
        let mut next = passes_on.then(|| Activations::zeros(if pooling.is_some() { shape.pooled() } else { shape }));
        let output = Forward {
            features: features.as_mut(),
            features_rectified: relative,
            next: next.as_mut(),
            pooling,
            gates: &mut Gates::new(shape, pooling),
        };
        kernels.forward(&layer.forward, &input, rectify, output);
        if let Some(features) = &features {
            see(number, features);
        }
        rectify = next.is_none() && !relative;
        // One of them is there: what does not pass anything on has features that serve.
        let Some(passed_on) = next.or(features) else { return };
        input = passed_on;
    }
}

/// The buffers of passes over images of one size.
pub(super) struct Passes<K: Kernels> {
    taps: Taps,
    image: Activations<K::Line>,
    traces: Vec<Trace<K::Line>>,
    /// Two that take turns in holding what goes from layer to layer.
    current: Activations<K::Line>,
    spare: Activations<K::Line>,
}

impl<K: Kernels> Passes<K> {
    pub fn new(layers: &[Layer<K>], taps: Taps, height: usize, width: usize) -> Self {
        let mut size = Shape { channels: 0, height, width };
        let traces = layers.iter().enumerate().map(|(number, layer)| {
            let (shape, pooling) = (size.with_channels(layer.out_channels), pooling(&taps, number));
            size = if pooling.is_some() { shape.pooled() } else { shape };
            Trace {
                shape,
                gates: Gates::new(shape, pooling),
                features: keeps(&taps, number).then(|| Activations::zeros(shape)),
            }
        });
        let traces = traces.collect();
        let nothing = Activations::nothing();
        let image = Activations::zeros(Shape { channels: K::IMAGE_CHANNELS, height, width });
        Self { taps, image, traces, current: nothing.clone(), spare: nothing }
    }

    /// The features at a layer where the losses look, after [`Passes::forward`].
    pub fn features(&self, layer: usize) -> &Activations<K::Line> {
        // `new` has made room at every layer for which `keeps` holds, and only those are asked for.
        self.traces[layer].features.as_ref().expect("this layer's features are kept")
    }

    /// Runs an image, (3, height, width), through all layers.
    pub fn forward(&mut self, layers: &[Layer<K>], kernels: &K, image: &[f32]) {
        let relative = self.taps.relative();
        K::image(image, &mut self.image);
        let features_serve = features_serve::<K>(&self.taps);
        for number in 0..layers.len() {
            let layer = &layers[number];
            let (before, rest) = self.traces.split_at_mut(number);
            let trace = &mut rest[0];
            let (input, rectify) = match before.last() {
                None => (&self.image, false),
                Some(Trace { features: Some(features), .. }) if features_serve && !self.taps.pools(number - 1) => {
                    (features, !relative)
                }
                Some(_) => (&self.current, false),
            };
            let is_last = number + 1 == layers.len();
            let pooling = pooling(&self.taps, number);
            let passes_on = !is_last && (pooling.is_some() || trace.features.is_none() || !features_serve);
            if passes_on {
                self.spare.reshape(if pooling.is_some() { trace.shape.pooled() } else { trace.shape });
            }
            let output = Forward {
                features: trace.features.as_mut(),
                features_rectified: relative,
                next: passes_on.then_some(&mut self.spare),
                pooling,
                gates: &mut trace.gates,
            };
            kernels.forward(&layer.forward, input, rectify, output);
            if passes_on {
                std::mem::swap(&mut self.current, &mut self.spare);
            }
        }
    }

    /// Carries the losses' gradients at their features back to the image, (3, height, width). `tap` sets its last argument
    /// to the gradient at the features of the layer that its first names.
    pub fn backward(
        &mut self,
        layers: &[Layer<K>],
        kernels: &K,
        mut tap: impl FnMut(usize, &Activations<K::Line>, &mut Activations<K::Line>),
    ) -> Vec<f32> {
        let relative = self.taps.relative();
        let (mut gradient, mut spare) = (&mut self.current, &mut self.spare);
        for (number, layer) in layers.iter().enumerate().rev() {
            let trace = &self.traces[number];
            if number + 1 == layers.len() {
                gradient.reshape(trace.shape);
                match &trace.features {
                    Some(features) => tap(number, features, gradient),
                    None => gradient.lines_mut().fill(K::Line::ZERO),
                }
                if relative {
                    trace.gates.close(gradient);
                }
            }
            let Some(before) = number.checked_sub(1) else {
                return kernels.backward_to_image(&layer.backward, gradient);
            };
            let trace = &self.traces[before];
            spare.reshape(trace.shape);
            let looked_at = match &trace.features {
                Some(features) if self.taps.any(before) => {
                    tap(before, features, spare);
                    // The kernels take the losses' gradient through a ReLU, but not between a ReLU and a pooling.
                    let taken = relative && pooling(&self.taps, before).is_some();
                    if taken {
                        spare.carry_through_relu(features);
                    }
                    if relative && !taken { Tap::AfterRelu } else { Tap::BeforeRelu }
                }
                _ => Tap::None,
            };
            let through = match (pooling(&self.taps, before), &trace.features) {
                (Some(Pooling::L2(gain)), Some(output)) => Through::L2 { output, gain },
                (Some(Pooling::Average(gain)), _) => Through::Average { gates: &trace.gates, gain },
                (Some(_), _) => Through::Maximum(&trace.gates),
                (None, _) => Through::Relu(&trace.gates),
            };
            kernels.backward(&layer.backward, gradient, Backward { through, tap: looked_at, gradient: spare });
            std::mem::swap(&mut gradient, &mut spare);
        }
        Vec::new()
    }
}
