//! The seam between the optimisation and the networks that it looks through.

mod fused;
mod losses;
mod mask;
mod plain;
pub mod pooling;
mod taps;

use candle_core::{Result, Tensor};
pub use fused::FusedNetwork;
use impasto_recipe::{LayerWeight, Objective, PoolingChoice};
pub use mask::PixelMask;
pub use plain::PlainNetwork;

/// The loss terms at one image, before weighing: scalars on the network's device, read only when somebody wants to know.
#[derive(Debug, Clone)]
pub struct Terms {
    /// How far the content features are from the content image's.
    pub content: Tensor,
    /// How far the Gram matrices are from the styles', over all layers and regions.
    pub style: Tensor,
}

/// What each term counts in the gradient.
#[derive(Debug, Clone, Copy)]
pub struct TermWeights {
    /// Of the content term.
    pub content: f64,
    /// Of the style term.
    pub style: f64,
}

/// A style image and what it counts; those of one region add up to 1.
pub struct WeighedStyle {
    /// (1, 3, height, width), normalised; of any size.
    pub image: Tensor,
    /// Which of its pixels count, if not all of them; of its size.
    pub style_mask: Option<PixelMask>,
    /// Its part of the target statistics.
    pub weight: f64,
}

/// A part of the image, and the styles that it is to have: statistics of features of its own, in which each pixel counts as the
/// mask says (Gatys et al. 2017, "Controlling perceptual factors in neural style transfer").
pub struct Region {
    /// Which pixels belong to it, if not all of them; of the content image's size.
    pub mask: Option<PixelMask>,
    /// What its distances count.
    pub weight: f64,
    /// At least one.
    pub styles: Vec<WeighedStyle>,
}

/// What images are to be compared with, and how.
pub struct Aim<'a> {
    /// What is compared.
    pub objective: Objective,
    /// Where the content is compared.
    pub content_layers: &'a [LayerWeight],
    /// Where the style is compared.
    pub style_layers: &'a [LayerWeight],
    /// How features are pooled.
    pub pooling: PoolingChoice,
    /// (1, 3, height, width), normalised.
    pub content: &'a Tensor,
    /// At least one.
    pub regions: &'a [Region],
    /// What each term counts.
    pub weights: TermWeights,
}

/// A backbone ready to look at images.
pub trait Backend: Send + Sync {
    /// How it computes, as a fingerprint names it, such as `candle`.
    fn kernels(&self) -> String;

    /// The floating-point operations a second that the device could do at the most, where that can be measured.
    fn peak(&self) -> Option<f64>;

    /// A network that compares images of the content image's size with the content's features and the styles' Gram
    /// matrices.
    ///
    /// # Errors
    /// When the device fails or runs out of memory.
    fn aim(&self, aim: &Aim<'_>) -> Result<Box<dyn FeatureNetwork>>;
}

/// Answers with the loss terms and their gradient at an image.
pub trait FeatureNetwork {
    /// The terms alone.
    ///
    /// # Errors
    /// When the device fails or runs out of memory.
    fn terms(&mut self, image: &Tensor) -> Result<Terms>;

    /// The terms, and the gradient of their weighed sum with respect to the image, of the image's shape.
    ///
    /// # Errors
    /// When the device fails or runs out of memory.
    fn terms_and_gradient(&mut self, image: &Tensor) -> Result<(Terms, Tensor)>;
}
