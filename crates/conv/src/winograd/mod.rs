//! f32 by Winograd's transforms.

mod convolution;
mod gram;
mod pass;
mod product;
mod run;
mod transform;

pub use convolution::Convolution;
pub use product::Product;

use self::{
    gram::{gram, mix},
    run::{Input, run},
};
use crate::{
    Activations, Backward, Form, Forward, Kernels, LANES, Lanes, Symmetric, backward::Carried, forward::Outputs,
    kernels::COLOURS, peak, scratch::Scratch, shared::Shared, sink::Planes,
};

/// Kernels that compute in f32, by Winograd's F(4x4, 3x3).
pub struct Winograd {
    form: Form,
    scratch: Scratch<Lanes>,
}

impl Winograd {
    /// Kernels of a form.
    pub fn new(form: Form) -> Self {
        Self { form, scratch: Scratch::new() }
    }
}

impl Kernels for Winograd {
    type Line = Lanes;
    type Convolution = Convolution;
    const RECTIFY: bool = true;
    const IMAGE_CHANNELS: usize = COLOURS;

    fn name(&self) -> String {
        format!("winograd-{}", self.form.name())
    }

    fn peak(&self) -> f64 {
        peak::peak(self.form)
    }

    fn convolution(in_channels: usize, out_channels: usize, kernel: &[f32], bias: &[f32]) -> Convolution {
        Convolution::new(in_channels, out_channels, kernel, bias)
    }

    fn convolution_of_image(out_channels: usize, kernel: &[f32], bias: &[f32]) -> Convolution {
        Convolution::new(COLOURS, out_channels, kernel, bias)
    }

    fn image(planes: &[f32], image: &mut Activations) {
        assert_eq!(image.shape().channels, Self::IMAGE_CHANNELS, "channels of the image");
        image.fill_from_image(planes, |colours| {
            let mut channels = [0.0; LANES];
            channels[..COLOURS].copy_from_slice(&colours);
            channels
        });
    }

    fn forward(&self, convolution: &Convolution, input: &Activations, rectify: bool, output: Forward<'_, Lanes>) {
        let shape = input.shape().with_channels(convolution.out_channels);
        run(self, convolution, &Input { activations: input, rectify }, &Outputs::new(shape, output));
    }

    fn backward(&self, convolution: &Convolution, upstream: &Activations, back: Backward<'_, Lanes>) {
        let shape = upstream.shape().with_channels(convolution.out_channels);
        run(self, convolution, &Input { activations: upstream, rectify: false }, &Carried::new(shape, back));
    }

    fn backward_to_image(&self, convolution: &Convolution, upstream: &Activations) -> Vec<f32> {
        let shape = upstream.shape().with_channels(convolution.out_channels);
        let mut planes = vec![0.0; shape.channels * shape.pixels()];
        let sink = Planes::new(shape, Shared::new(&mut planes));
        run(self, convolution, &Input { activations: upstream, rectify: false }, &sink);
        planes
    }

    fn gram(&self, features: &Activations) -> Symmetric {
        gram(self.form, &self.scratch, features)
    }

    fn mix(&self, matrix: &Symmetric, bias: Option<&[f32]>, features: &Activations, output: &mut Activations) {
        mix(self.form, matrix, bias, features, output);
    }
}
