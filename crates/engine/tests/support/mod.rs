//! What several tests need: seeded networks that the golden script generates alike, and the golden files.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::path::PathBuf;

use candle_core::{Device, Tensor};
use impasto_engine::{
    network::{Aim, Region, TermWeights, WeighedStyle},
    vgg::{Architecture, Backbone, Convolution},
};
use impasto_recipe::{Inputs, Limits, Options, Recipe, Size};

/// SplitMix64 (Steele, Lea and Flood, 2014).
pub struct SplitMix64(pub u64);

impl SplitMix64 {
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1).
    pub fn next_f64(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * 2f64.powi(-53)
    }

    /// Uniform in [-1, 1).
    pub fn next_signed(&mut self) -> f64 {
        2.0 * self.next_f64() - 1.0
    }
}

/// A network of He-scaled uniform numbers, each layer `narrowness` times narrower than the table says; the same as
/// tools/make_golden.py makes.
pub fn seeded(architecture: Architecture, narrowness: usize, seed: u64) -> Backbone {
    let convolutions = architecture.convolutions().into_iter().map(|layer| {
        let in_channels = if layer.index == 0 { 3 } else { layer.in_channels / narrowness };
        let out_channels = layer.out_channels / narrowness;
        let start = 0x9E37_79B9_7F4A_7C15u64.wrapping_mul(layer.index as u64 + 1).wrapping_add(seed);
        let mut numbers = SplitMix64(start);
        let scale = (6.0 / (in_channels * 9) as f64).sqrt();
        let kernel = (0..out_channels * in_channels * 9).map(|_| (numbers.next_signed() * scale) as f32).collect();
        let bias = (0..out_channels).map(|_| (numbers.next_signed() * 0.1) as f32).collect();
        Convolution { in_channels, out_channels, kernel, bias }
    });
    Backbone { architecture, convolutions: convolutions.collect(), hash: format!("seeded-{narrowness}-{seed}") }
}

/// What these options mean for a network; of the recipe only where it looks and how it pools is of use.
pub fn looks(architecture: Architecture, pairs: &[(&str, &str)]) -> Recipe {
    let mut options = Options::default();
    for (name, text) in pairs.iter().chain(&[("backbone", architecture.name())]) {
        options.set(name, text).unwrap();
    }
    options.resolve(&Inputs::new(Size::new(64, 64), 1), &Limits::default()).unwrap()
}

/// The aim of a recipe that [`looks`] has made.
pub fn aim<'a>(looks: &'a Recipe, content: &'a Tensor, regions: &'a [Region], weights: TermWeights) -> Aim<'a> {
    let Recipe { objective, content_layers, style_layers, pooling, .. } = looks;
    Aim { objective: *objective, content_layers, style_layers, pooling: *pooling, content, regions, weights }
}

/// One region that is all of the image, and its styles with what they count.
pub fn everywhere(styles: impl IntoIterator<Item = (Tensor, f64)>) -> Vec<Region> {
    let styles = styles.into_iter().map(|(image, weight)| WeighedStyle { image, style_mask: None, weight });
    vec![Region { mask: None, weight: 1.0, styles: styles.collect() }]
}

pub fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

pub fn golden_tensors(name: &str) -> std::collections::HashMap<String, Tensor> {
    candle_core::safetensors::load(golden(name), &Device::Cpu).unwrap()
}

pub fn golden_json(name: &str) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(golden(name)).unwrap()).unwrap()
}

/// The greatest distance of two tensors, as a part of the second one's greatest value.
pub fn relative_distance(have: &Tensor, want: &Tensor) -> f64 {
    let numbers = |tensor: &Tensor| {
        tensor.to_dtype(candle_core::DType::F64).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap()
    };
    let (have, want) = (numbers(have), numbers(want));
    assert_eq!(have.len(), want.len());
    let greatest = want.iter().fold(0f64, |greatest, number| greatest.max(number.abs()));
    let apart = have.iter().zip(&want).fold(0f64, |apart, (a, b)| apart.max((a - b).abs()));
    apart / greatest
}
