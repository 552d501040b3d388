//! The VGG networks (Simonyan and Zisserman, 2015) up to conv5_1, as one table, numbered and named as torchvision's
//! `features` are.

use std::fmt;

use crate::{Size, choice::named};

named! {
    /// Which of the VGG networks.
    Architecture {
        /// Two, two, three, three and three convolutions in its blocks.
        Vgg16 = "vgg16",
        /// Two, two, four, four and four.
        Vgg19 = "vgg19",
    }
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

    /// The convolution called `name`, such as `conv4_2`.
    ///
    /// # Errors
    /// When this network has none of that name.
    pub fn convolution(self, name: &str) -> Result<ConvLayer, String> {
        let layers = self.convolutions();
        layers.iter().find(|layer| layer.to_string() == name).copied().ok_or_else(|| {
            let names: Vec<String> = layers.iter().map(ConvLayer::to_string).collect();
            format!("'{name}' is not a convolution of {self}: there are {}", names.join(", "))
        })
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
