//! Convolutions forward, against sums written out, and what is fused in, against what it is fused to.

mod support;

use impasto_conv::{Activations, Convolution, Form, Forward, Gates, Pooling, Shape, Workspace};
use support::{CHANNELS, SIZES, apart, convolved, forms, noise};

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

    fn input(&self) -> Activations {
        Activations::from_planes(self.shape, &self.planes)
    }

    fn convolution(&self) -> Convolution {
        Convolution::new(self.shape.channels, self.out.channels, &self.kernel, &self.bias)
    }

    /// The output as it is before the ReLU.
    fn features(&self, form: Form) -> Vec<f32> {
        let mut features = Activations::zeros(self.out);
        let mut gates = Gates::of_relu(self.out);
        let output = Forward {
            features: Some(&mut features),
            features_rectified: false,
            next: None,
            pooling: None,
            gates: &mut gates,
        };
        self.convolution().forward(&Workspace::new(form), &self.input(), false, output);
        features.to_planes()
    }
}

#[test]
fn every_form_convolves() {
    for form in forms() {
        let mut worst = 0f64;
        for case in Case::all() {
            let want = convolved(case.shape, &case.planes, case.out.channels, &case.kernel, &case.bias);
            let apart = apart(&case.features(form), &want);
            assert!(apart < 1e-4, "{form:?}: {apart} apart at {:?} to {}", case.shape, case.out.channels);
            worst = worst.max(apart);
        }
        eprintln!("{form:?}: {worst:e} of the greatest value at the worst");
    }
}

#[test]
fn the_relu_of_the_input_is_taken_when_asked_for() {
    for form in forms() {
        let case = Case::new((20, 36), (13, 11));
        let rectified: Vec<f32> = case.planes.iter().map(|value| value.max(0.0)).collect();
        let want = convolved(case.shape, &rectified, case.out.channels, &case.kernel, &case.bias);
        let mut next = Activations::zeros(case.out);
        let mut gates = Gates::of_relu(case.out);
        let output = Forward {
            features: None,
            features_rectified: false,
            next: Some(&mut next),
            pooling: None,
            gates: &mut gates,
        };
        case.convolution().forward(&Workspace::new(form), &case.input(), true, output);
        let want: Vec<f64> = want.into_iter().map(|value| value.max(0.0)).collect();
        assert!(apart(&next.to_planes(), &want) < 1e-4, "{form:?}");
    }
}

#[test]
fn what_is_fused_is_what_would_come_after() {
    for form in forms() {
        for case in Case::all() {
            let features = case.features(form);
            let rectified: Vec<f32> = features.iter().map(|value| value.max(0.0)).collect();
            for pooling in [None, Some(Pooling::Maximum), Some(Pooling::Average(1.3))] {
                let next_shape = if pooling.is_some() { case.out.pooled() } else { case.out };
                let mut next = Activations::zeros(next_shape);
                let mut seen = Activations::zeros(case.out);
                let mut gates = if pooling.is_some() { Gates::of_pooling(case.out) } else { Gates::of_relu(case.out) };
                let output = Forward {
                    features: Some(&mut seen),
                    features_rectified: true,
                    next: Some(&mut next),
                    pooling,
                    gates: &mut gates,
                };
                case.convolution().forward(&Workspace::new(form), &case.input(), false, output);
                assert_eq!(seen.to_planes(), rectified, "{form:?} {:?}", case.out);
                let want = pooled(case.out, &rectified, pooling);
                let close = next.to_planes().iter().zip(&want).all(|(a, b)| (a - b).abs() <= 1e-6 * b.abs());
                assert!(close, "{form:?} {pooling:?} {:?}", case.out);
            }
        }
    }
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
                    Pooling::Average(gain) => window.iter().sum::<f32>() * (gain / 4.0),
                });
            }
        }
    }
    output
}

#[test]
fn channels_to_spare_stay_zero() {
    for form in forms() {
        let case = Case::new((20, 36), (8, 9));
        let mut next = Activations::zeros(case.out);
        let mut gates = Gates::of_relu(case.out);
        let output = Forward {
            features: None,
            features_rectified: false,
            next: Some(&mut next),
            pooling: None,
            gates: &mut gates,
        };
        case.convolution().forward(&Workspace::new(form), &case.input(), false, output);
        let last_block = &next.lanes()[2 * 8 * 9..];
        assert!(last_block.iter().all(|lanes| lanes.0[4..] == [0.0; 12]), "{form:?}");
    }
}

#[test]
fn sums_are_the_same_on_any_number_of_threads() {
    for form in forms() {
        // The first is split by tiles on few threads and by steps on many, the second always by steps.
        for case in [Case::new((16, 16), (97, 101)), Case::new((130, 36), (9, 10))] {
            let on = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| case.features(form))
            };
            let alone = on(1);
            for threads in [2, 3, 8] {
                assert_eq!(on(threads), alone, "{form:?} on {threads} threads");
            }
        }
    }
}

#[test]
#[should_panic(expected = "the shape of the next layer's input")]
fn a_wrong_shape_is_refused() {
    let case = Case::new((16, 16), (8, 8));
    let mut next = Activations::zeros(Shape { width: 7, ..case.out });
    let mut gates = Gates::of_relu(case.out);
    let output =
        Forward { features: None, features_rectified: false, next: Some(&mut next), pooling: None, gates: &mut gates };
    case.convolution().forward(&Workspace::new(Form::best()), &case.input(), false, output);
}
