//! Numbers to try things on, and the sums written out as they stand in textbooks, in double precision.
#![allow(dead_code, reason = "each test file uses its own part")]

use impasto_conv::{Activations, Form, Forward, Gates, Kernels, Pooling, Shape};

/// Sizes at which something may go wrong: tiny, odd, prime, around multiples of a tile, larger than a panel.
pub const SIZES: [(usize, usize); 14] = [
    (1, 1),
    (1, 2),
    (2, 1),
    (2, 2),
    (3, 5),
    (4, 4),
    (5, 4),
    (7, 7),
    (8, 9),
    (13, 11),
    (17, 31),
    (29, 37),
    (64, 3),
    (53, 61),
];

/// (in, out) channels: of whole blocks, less than one, and between.
pub const CHANNELS: [(usize, usize); 6] = [(1, 1), (3, 16), (16, 3), (20, 36), (48, 64), (130, 17)];

/// Numbers in [-1, 1), the same for the same seed (SplitMix64).
pub fn noise(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0xA076_1D64_78BD_642F);
    let mut next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// The forms that this CPU can run; says which it cannot.
pub fn forms() -> Vec<Form> {
    let available = Form::available();
    for name in Form::NAMES {
        if !available.iter().any(|form| form.name() == name) {
            eprintln!("SKIPPED: this CPU cannot run the form {name}");
        }
    }
    available
}

/// Runs `$check(&kernels, tolerance)` with all kernels that this machine has, and says which it has not; how far from the right
/// numbers theirs may be is a part of the greatest of them.
#[macro_export]
macro_rules! with_all_kernels {
    ($check:path) => {
        for form in $crate::support::forms() {
            $check(&impasto_conv::Winograd::new(form), 1e-4);
            $check(&impasto_conv::Tiles::emulated(form), 2e-2);
        }
        if impasto_conv::Tiles::accelerated() {
            $check(&impasto_conv::Tiles::best(), 2e-2);
        } else {
            eprintln!("SKIPPED: this machine cannot run the kernels tiles-amx");
        }
    };
}

/// What a layer puts out, as planes.
pub struct Layer {
    /// Before the ReLU or after it, as was asked.
    pub features: Vec<f32>,
    /// After the ReLU and the pooling.
    pub next: Vec<f32>,
    pub gates: Gates,
}

/// Convolves planes of this shape, with all that may be fused in.
pub fn layer<K: Kernels>(
    kernels: &K,
    convolution: &K::Convolution,
    input: &Activations<K::Line>,
    out_channels: usize,
    features_rectified: bool,
    pooling: Option<Pooling>,
) -> Layer {
    let out = input.shape().with_channels(out_channels);
    let mut features = Activations::zeros(out);
    // A buffer that served a larger layer.
    let mut next = Activations::from_planes(
        Shape { channels: out.channels + 40, ..out },
        &vec![1.0; (out.channels + 40) * out.pixels()],
    );
    next.reshape(if pooling.is_some() { out.pooled() } else { out });
    let mut gates = Gates::new(out, pooling);
    let output = Forward {
        features: Some(&mut features),
        features_rectified,
        next: Some(&mut next),
        pooling,
        gates: &mut gates,
    };
    kernels.forward(convolution, input, false, output);
    Layer { features: features.to_planes(), next: next.to_planes(), gates }
}

/// 3x3, stride 1, padding 1: planes (in, h, w) to (out, h, w).
pub fn convolved(shape: Shape, planes: &[f32], out: usize, kernel: &[f32], bias: &[f32]) -> Vec<f64> {
    let Shape { channels, height, width } = shape;
    let mut output = Vec::with_capacity(out * height * width);
    for o in 0..out {
        for y in 0..height {
            for x in 0..width {
                let mut sum = f64::from(bias[o]);
                for i in 0..channels {
                    for (tap, weight) in kernel[(o * channels + i) * 9..][..9].iter().enumerate() {
                        let (y, x) = (y + tap / 3, x + tap % 3);
                        if (1..=height).contains(&y) && (1..=width).contains(&x) {
                            let input = planes[(i * height + y - 1) * width + x - 1];
                            sum += f64::from(*weight) * f64::from(input);
                        }
                    }
                }
                output.push(sum);
            }
        }
    }
    output
}

/// The greatest distance, as a part of the greatest value that was wanted.
pub fn apart(have: &[f32], want: &[f64]) -> f64 {
    assert_eq!(have.len(), want.len());
    let greatest = want.iter().fold(f64::MIN_POSITIVE, |greatest, number| greatest.max(number.abs()));
    let pairs = have.iter().zip(want);
    pairs.fold(0f64, |apart, (have, want)| apart.max((f64::from(*have) - want).abs())) / greatest
}
