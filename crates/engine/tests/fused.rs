//! The fused feature network against the plain one, which judges it.

#[allow(dead_code, reason = "of the runs only their networks are used")]
#[path = "support/parity.rs"]
mod parity;
mod support;

use candle_core::{DType, Device, Tensor};
use impasto_conv::{Form, Kernels, Tiles, Winograd};
use impasto_engine::{
    network::{Aim, Backend, FusedNetwork, PlainNetwork, TermWeights, WeighedStyle},
    vgg::Architecture,
};
use impasto_recipe::Objective;
use support::{SplitMix64, golden_json, golden_tensors, seeded};

const WEIGHTS: TermWeights = TermWeights { content: 1.5, style: 700.0 };
/// (height, width): the least a stage may have, odd ones that every pooling drops something of, and a wide one.
const SIZES: [(usize, usize); 4] = [(16, 16), (37, 29), (67, 95), (33, 130)];

fn noise(seed: u64, (height, width): (usize, usize)) -> Tensor {
    let mut numbers = SplitMix64(seed);
    let values: Vec<f32> = (0..3 * height * width).map(|_| (numbers.next_signed() * 2.0) as f32).collect();
    Tensor::from_vec(values, (1, 3, height, width), &Device::Cpu).unwrap()
}

fn number(scalar: &Tensor) -> f64 {
    scalar.to_dtype(DType::F64).unwrap().to_scalar().unwrap()
}

/// The Euclidean one.
fn length(tensor: &Tensor) -> f64 {
    number(&tensor.sqr().unwrap().sum_all().unwrap()).sqrt()
}

/// How far apart the two networks may be.
struct Tolerance {
    /// Of a loss, as a part of it.
    losses: f64,
    /// Of most gradients, by length, as a part of it.
    usual: f64,
    /// Of every gradient: where a ReLU or a maximum is all but a tie, rounding turns it over, and the gradient with it.
    worst: f64,
}

const F32: Tolerance = Tolerance { losses: 1e-4, usual: 1e-4, worst: 1e-2 };
/// Of noise through networks of noise; those of real pictures are held against PyTorch's below.
const BF16: Tolerance = Tolerance { losses: 2e-2, usual: 0.25, worst: 0.5 };

#[test]
fn it_says_what_the_plain_one_says() {
    for architecture in Architecture::ALL {
        for form in Form::available() {
            says_what_the_plain_one_says(architecture, || Winograd::new(form), &F32);
        }
        // The forms of bf16 compute the same bits.
        says_what_the_plain_one_says(architecture, Tiles::best, &BF16);
    }
}

fn says_what_the_plain_one_says<K: Kernels + 'static>(
    architecture: Architecture,
    kernels: impl Fn() -> K,
    tolerance: &Tolerance,
) {
    let backbone = seeded(architecture, 4, 3);
    let plain = PlainNetwork::new(&backbone, DType::F32, &Device::Cpu).unwrap();
    let fused = FusedNetwork::new(&backbone, kernels());
    let name = format!("{architecture} {}", fused.kernels());
    let mut gradients_apart = Vec::new();
    for objective in [Objective::Published, Objective::Relative] {
        for size in SIZES {
            let place = format!("{name} {objective} {size:?}");
            let styles = [(11, (33, 48), 0.7), (12, (21, 19), 0.3)]
                .map(|(seed, size, weight)| WeighedStyle { image: noise(seed, size), weight });
            let content = noise(10, size);
            let aim = Aim { objective, content: &content, styles: &styles, weights: WEIGHTS };
            let (mut judge, mut judged) = (plain.aim(&aim).unwrap(), fused.aim(&aim).unwrap());
            let image = noise(20, size);
            let (want, want_gradient) = judge.terms_and_gradient(&image).unwrap();
            // The second time it finds its buffers used.
            for _ in 0..2 {
                let (have, gradient) = judged.terms_and_gradient(&image).unwrap();
                let alone = judged.terms(&image).unwrap();
                for (have, alone, want) in
                    [(&have.content, &alone.content, &want.content), (&have.style, &alone.style, &want.style)]
                {
                    let (have, alone, want) = (number(have), number(alone), number(want));
                    let apart = (have / want - 1.0).abs();
                    assert!(apart < tolerance.losses, "{place}: {have}, and {want} by the plain one");
                    assert_eq!(have, alone, "{place}: with and without the gradient");
                }
                let apart = length(&(&gradient - &want_gradient).unwrap()) / length(&want_gradient);
                assert!(apart < tolerance.worst, "{place}: the gradient is {apart} apart");
                gradients_apart.push(apart);
            }
        }
    }
    gradients_apart.sort_by(f64::total_cmp);
    let [usual, worst] = [8, 10].map(|tenths| gradients_apart[(gradients_apart.len() - 1) * tenths / 10]);
    eprintln!("{name}: gradients are {usual:e} apart, {worst:e} at the worst");
    assert!(usual < tolerance.usual, "{name}: gradients are {usual} apart");
}

#[test]
fn pictures_of_one_colour_are_compared_too() {
    let backbone = seeded(Architecture::Vgg16, 16, 3);
    let plain = PlainNetwork::new(&backbone, DType::F32, &Device::Cpu).unwrap();
    let fused = FusedNetwork::f32(&backbone);
    let of_colour = |value: f32| Tensor::full(value, (1, 3, 160, 192), &Device::Cpu).unwrap();
    for (content, style, image) in [(0.7, -1.5, 0.7), (-2.0, -2.0, 0.3), (0.5, 0.5, 0.5)] {
        let styles = [WeighedStyle { image: of_colour(style), weight: 1.0 }];
        let content = of_colour(content);
        let aim = Aim { objective: Objective::Relative, content: &content, styles: &styles, weights: WEIGHTS };
        let [want, have] = [&plain as &dyn Backend, &fused].map(|network| {
            let (terms, gradient) = network.aim(&aim).unwrap().terms_and_gradient(&of_colour(image)).unwrap();
            let length = length(&gradient);
            [number(&terms.content), number(&terms.style), length]
        });
        for (have, want) in have.into_iter().zip(want) {
            assert!(
                have.is_finite() && (have - want).abs() < 1e-3 * want.max(1e-3),
                "{style}, {image}: {have} for {want}"
            );
        }
    }
}

#[test]
fn the_gradient_in_bf16_is_no_further_from_the_exact_one_than_pytorchs() {
    for theirs in golden_json("autocast.json").as_array().unwrap() {
        let backbone = parity::backbone(theirs["backbone"].as_str().unwrap());
        let objective: Objective = theirs["objective"].as_str().unwrap().parse().unwrap();
        let golden = golden_tensors(&format!("gradient_{objective}.safetensors"));
        let weights = golden["loss_weights"].to_vec1::<f64>().unwrap();
        let weights = TermWeights { content: weights[0], style: weights[1] };
        let gradient = |network: &dyn Backend, dtype: DType| {
            let at = |name: &str| golden[name].to_dtype(dtype).unwrap();
            let styles = [WeighedStyle { image: at("style"), weight: 1.0 }];
            let aim = Aim { objective, content: &at("content"), styles: &styles, weights };
            let (_, gradient) = network.aim(&aim).unwrap().terms_and_gradient(&at("x")).unwrap();
            gradient.to_dtype(DType::F64).unwrap()
        };
        let exact = PlainNetwork::new(&backbone, DType::F64, &Device::Cpu).unwrap();
        let want = gradient(&exact, DType::F64);
        let have = gradient(&FusedNetwork::bf16(&backbone), DType::F32);
        let apart = length(&(&have - &want).unwrap()) / length(&want);
        eprintln!("{} {objective}: {apart} apart, PyTorch {}", backbone.architecture, theirs["distance"]);
        assert!(apart <= theirs["distance"].as_f64().unwrap(), "{theirs}: {apart}");
    }
}

#[test]
fn the_content_image_is_no_distance_from_itself() {
    let backbone = seeded(Architecture::Vgg19, 16, 3);
    let networks: [Box<dyn Backend>; 2] =
        [Box::new(FusedNetwork::f32(&backbone)), Box::new(FusedNetwork::bf16(&backbone))];
    let content = noise(10, (40, 56));
    let styles = [WeighedStyle { image: content.clone(), weight: 1.0 }];
    for network in networks {
        for objective in [Objective::Published, Objective::Relative] {
            let aim = Aim { objective, content: &content, styles: &styles, weights: WEIGHTS };
            let (terms, gradient) = network.aim(&aim).unwrap().terms_and_gradient(&content).unwrap();
            assert_eq!((number(&terms.content), number(&terms.style)), (0.0, 0.0));
            assert!(gradient.flatten_all().unwrap().to_vec1::<f32>().unwrap().iter().all(|value| *value == 0.0));
        }
    }
}
