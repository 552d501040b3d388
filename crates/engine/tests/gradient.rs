//! The written-out backward pass against directional differences in double precision.

mod support;

use candle_core::{DType, Device, Tensor};
use impasto_engine::{
    network::{Aim, Backend, FeatureNetwork, PlainNetwork, TermWeights, WeighedStyle},
    vgg::Architecture,
};
use impasto_recipe::Objective;
use support::{SplitMix64, seeded};

/// Odd on purpose: pooling drops rows and columns.
const HEIGHT: usize = 37;
const WIDTH: usize = 29;
const WEIGHTS: TermWeights = TermWeights { content: 1.5, style: 700.0 };

fn noise(seed: u64, height: usize, width: usize) -> Tensor {
    let mut numbers = SplitMix64(seed);
    let values: Vec<f64> = (0..3 * height * width).map(|_| numbers.next_signed() * 2.0).collect();
    Tensor::from_vec(values, (1, 3, height, width), &Device::Cpu).unwrap()
}

fn aimed(architecture: Architecture, objective: Objective) -> Box<dyn FeatureNetwork> {
    let backbone = seeded(architecture, 16, 3);
    let network = PlainNetwork::new(&backbone, DType::F64, &Device::Cpu).unwrap();
    // Two styles of different sizes, one of them large and one small.
    let styles = [
        WeighedStyle { image: noise(11, 33, 48), weight: 0.7 },
        WeighedStyle { image: noise(12, 21, 19), weight: 0.3 },
    ];
    network.aim(&Aim { objective, content: &noise(10, HEIGHT, WIDTH), styles: &styles, weights: WEIGHTS }).unwrap()
}

fn total(network: &mut dyn FeatureNetwork, image: &Tensor) -> f64 {
    let terms = network.terms(image).unwrap();
    let number = |scalar: &Tensor| scalar.to_scalar::<f64>().unwrap();
    WEIGHTS.content * number(&terms.content) + WEIGHTS.style * number(&terms.style)
}

#[test]
fn the_gradient_is_that_of_the_losses() {
    for architecture in Architecture::ALL {
        for objective in [Objective::Published, Objective::Relative] {
            let mut network = aimed(architecture, objective);
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
                assert!(apart < 1e-5, "{architecture} {objective}: {claimed} claimed, {measured} measured");
            }
        }
    }
}

#[test]
fn the_terms_are_the_same_with_and_without_the_gradient() {
    let mut network = aimed(Architecture::Vgg19, Objective::Relative);
    let image = noise(20, HEIGHT, WIDTH);
    let (with, _) = network.terms_and_gradient(&image).unwrap();
    let without = network.terms(&image).unwrap();
    for (a, b) in [(with.content, without.content), (with.style, without.style)] {
        assert_eq!(a.to_scalar::<f64>().unwrap(), b.to_scalar::<f64>().unwrap());
    }
}
