//! Convolutions forward, against sums written out, and what is fused in, against what it is fused to.

mod support;

use impasto_conv::{
    Activations, Form, Forward, Gates, Kernels, L2_FLOOR, LANES, Line, Pooling, Shape, Tiles, Winograd,
};
use support::{CHANNELS, SIZES, apart, convolved, forms, layer, noise};

struct Case {
    shape: Shape,
    out: Shape,
    kernel: Vec<f32>,
    bias: Vec<f32>,
    planes: Vec<f32>,
}

impl Case {
    fn new((channels, out): (usize, usize), (height, width): (usize, usize)) -> Self {
        let shape = Shape { channels, height, width };
        Self {
            shape,
            out: shape.with_channels(out),
            kernel: noise(1, out * channels * 9),
            bias: noise(2, out),
            planes: noise(3, channels * height * width),
        }
    }

    fn all() -> impl Iterator<Item = Self> {
        CHANNELS.into_iter().flat_map(|channels| SIZES.into_iter().map(move |size| Self::new(channels, size)))
    }

    fn convolution<K: Kernels>(&self) -> K::Convolution {
        K::convolution(self.shape.channels, self.out.channels, &self.kernel, &self.bias)
    }

    fn layer<K: Kernels>(&self, kernels: &K, features_rectified: bool, pooling: Option<Pooling>) -> support::Layer {
        let input = Activations::from_planes(self.shape, &self.planes);
        layer(kernels, &self.convolution::<K>(), &input, self.out.channels, features_rectified, pooling)
    }

    /// The output as it is before the ReLU.
    fn features(&self, kernels: &impl Kernels) -> Vec<f32> {
        self.layer(kernels, false, None).features
    }
}

#[test]
fn all_kernels_convolve() {
    fn check(kernels: &impl Kernels, tolerance: f64) {
        let mut worst = 0f64;
        for case in Case::all() {
            let want = convolved(case.shape, &case.planes, case.out.channels, &case.kernel, &case.bias);
            let apart = apart(&case.features(kernels), &want);
            assert!(
                apart < tolerance,
                "{}: {apart} apart at {:?} to {}",
                kernels.name(),
                case.shape,
                case.out.channels
            );
            worst = worst.max(apart);
        }
        eprintln!("{}: {worst:e} of the greatest value at the worst", kernels.name());
    }
    with_all_kernels!(check);
}

#[test]
fn the_relu_of_the_input_is_taken_when_asked_for() {
    for form in forms() {
        let case = Case::new((20, 36), (13, 11));
        let rectified: Vec<f32> = case.planes.iter().map(|value| value.max(0.0)).collect();
        let want = convolved(case.shape, &rectified, case.out.channels, &case.kernel, &case.bias);
        let mut features = Activations::zeros(case.out);
        let mut gates = Gates::new(case.out, None);
        let output = Forward {
            features: Some(&mut features),
            features_rectified: false,
            next: None,
            pooling: None,
            gates: &mut gates,
        };
        let input = Activations::from_planes(case.shape, &case.planes);
        Winograd::new(form).forward(&case.convolution::<Winograd>(), &input, true, output);
        assert!(apart(&features.to_planes(), &want) < 1e-4, "{form:?}");
    }
}

#[test]
fn what_is_fused_is_what_would_come_after() {
    fn check(kernels: &impl Kernels, tolerance: f64) {
        for case in Case::all() {
            let rectified: Vec<f32> = case.features(kernels).iter().map(|value| value.max(0.0)).collect();
            for pooling in [None, Some(Pooling::Maximum), Some(Pooling::Average(1.3)), Some(Pooling::L2(0.78))] {
                let layer = case.layer(kernels, true, pooling);
                let place = format!("{} {pooling:?} {:?}", kernels.name(), case.out);
                assert_eq!(layer.features, rectified, "{place}");
                let want = pooled(case.out, &rectified, pooling);
                assert_eq!(layer.next.len(), want.len(), "{place}");
                // Lengths are taken before they are rounded, here after.
                let close =
                    |(have, want): (&f32, &f32)| f64::from((have - want).abs()) <= tolerance * f64::from(want.abs());
                assert!(layer.next.iter().zip(&want).all(close), "{place}");
            }
        }
    }
    with_all_kernels!(check);
}

/// Whole 2x2 windows of planes.
fn pooled(shape: Shape, planes: &[f32], pooling: Option<Pooling>) -> Vec<f32> {
    let Some(pooling) = pooling else { return planes.to_vec() };
    let pooled = shape.pooled();
    let mut output = Vec::new();
    for channel in 0..pooled.channels {
        for y in 0..pooled.height {
            for x in 0..pooled.width {
                let at =
                    |dy: usize, dx: usize| planes[(channel * shape.height + 2 * y + dy) * shape.width + 2 * x + dx];
                let window = [at(0, 0), at(0, 1), at(1, 0), at(1, 1)];
                output.push(match pooling {
                    Pooling::Maximum => window.into_iter().fold(0.0, f32::max),
                    Pooling::Average(gain) => window.iter().sum::<f32>() * gain / 4.0,
                    Pooling::L2(gain) => {
                        (window.map(|value| value * value).iter().sum::<f32>() + L2_FLOOR).sqrt() * gain
                    }
                });
            }
        }
    }
    output
}

#[test]
fn nothing_but_pixels_and_channels_is_written_to() {
    fn check<K: Kernels>(kernels: &K, _: f64) {
        let case = Case::new((20, 36), (8, 9));
        let mut next = Activations::zeros(case.out);
        let mut gates = Gates::new(case.out, None);
        let output = Forward {
            features: None,
            features_rectified: false,
            next: Some(&mut next),
            pooling: None,
            gates: &mut gates,
        };
        let input = Activations::from_planes(case.shape, &case.planes);
        kernels.forward(&case.convolution::<K>(), &input, false, output);
        let values = |of: &Activations<K::Line>| {
            let parts = of.lines().iter().flat_map(|line| (0..K::Line::PARTS).map(|part| line.part(part)));
            parts.flatten().collect::<Vec<f32>>()
        };
        let clean = values(&Activations::from_planes(case.out, &next.to_planes()));
        assert_eq!(values(&next), clean, "{}", kernels.name());
        assert!(clean.len() > LANES * case.out.blocks());
    }
    with_all_kernels!(check);
}

#[test]
fn sums_are_the_same_on_any_number_of_threads() {
    fn check(kernels: &impl Kernels, _: f64) {
        // Winograd's kernels split the first by tiles on few threads and by steps on many, the second always by steps.
        for case in [Case::new((16, 16), (97, 101)), Case::new((130, 36), (9, 10))] {
            let on = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| case.features(kernels))
            };
            let alone = on(1);
            for threads in [2, 3, 8] {
                assert_eq!(on(threads), alone, "{} on {threads} threads", kernels.name());
            }
        }
    }
    with_all_kernels!(check);
}

/// Products of two bf16 are exact in f32, so that it does not matter whether they are rounded before they are added.
#[test]
fn all_tiles_compute_the_same_bits() {
    let mut all: Vec<_> = forms().into_iter().map(Tiles::emulated).collect();
    all.extend(Tiles::accelerated().then(Tiles::best));
    for case in Case::all() {
        let want = case.features(&all[0]);
        for kernels in &all[1..] {
            assert_eq!(case.features(kernels), want, "{} and {}", kernels.name(), all[0].name());
        }
    }
}

#[test]
fn an_image_loses_nothing_to_rounding() {
    fn check<K: Kernels>(kernels: &K, _: f64) {
        let (height, width) = (13, 21);
        let shape = Shape { channels: 3, height, width };
        let (planes, kernel, bias) = (noise(4, 3 * shape.pixels()), noise(5, 20 * 27), noise(6, 20));
        let convolution = K::convolution_of_image(20, &kernel, &bias);
        let mut image = Activations::zeros(shape.with_channels(K::IMAGE_CHANNELS));
        K::image(&planes, &mut image);
        let have = layer(kernels, &convolution, &image, 20, false, None).features;
        let want = convolved(shape, &planes, 20, &kernel, &bias);
        // What is put out may be rounded, by 1/256 of each number at the most; what is taken in is not.
        for (have, want) in have.iter().zip(&want) {
            let apart = (f64::from(*have) - want).abs();
            assert!(apart <= want.abs() / 256.0 + 1e-4, "{}: {have} for {want}", kernels.name());
        }
    }
    with_all_kernels!(check);
}

#[test]
#[should_panic(expected = "the shape of the next layer's input")]
fn a_wrong_shape_is_refused() {
    let case = Case::new((16, 16), (8, 8));
    let mut next = Activations::zeros(Shape { width: 7, ..case.out });
    let mut gates = Gates::new(case.out, None);
    let output =
        Forward { features: None, features_rectified: false, next: Some(&mut next), pooling: None, gates: &mut gates };
    let input = Activations::from_planes(case.shape, &case.planes);
    Winograd::new(Form::best()).forward(&case.convolution::<Winograd>(), &input, false, output);
}
