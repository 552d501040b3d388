//! A VGG network with its weights.

pub use impasto_recipe::vgg::{Architecture, ConvLayer};

/// One convolution's weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Convolution {
    /// Channels of its input.
    pub in_channels: usize,
    /// Channels of its output.
    pub out_channels: usize,
    /// (out, in, 3, 3), row-major.
    pub kernel: Vec<f32>,
    /// (out).
    pub bias: Vec<f32>,
}

/// A network with its weights: whose features are compared.
#[derive(Debug, Clone)]
pub struct Backbone {
    /// Which table it follows.
    pub architecture: Architecture,
    /// One for each of [`Architecture::convolutions`], in order. A layer may be narrower than the table says (tests use
    /// such networks), so long as each takes in what the one before gives out.
    pub convolutions: Vec<Convolution>,
    /// The SHA-256 of the weights as loaded, in hexadecimal.
    pub hash: String,
}
