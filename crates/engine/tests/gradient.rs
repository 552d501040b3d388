//! The written-out backward pass against directional differences in double precision.

mod support;

use candle_core::{DType, Device, Tensor};
use impasto_engine::{
    network::{Backend, FeatureNetwork, PixelMask, PlainNetwork, Region, TermWeights, WeighedStyle},
    vgg::Architecture,
};
use support::{SplitMix64, aim, everywhere, looks, seeded};

/// Odd on purpose: pooling drops rows and columns.
const HEIGHT: usize = 37;
const WIDTH: usize = 29;
const WEIGHTS: TermWeights = TermWeights { content: 1.5, style: 700.0 };

fn noise(seed: u64, height: usize, width: usize) -> Tensor {
    let mut numbers = SplitMix64(seed);
    let values: Vec<f64> = (0..3 * height * width).map(|_| numbers.next_signed() * 2.0).collect();
    Tensor::from_vec(values, (1, 3, height, width), &Device::Cpu).unwrap()
}

/// Every term there is: both objectives as they are, every pooling with either, layers in odd places.
const OPTIONS: [&[(&str, &str)]; 6] = [
    &[("objective", "published")],
    &[("objective", "relative")],
    &[
        ("objective", "published"),
        ("pooling", "l2"),
        ("style_layers", "conv1_2,conv2_2:2"),
        ("content_layers", "conv3_1"),
    ],
    &[("objective", "published"), ("pooling", "average")],
    &[("objective", "relative"), ("pooling", "max"), ("content_layers", "conv2_2:3,conv4_1,conv1_1:0.1")],
    &[("objective", "relative"), ("pooling", "average"), ("style_layers", "conv1_2:2,conv3_2,conv5_1")],
];

/// Two styles of different sizes, one of them large and one small, everywhere.
fn one_region() -> Vec<Region> {
    everywhere([(noise(11, 33, 48), 0.7), (noise(12, 21, 19), 0.3)])
}

/// The same everywhere, and a third one where a soft mask says, of which a part counts.
fn two_regions() -> Vec<Region> {
    let mask = |height: usize, width: usize| {
        let values = (0..height * width).map(|place| (place % width) as f32 / width as f32).collect();
        Some(PixelMask { height, width, values })
    };
    let style = WeighedStyle { image: noise(13, 25, 30), style_mask: mask(25, 30), weight: 1.0 };
    let mut regions = one_region();
    regions.push(Region { mask: mask(HEIGHT, WIDTH), weight: 0.6, styles: vec![style] });
    regions
}

fn aimed(architecture: Architecture, options: &[(&str, &str)], regions: &[Region]) -> Box<dyn FeatureNetwork> {
    let backbone = seeded(architecture, 16, 3);
    let network = PlainNetwork::new(&backbone, DType::F64, &Device::Cpu).unwrap();
    let (looks, content) = (looks(architecture, options), noise(10, HEIGHT, WIDTH));
    network.aim(&aim(&looks, &content, regions, WEIGHTS)).unwrap()
}

fn total(network: &mut dyn FeatureNetwork, image: &Tensor) -> f64 {
    let terms = network.terms(image).unwrap();
    let number = |scalar: &Tensor| scalar.to_scalar::<f64>().unwrap();
    WEIGHTS.content * number(&terms.content) + WEIGHTS.style * number(&terms.style)
}

#[test]
fn the_gradient_is_that_of_the_losses() {
    for architecture in Architecture::ALL {
        for (options, regions) in OPTIONS.iter().flat_map(|options| [(options, one_region()), (options, two_regions())])
        {
            let mut network = aimed(architecture, options, &regions);
            let image = noise(20, HEIGHT, WIDTH);
            let (_, gradient) = network.terms_and_gradient(&image).unwrap();
            for seed in 30..34 {
                let direction = noise(seed, HEIGHT, WIDTH);
                // So small, for a window of all but zeros bends its length sharply: the error goes with the square of the step.
                let step = 1e-7;
                let ahead = total(&mut *network, &(&image + (&direction * step).unwrap()).unwrap());
                let behind = total(&mut *network, &(&image - (&direction * step).unwrap()).unwrap());
                let measured = (ahead - behind) / (2.0 * step);
                let claimed = (&gradient * &direction).unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap();
                let apart = (measured - claimed).abs() / measured.abs().max(claimed.abs());
                assert!(
                    apart < 1e-5,
                    "{architecture} {options:?}, {} regions: {claimed} claimed, {measured} measured",
                    regions.len()
                );
            }
        }
    }
}

#[test]
fn the_terms_are_the_same_with_and_without_the_gradient() {
    let mut network = aimed(Architecture::Vgg19, OPTIONS[1], &two_regions());
    let image = noise(20, HEIGHT, WIDTH);
    let (with, _) = network.terms_and_gradient(&image).unwrap();
    let without = network.terms(&image).unwrap();
    for (a, b) in [(with.content, without.content), (with.style, without.style)] {
        assert_eq!(a.to_scalar::<f64>().unwrap(), b.to_scalar::<f64>().unwrap());
    }
}
