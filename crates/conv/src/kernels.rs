//! The seam between a network and the ways to compute it.

use crate::{Activations, Backward, Forward, Line, Symmetric};

/// Of an image: red, green and blue.
pub(crate) const COLOURS: usize = 3;

/// Taps of a kernel: three rows of three.
pub(crate) const TAPS: usize = 9;

/// A way to compute convolutions and Gram matrices. It holds what memory that takes besides inputs and outputs; one serves
/// any number of convolutions.
pub trait Kernels: Send + Sync {
    /// How activations are kept.
    type Line: Line;
    /// A 3x3 convolution of stride 1 and zero padding 1, its weights laid out for these kernels.
    type Convolution: Send + Sync;
    /// Whether [`Kernels::forward`] can take a ReLU of its input on the way.
    const RECTIFY: bool;
    /// Channels that [`Kernels::image`] makes of an image's three.
    const IMAGE_CHANNELS: usize;

    /// What computes, such as `winograd-avx512`.
    fn name(&self) -> String;

    /// The floating-point operations that all threads of the current pool do in a second, when they do nothing else.
    fn peak(&self) -> f64;

    /// From a kernel (out, in, 3, 3), [`crate::turned`] if it is for [`Kernels::backward`], and a bias for each output
    /// channel.
    ///
    /// # Panics
    /// When there are not as many numbers as the channels say.
    fn convolution(in_channels: usize, out_channels: usize, kernel: &[f32], bias: &[f32]) -> Self::Convolution;

    /// The first convolution of a network, from a kernel (out, 3, 3, 3): its input is a [`Kernels::image`].
    ///
    /// # Panics
    /// When there are not as many numbers as the channels say.
    fn convolution_of_image(out_channels: usize, kernel: &[f32], bias: &[f32]) -> Self::Convolution;

    /// Sets `image`, of [`Kernels::IMAGE_CHANNELS`] channels, to the one with these planes (3, height, width), as
    /// [`Kernels::convolution_of_image`] reads it.
    ///
    /// # Panics
    /// When there are not as many planes, or numbers in them, as that.
    fn image(planes: &[f32], image: &mut Activations<Self::Line>);

    /// Convolves `input`, of which a ReLU is taken first if `rectify` says so.
    ///
    /// # Panics
    /// When the shapes do not belong together, or `rectify` is asked for and [`Kernels::RECTIFY`] denies it.
    fn forward(
        &self,
        convolution: &Self::Convolution,
        input: &Activations<Self::Line>,
        rectify: bool,
        output: Forward<'_, Self::Line>,
    );

    /// Carries the gradient at a convolution's output back to the layer before. The convolution is made of the
    /// [`crate::turned`] kernel, without bias.
    ///
    /// # Panics
    /// When the shapes do not belong together, or the losses look after a ReLU that a pooling follows.
    fn backward(
        &self,
        convolution: &Self::Convolution,
        upstream: &Activations<Self::Line>,
        back: Backward<'_, Self::Line>,
    );

    /// Carries the gradient at the first convolution's output back to the image: (3, height, width). The convolution is made
    /// of the [`crate::turned`] kernel, (3, out, 3, 3), without bias.
    ///
    /// # Panics
    /// When the channels do not belong together.
    fn backward_to_image(&self, convolution: &Self::Convolution, upstream: &Activations<Self::Line>) -> Vec<f32>;

    /// The Gram matrix F F^T of features F (channels, pixels).
    fn gram(&self, features: &Activations<Self::Line>) -> Symmetric;

    /// S F of a symmetric matrix S and features F (channels, pixels), into `output` of F's shape, and to every pixel of a
    /// channel its number of `bias` added, if there is one.
    ///
    /// # Panics
    /// When the matrix, the bias or the output does not have the size that belongs to the features.
    fn mix(
        &self,
        matrix: &Symmetric,
        bias: Option<&[f32]>,
        features: &Activations<Self::Line>,
        output: &mut Activations<Self::Line>,
    );
}
