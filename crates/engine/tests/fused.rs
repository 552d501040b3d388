//! The fused feature network against the plain one, which judges it.

#[allow(dead_code, reason = "of the runs only their networks are used")]
#[path = "support/parity.rs"]
mod parity;
mod support;

use candle_core::{DType, Device, Tensor};
use impasto_conv::{Form, Kernels, Tiles, Winograd};
use impasto_engine::{
    network::{Backend, FusedNetwork, PixelMask, PlainNetwork, Region, TermWeights, WeighedStyle},
    vgg::Architecture,
};
use impasto_recipe::Objective;
use support::{SplitMix64, aim, everywhere, golden_json, golden_tensors, looks, seeded};

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

/// Both objectives as they are, then every pooling with either, and layers wherever the kernels take another way: before a
/// pooling, at the image, at the end of a chain that is cut off.
const OPTIONS: [&[(&str, &str)]; 10] = [
    &[("objective", "published")],
    &[("objective", "relative")],
    &[("objective", "relative")],
    &[("objective", "published")],
    &[("objective", "published"), ("pooling", "l2"), ("style_layers", "conv1_2,conv2_2:2,conv3_1")],
    &[("objective", "published"), ("pooling", "average"), ("content_layers", "conv2_2,conv4_1:0.5")],
    &[("objective", "relative"), ("pooling", "max"), ("style_layers", "conv1_1,conv1_2,conv3_3")],
    &[
        ("objective", "relative"),
        ("pooling", "average"),
        ("style_layers", "conv2_2,conv4_3"),
        ("content_layers", "conv1_2"),
    ],
    &[("objective", "relative"), ("style_layers", "conv1_1"), ("content_layers", "conv1_1")],
    &[("objective", "relative"), ("style_layers", "conv1_2,conv2_2"), ("content_layers", "conv2_2:2,conv1_1")],
];

/// Two styles everywhere.
fn one_region() -> Vec<Region> {
    everywhere([(noise(11, (33, 48)), 0.7), (noise(12, (21, 19)), 0.3)])
}

/// A soft mask, with a style of which a part counts; a small one that leaves nothing of the deeper layers; and everywhere.
fn three_regions((height, width): (usize, usize)) -> Vec<Region> {
    let mask = |height: usize, width: usize, value: &dyn Fn(usize, usize) -> f32| {
        let values = (0..height * width).map(|place| value(place / width, place % width)).collect();
        Some(PixelMask { height, width, values })
    };
    let style = |seed, (height, width), weight| {
        let part = mask(height, width, &|row, _| if row < height / 2 { 1.0 } else { 0.25 });
        WeighedStyle { image: noise(seed, (height, width)), style_mask: part, weight }
    };
    let plain = |seed, size, weight| WeighedStyle { image: noise(seed, size), style_mask: None, weight };
    vec![
        Region { mask: None, weight: 0.8, styles: vec![plain(11, (33, 48), 0.7), plain(12, (21, 19), 0.3)] },
        Region {
            mask: mask(height, width, &|row, column| ((row + column) as f32 / (height + width) as f32).powi(2)),
            weight: 0.5,
            styles: vec![style(13, (40, 31), 1.0)],
        },
        Region {
            mask: mask(height, width, &|row, column| f32::from(u8::from(row + 1 == height && column + 1 == width))),
            weight: 0.1,
            styles: vec![plain(14, (20, 20), 0.6), style(15, (24, 24), 0.4)],
        },
    ]
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
    for (turn, options) in OPTIONS.iter().enumerate() {
        let looks = looks(architecture, options);
        for size in SIZES {
            let place = format!("{name} {options:?} {size:?}");
            let content = noise(10, size);
            // Each of the options without masks and with them in turn.
            let regions = if turn.is_multiple_of(2) { one_region() } else { three_regions(size) };
            let aim = aim(&looks, &content, &regions, WEIGHTS);
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
        let regions = everywhere([(of_colour(style), 1.0)]);
        let (content, looks) = (of_colour(content), looks(Architecture::Vgg16, &[("objective", "relative")]));
        let aim = aim(&looks, &content, &regions, WEIGHTS);
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
            let looks = looks(backbone.architecture, &[("objective", objective.name())]);
            let (content, regions) = (at("content"), everywhere([(at("style"), 1.0)]));
            let (_, gradient) =
                network.aim(&aim(&looks, &content, &regions, weights)).unwrap().terms_and_gradient(&at("x")).unwrap();
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
    let regions = everywhere([(content.clone(), 1.0)]);
    for network in networks {
        for objective in [Objective::Published, Objective::Relative] {
            let looks = looks(Architecture::Vgg19, &[("objective", objective.name())]);
            let aim = aim(&looks, &content, &regions, WEIGHTS);
            let (terms, gradient) = network.aim(&aim).unwrap().terms_and_gradient(&content).unwrap();
            assert_eq!((number(&terms.content), number(&terms.style)), (0.0, 0.0));
            assert!(gradient.flatten_all().unwrap().to_vec1::<f32>().unwrap().iter().all(|value| *value == 0.0));
        }
    }
}
