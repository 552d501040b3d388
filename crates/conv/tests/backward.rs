//! Gradients carried back, against sums written out; the ReLU and the pooling on the way too.

mod support;

use impasto_conv::{
    Activations, Backward, Form, Gates, Kernels, L2_FLOOR, Pooling, Shape, Tap, Through, Winograd, turned,
};
use support::{SIZES, apart, convolved, layer, noise};

/// A layer that puts out `out`, and after its ReLU and pooling a convolution to `CHANNELS` channels.
struct Case {
    out: Shape,
    pooling: Option<Pooling>,
    /// Of the layer's output, before the ReLU.
    values: Vec<f32>,
    gates: Gates,
    upstream: Shape,
    kernel: Vec<f32>,
    gradient: Vec<f32>,
}

const CHANNELS: usize = 20;

impl Case {
    fn new<K: Kernels>(kernels: &K, (height, width): (usize, usize), pooling: Option<Pooling>) -> Self {
        let out = Shape { channels: 36, height, width };
        let inner = if pooling.is_some() { out.pooled() } else { out };
        let upstream = inner.with_channels(CHANNELS);
        // The values are made by a forward pass, whose gates are tried with them. Coarse numbers, so that there are ties.
        let mut kernel = vec![0.0; 36 * 36 * 9];
        (0..36).for_each(|channel| kernel[(channel * 36 + channel) * 9 + 4] = 1.0);
        let coarse: Vec<f32> = noise(5, 36 * out.pixels()).iter().map(|value| (value * 3.0).round()).collect();
        let same = K::convolution(36, 36, &kernel, &[0.0; 36]);
        let layer = layer(kernels, &same, &Activations::from_planes(out, &coarse), 36, false, pooling);
        Self {
            out,
            pooling,
            values: layer.features,
            gates: layer.gates,
            upstream,
            kernel: noise(6, CHANNELS * 36 * 9),
            gradient: noise(7, CHANNELS * upstream.pixels()),
        }
    }

    /// The gradient as the kernels carry it back, added to `own` as `tap` says.
    fn have<K: Kernels>(&self, kernels: &K, tap: Tap, own: &[f32]) -> Vec<f32> {
        let turned = turned(&self.kernel, CHANNELS, 36);
        let convolution = K::convolution(CHANNELS, 36, &turned, &[0.0; 36]);
        let mut gradient = Activations::from_planes(self.out, own);
        let output = Activations::from_planes(self.out, &self.values);
        let through = match self.pooling {
            None => Through::Relu(&self.gates),
            Some(Pooling::Maximum) => Through::Maximum(&self.gates),
            Some(Pooling::Average(gain)) => Through::Average { gates: &self.gates, gain },
            Some(Pooling::L2(gain)) => Through::L2 { output: &output, gain },
        };
        let upstream = Activations::from_planes(self.upstream, &self.gradient);
        kernels.backward(&convolution, &upstream, Backward { through, tap, gradient: &mut gradient });
        gradient.to_planes()
    }

    /// The same, written out.
    fn want(&self, tap: Tap, own: &[f32]) -> Vec<f64> {
        let turned = turned(&self.kernel, CHANNELS, 36);
        let by_input = convolved(self.upstream, &self.gradient, 36, &turned, &[0.0; 36]);
        let Shape { height, width, .. } = self.out;
        let mut gradient = vec![0f64; 36 * height * width];
        for channel in 0..36 {
            let plane = &self.values[channel * height * width..][..height * width];
            let to = &mut gradient[channel * height * width..][..height * width];
            for y in 0..self.upstream.height {
                for x in 0..self.upstream.width {
                    let upstream = by_input[(channel * self.upstream.height + y) * self.upstream.width + x];
                    let Some(pooling) = self.pooling else {
                        to[y * width + x] = upstream;
                        continue;
                    };
                    let corners = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(dy, dx)| (2 * y + dy) * width + 2 * x + dx);
                    match pooling {
                        Pooling::Average(gain) => {
                            corners.iter().for_each(|&corner| to[corner] = upstream * f64::from(gain) / 4.0)
                        }
                        Pooling::L2(gain) => {
                            let rectified = corners.map(|corner| f64::from(plane[corner].max(0.0)));
                            let squares: f64 = rectified.iter().map(|value| value * value).sum();
                            let by_length = upstream * f64::from(gain) / (squares + f64::from(L2_FLOOR)).sqrt();
                            for (corner, value) in corners.into_iter().zip(rectified) {
                                to[corner] = by_length * value;
                            }
                        }
                        Pooling::Maximum => {
                            let greatest = corners.iter().fold(0f32, |greatest, &corner| greatest.max(plane[corner]));
                            // The first of equal ones; with none above 0 the ReLU lets nothing pass anyway.
                            if let Some(&first) = corners.iter().find(|&&corner| plane[corner] == greatest) {
                                to[first] = upstream;
                            }
                        }
                    }
                }
            }
        }
        let pairs = gradient.iter().zip(own).zip(&self.values);
        let rectified = |value: f32, gradient: f64| if value > 0.0 { gradient } else { 0.0 };
        let added = pairs.map(|((&carried, &own), &value)| match tap {
            Tap::None => rectified(value, carried),
            Tap::BeforeRelu => rectified(value, carried) + f64::from(own),
            Tap::AfterRelu => rectified(value, carried + f64::from(own)),
        });
        added.collect()
    }
}

#[test]
fn all_kernels_carry_gradients_back() {
    fn check(kernels: &impl Kernels, tolerance: f64) {
        for size in SIZES {
            for pooling in [None, Some(Pooling::Maximum), Some(Pooling::Average(1.3)), Some(Pooling::L2(0.78))] {
                if pooling.is_some() && (size.0 < 2 || size.1 < 2) {
                    continue;
                }
                let case = Case::new(kernels, size, pooling);
                for tap in [Tap::None, Tap::BeforeRelu, Tap::AfterRelu] {
                    if tap == Tap::AfterRelu && pooling.is_some() {
                        continue;
                    }
                    let own = noise(8, 36 * case.out.pixels());
                    let apart = apart(&case.have(kernels, tap, &own), &case.want(tap, &own));
                    let name = kernels.name();
                    assert!(apart < tolerance, "{name} {pooling:?} {tap:?} at {size:?}: {apart} apart");
                }
            }
        }
    }
    with_all_kernels!(check);
}

#[test]
fn the_first_layer_gives_the_image_its_gradient() {
    fn check<K: Kernels>(kernels: &K, tolerance: f64) {
        let shape = Shape { channels: 20, height: 13, width: 11 };
        let (kernel, upstream) = (noise(1, 20 * 3 * 9), noise(2, 20 * shape.pixels()));
        let turned = turned(&kernel, 20, 3);
        let convolution = K::convolution(20, 3, &turned, &[0.0; 3]);
        let have = kernels.backward_to_image(&convolution, &Activations::from_planes(shape, &upstream));
        let want = convolved(shape, &upstream, 3, &turned, &[0.0; 3]);
        assert!(apart(&have, &want) < tolerance, "{}", kernels.name());
    }
    with_all_kernels!(check);
}

#[test]
#[should_panic(expected = "the gates")]
fn gates_of_another_layer_are_refused() {
    let kernels = Winograd::new(Form::best());
    let mut case = Case::new(&kernels, (8, 8), None);
    case.gates = Gates::new(Shape { height: 7, ..case.out }, None);
    case.have(&kernels, Tap::None, &noise(8, 36 * 64));
}
