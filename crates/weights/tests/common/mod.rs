//! Weights files of the full shape with numbers made up, and something that plays the hub.
#![allow(dead_code)] // Each test file uses its part.

pub mod hub;

use std::sync::LazyLock;

use impasto_engine::vgg::Architecture;
use safetensors::{Dtype, tensor::TensorView};

/// A file with VGG-19 in half precision, 26 MB.
pub static VGG19: LazyLock<Vec<u8>> = LazyLock::new(|| WeightsFile::of(Architecture::Vgg19, Dtype::F16).bytes());

/// The tensors of a weights file, to be spoilt before they are written.
#[derive(Clone)]
pub struct WeightsFile {
    pub tensors: Vec<Tensor>,
}

#[derive(Clone)]
pub struct Tensor {
    pub name: String,
    pub dtype: Dtype,
    pub shape: Vec<usize>,
    pub data: Vec<u8>,
}

impl WeightsFile {
    /// All that the network needs, and no classifier.
    pub fn of(architecture: Architecture, dtype: Dtype) -> Self {
        let mut tensors = Vec::new();
        for layer in architecture.convolutions() {
            let kernel = vec![layer.out_channels, layer.in_channels, 3, 3];
            for (part, shape) in [("weight", kernel), ("bias", vec![layer.out_channels])] {
                let data = finite_numbers(shape.iter().product::<usize>() * dtype.bitsize() / 8);
                tensors.push(Tensor { name: format!("features.{}.{part}", layer.index), dtype, shape, data });
            }
        }
        Self { tensors }
    }

    pub fn tensor(&mut self, name: &str) -> &mut Tensor {
        self.tensors.iter_mut().find(|tensor| tensor.name == name).unwrap()
    }

    pub fn without(mut self, name: &str) -> Self {
        self.tensors.retain(|tensor| tensor.name != name);
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        let views = self.tensors.iter().map(|Tensor { name, dtype, shape, data }| {
            (name.as_str(), TensorView::new(*dtype, shape.clone(), data).unwrap())
        });
        safetensors::serialize(views, None).unwrap()
    }
}

/// Bytes that make finite numbers in each of the formats: no byte has all the bits of an exponent.
fn finite_numbers(length: usize) -> Vec<u8> {
    (0..=250_u8).map(|byte| byte & 0x3f).collect::<Vec<_>>().repeat(length / 251 + 1)[..length].to_vec()
}
