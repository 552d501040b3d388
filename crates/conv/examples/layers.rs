//! What each convolution of a VGG takes forward, by all kernels that this machine can run, the products of a style layer's Gram
//! matrix too: `cargo run --release -p impasto-conv --example layers -- 300 200`.

use std::time::Instant;

use impasto_conv::{Activations, Form, Forward, Gates, Kernels, Shape, Tiles, Winograd};

/// (in, out) channels, and by what the image's sides are divided there.
const LAYERS: [(usize, usize, usize); 9] = [
    (3, 64, 1),
    (64, 64, 1),
    (64, 128, 2),
    (128, 128, 2),
    (128, 256, 4),
    (256, 256, 4),
    (256, 512, 8),
    (512, 512, 8),
    (512, 512, 16),
];
const ROUNDS: usize = 20;

fn main() {
    let sides: Vec<usize> = std::env::args().skip(1).filter_map(|side| side.parse().ok()).collect();
    let &[width, height] = sides.as_slice() else {
        eprintln!("usage: layers WIDTH HEIGHT");
        std::process::exit(2);
    };
    for form in Form::available() {
        layers(&Winograd::new(form), width, height);
        layers(&Tiles::emulated(form), width, height);
    }
    if Tiles::accelerated() {
        layers(&Tiles::best(), width, height);
    }
}

fn layers(kernels: &impl Kernels, width: usize, height: usize) {
    println!("{}: {:.0} GFLOP/s at the most", kernels.name(), kernels.peak() / 1e9);
    for (inn, out, part) in LAYERS {
        layer(kernels, out, Shape { channels: inn, height: height / part, width: width / part });
    }
}

fn layer<K: Kernels>(kernels: &K, out: usize, shape: Shape) {
    let input = Activations::from_planes(shape, &numbers(shape.channels * shape.pixels()));
    let convolution = K::convolution(shape.channels, out, &numbers(shape.channels * out * 9), &vec![0.1; out]);
    let mut next = Activations::zeros(shape.with_channels(out));
    let mut gates = Gates::new(next.shape(), None);
    let seconds = fastest(|| {
        let next = Some(&mut next);
        let output = Forward { features: None, features_rectified: false, next, pooling: None, gates: &mut gates };
        kernels.forward(&convolution, &input, false, output);
    });
    let operations = (2 * 9 * shape.channels * out * shape.pixels()) as f64;
    let gram = fastest(|| drop(kernels.gram(&next)));
    let matrix = kernels.gram(&next);
    let mut mixed = Activations::zeros(next.shape());
    let mix = fastest(|| kernels.mix(&matrix, None, &next, &mut mixed));
    println!(
        "{:>4} to {out:>3} channels, {:>4}x{:<4} {:>8.2} ms, {:>4.0} GFLOP/s of a direct convolution; Gram {:>6.2} ms, mix {:>6.2} ms",
        shape.channels,
        shape.width,
        shape.height,
        seconds * 1e3,
        operations / seconds / 1e9,
        gram * 1e3,
        mix * 1e3,
    );
}

fn fastest(mut work: impl FnMut()) -> f64 {
    let seconds = (0..ROUNDS).map(|_| {
        let started = Instant::now();
        work();
        started.elapsed().as_secs_f64()
    });
    seconds.fold(f64::INFINITY, f64::min)
}

/// Something of both signs.
fn numbers(count: usize) -> Vec<f32> {
    (0..count).map(|n| (n * 7919 % 1000) as f32 / 1000.0 - 0.5).collect()
}
