//! Operators and gradients against what PyTorch made of the same numbers (tools/make_golden.py).

mod support;

use candle_core::{DType, Device, Tensor};
use impasto_engine::{
    network::{Backend, PixelMask, PlainNetwork, Region, TermWeights, WeighedStyle, pooling},
    vgg::Architecture,
};
use impasto_picture::{Filter, Picture};
use impasto_recipe::{Objective, Size};
use support::{aim, everywhere, golden_json, golden_tensors, looks, relative_distance, seeded};

#[test]
fn seeded_networks_are_those_of_the_golden_script() {
    let told = golden_json("seeded.json");
    for (name, architecture) in [("vgg19", Architecture::Vgg19)] {
        let network = &told[name];
        let narrowness = network["narrowness"].as_u64().unwrap() as usize;
        let ours = seeded(architecture, narrowness, network["seed"].as_u64().unwrap());
        for (layer, convolution) in architecture.convolutions().iter().zip(&ours.convolutions) {
            for (kind, numbers) in [("weight", &convolution.kernel), ("bias", &convolution.bias)] {
                let theirs = &network["tensors"][format!("features.{}.{kind}", layer.index)];
                let first: Vec<f32> = serde_json::from_value(theirs["first"].clone()).unwrap();
                assert_eq!(numbers[..first.len()], first, "{layer} {kind}");
                assert_eq!(f64::from(*numbers.last().unwrap()), theirs["last"].as_f64().unwrap(), "{layer} {kind}");
            }
        }
    }
}

#[test]
fn pooling_at_odd_sizes_and_ties_is_that_of_pytorch() {
    let tensors = golden_tensors("pooling.safetensors");
    let (x, upstream) = (&tensors["x"], &tensors["upstream"]);
    for (have, want) in [
        (pooling::maximum(x).unwrap(), "max_out"),
        (pooling::maximum_gradient(x, upstream).unwrap(), "max_grad"),
        (pooling::average(x).unwrap(), "average_out"),
        (pooling::average_gradient(x, upstream).unwrap(), "average_grad"),
        (pooling::l2(x).unwrap(), "l2_out"),
        (pooling::l2_gradient(x, upstream).unwrap(), "l2_grad"),
    ] {
        assert_eq!(have.dims(), tensors[want].dims(), "{want}");
        let apart = relative_distance(&have, &tensors[want]);
        assert!(apart < 1e-6, "{want}: {apart}");
    }
}

#[test]
fn the_gradient_is_that_of_pytorch() {
    for objective in [Objective::Published, Objective::Relative] {
        let golden = golden_tensors(&format!("gradient_{objective}.safetensors"));
        let weights = golden["loss_weights"].to_vec1::<f64>().unwrap();
        let weights = TermWeights { content: weights[0], style: weights[1] };
        let want = (&golden["gradient_content"] + &golden["gradient_style"]).unwrap();
        for (dtype, losses, tolerance) in [(DType::F32, "losses", 2e-5), (DType::F64, "losses_f64", 2e-5)] {
            let at = |name: &str| golden[name].to_dtype(dtype).unwrap();
            let backbone = seeded(Architecture::Vgg19, 16, 7);
            let network = PlainNetwork::new(&backbone, dtype, &Device::Cpu).unwrap();
            let looks = looks(Architecture::Vgg19, &[("objective", objective.name())]);
            let (content, regions) = (at("content"), everywhere([(at("style"), 1.0)]));
            let mut aimed = network.aim(&aim(&looks, &content, &regions, weights)).unwrap();
            let (terms, gradient) = aimed.terms_and_gradient(&at("x")).unwrap();

            let apart = relative_distance(&gradient, &want);
            assert!(apart < tolerance, "{objective} in {dtype:?}: the gradient is {apart} apart");
            let theirs = golden[losses].to_dtype(DType::F64).unwrap().to_vec1::<f64>().unwrap();
            let number = |scalar: &Tensor| scalar.to_dtype(DType::F64).unwrap().to_scalar::<f64>().unwrap();
            for (have, want) in [
                (number(&terms.content) * weights.content, theirs[0]),
                (number(&terms.style) * weights.style, theirs[1]),
            ] {
                assert!((have / want - 1.0).abs() < tolerance, "{objective} in {dtype:?}: {have} and {want}");
            }
        }
    }
}

#[test]
fn the_styles_gradient_in_regions_is_that_of_pytorch() {
    let golden = golden_tensors("gradient_masked.safetensors");
    let at = |name: &str| golden[name].to_dtype(DType::F64).unwrap();
    let mask = |value: &dyn Fn(f32) -> f32, name: &str| {
        let (height, width) = golden[name].dims2().unwrap();
        let values = golden[name].flatten_all().unwrap().to_vec1::<f32>().unwrap().into_iter().map(value).collect();
        Some(PixelMask { height, width, values })
    };
    let as_it_is = |value| value;
    let style = |image: &str, mask| vec![WeighedStyle { image: at(image), style_mask: mask, weight: 1.0 }];
    let regions = [
        Region { mask: mask(&as_it_is, "mask"), weight: 0.75, styles: style("style", mask(&as_it_is, "style_mask")) },
        Region { mask: mask(&|value| 1.0 - value, "mask"), weight: 0.5, styles: style("content", None) },
    ];
    let network = PlainNetwork::new(&seeded(Architecture::Vgg19, 16, 7), DType::F64, &Device::Cpu).unwrap();
    for objective in [Objective::Published, Objective::Relative] {
        let looks = looks(Architecture::Vgg19, &[("objective", objective.name())]);
        let (content, weights) = (at("content"), TermWeights { content: 0.0, style: 1.0 });
        let mut aimed = network.aim(&aim(&looks, &content, &regions, weights)).unwrap();
        let (terms, gradient) = aimed.terms_and_gradient(&at("x")).unwrap();
        let apart = relative_distance(&gradient, &golden[&format!("gradient_{objective}")]);
        assert!(apart < 1e-6, "{objective}: the gradient is {apart} apart");
        let want = golden[&format!("loss_{objective}")].to_scalar::<f64>().unwrap();
        let have = terms.style.to_scalar::<f64>().unwrap();
        assert!((have / want - 1.0).abs() < 1e-6, "{objective}: {have} and {want}");
    }
}

#[test]
fn resizing_is_that_of_pillow() {
    let golden = golden_tensors("resize.safetensors");
    let numbers = |name: &str| golden[name].flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let source = Picture::new(Size::new(23, 17), numbers("source")).unwrap();
    for size in [Size::new(10, 9), Size::new(40, 31), Size::new(23, 17)] {
        let want = numbers(&size.to_string());
        let have = source.resized(size, Filter::Bilinear);
        let apart = have.rgb().iter().zip(&want).fold(0f32, |apart, (a, b)| apart.max((a - b).abs()));
        assert!(apart < 1e-6, "{size}: {apart}");
    }
}
