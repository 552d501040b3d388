//! The fused feature network against the plain one, which judges it.

mod support;

use candle_core::{DType, Device, Tensor};
use impasto_conv::Form;
use impasto_engine::{
    network::{Aim, Backend, FusedNetwork, PlainNetwork, TermWeights, WeighedStyle},
    vgg::Architecture,
};
use impasto_recipe::Objective;
use support::{SplitMix64, seeded};

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

#[test]
fn it_says_what_the_plain_one_says() {
    for architecture in Architecture::ALL {
        let backbone = seeded(architecture, 4, 3);
        let plain = PlainNetwork::new(&backbone, DType::F32, &Device::Cpu).unwrap();
        for form in Form::available() {
            let fused = FusedNetwork::with_form(&backbone, form);
            let mut gradients_apart = Vec::new();
            for objective in [Objective::Published, Objective::Relative] {
                for size in SIZES {
                    let place = format!("{architecture} {objective} {form:?} {size:?}");
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
                            assert!((have / want - 1.0).abs() < 1e-4, "{place}: {have}, and {want} by the plain one");
                            assert_eq!(have, alone, "{place}: with and without the gradient");
                        }
                        let apart = length(&(&gradient - &want_gradient).unwrap()) / length(&want_gradient);
                        assert!(apart < 1e-2, "{place}: the gradient is {apart} apart");
                        gradients_apart.push(apart);
                    }
                }
            }
            // Where a ReLU or a maximum is all but a tie, rounding turns it over, and the gradient with it: that is rare.
            gradients_apart.sort_by(f64::total_cmp);
            let [usual, worst] = [8, 10].map(|tenths| gradients_apart[(gradients_apart.len() - 1) * tenths / 10]);
            eprintln!("{architecture} {form:?}: gradients are {usual:e} apart, {worst:e} at the worst");
            assert!(usual < 1e-4, "{architecture} {form:?}: gradients are {usual} apart");
        }
    }
}

#[test]
fn the_content_image_is_no_distance_from_itself() {
    let fused = FusedNetwork::new(&seeded(Architecture::Vgg19, 16, 3));
    let content = noise(10, (40, 56));
    let styles = [WeighedStyle { image: content.clone(), weight: 1.0 }];
    for objective in [Objective::Published, Objective::Relative] {
        let aim = Aim { objective, content: &content, styles: &styles, weights: WEIGHTS };
        let (terms, gradient) = fused.aim(&aim).unwrap().terms_and_gradient(&content).unwrap();
        assert_eq!((number(&terms.content), number(&terms.style)), (0.0, 0.0));
        assert!(gradient.flatten_all().unwrap().to_vec1::<f32>().unwrap().iter().all(|value| *value == 0.0));
    }
}
