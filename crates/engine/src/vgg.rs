//! The VGG networks (Simonyan and Zisserman, 2015) up to conv5_1, as one table, numbered and named as torchvision's
//! `features` are.

use std::{fmt, str::FromStr};

use impasto_recipe::Size;

/// Which of the VGG networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Architecture {
    /// Two, two, three, three and three convolutions in its blocks.
    Vgg16,
    /// Two, two, four, four and four.
    Vgg19,
}

impl Architecture {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Vgg16, Self::Vgg19];

    /// Convolutions in each of the first four blocks; of the fifth only the first is ever needed.
    const fn blocks(self) -> [usize; 4] {
        match self {
            Self::Vgg16 => [2, 2, 3, 3],
            Self::Vgg19 => [2, 2, 4, 4],
        }
    }

    /// `vgg16` or `vgg19`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vgg16 => "vgg16",
            Self::Vgg19 => "vgg19",
        }
    }

    /// The convolutions in order, conv1_1 to conv5_1.
    pub fn convolutions(self) -> Vec<ConvLayer> {
        const CHANNELS: [usize; 5] = [64, 128, 256, 512, 512];
        let counts = self.blocks().into_iter().chain([1]);
        let mut layers = Vec::new();
        let (mut index, mut in_channels) = (0, 3);
        for ((block, count), out_channels) in (1..).zip(counts).zip(CHANNELS) {
            for place in 1..=count {
                layers.push(ConvLayer { block, place, index, in_channels, out_channels });
                in_channels = out_channels;
                index += 2; // the convolution and its ReLU
            }
            index += 1; // the pooling
        }
        layers
    }

    /// Floating-point operations of an epoch at this image size: every convolution forward, and backward to its input.
    pub fn operations_per_epoch(self, image: Size) -> u64 {
        const PER_WEIGHT: u64 = 2 * 2; // a product and a sum, in both directions
        let of_layer = |layer: ConvLayer| {
            let pixels = (u64::from(image.width) >> (layer.block - 1)) * (u64::from(image.height) >> (layer.block - 1));
            PER_WEIGHT * 9 * (layer.in_channels * layer.out_channels) as u64 * pixels
        };
        self.convolutions().into_iter().map(of_layer).sum()
    }

    /// The last convolution of block 4, whose features the published objective takes for content.
    pub const fn last_of_block_4(self) -> usize {
        self.blocks()[3]
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Architecture {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|architecture| architecture.name() == text);
        known.ok_or_else(|| format!("'{text}' is no backbone: there are vgg16 and vgg19"))
    }
}

/// One 3x3 convolution of the table: stride 1, zero padding 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvLayer {
    /// Its block, from 1.
    pub block: usize,
    /// Its place in the block, from 1.
    pub place: usize,
    /// Its number among torchvision's `features`.
    pub index: usize,
    /// Channels of its input.
    pub in_channels: usize,
    /// Channels of its output.
    pub out_channels: usize,
}

impl ConvLayer {
    /// Whether a pooling stands before it.
    pub const fn follows_pooling(&self) -> bool {
        self.place == 1 && self.block > 1
    }
}

/// The name by which papers call it, such as conv4_2.
impl fmt::Display for ConvLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "conv{}_{}", self.block, self.place)
    }
}

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
