//! bf16 with sums in f32, by tiles.
//!
//! Where the CPU has AMX, its tiles multiply. Elsewhere the same products are done by the vectors of a [`Form`], which is slower
//! than Winograd's f32 and serves to try and to test what machines with AMX compute.

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod amx;
#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
#[path = "no_amx.rs"]
mod amx;
mod gram;
mod product;
mod run;
mod weights;

pub use self::weights::Convolution;
use self::{
    amx::Amx,
    gram::{gram, mix},
    product::Product,
    run::{around, run},
};
use crate::{
    Activations, Backward, Form, Forward, Halves, Kernels, LANES, Lanes, Symmetric,
    backward::Carried,
    form::Work,
    forward::Outputs,
    kernels::{COLOURS, TAPS},
    lines::rounded,
    peak,
    scratch::Scratch,
    shared::Shared,
    simd::Simd,
    sink::{Planes, Sink},
};

/// Kernels that compute in bf16, with sums in f32.
pub struct Tiles {
    /// What does everything but the products, and these too where there is no AMX.
    form: Form,
    amx: Option<Amx>,
    /// Of Gram matrices.
    sums: Scratch<Lanes>,
    /// The features that they are made of.
    factors: Scratch<Halves>,
}

impl Tiles {
    /// Whether this machine computes bf16 in hardware: it has AMX, and its kernel lends it to this process.
    pub fn accelerated() -> bool {
        Amx::detect().is_some()
    }

    /// The fastest kernels for this machine.
    pub fn best() -> Self {
        Self { amx: Amx::detect(), ..Self::emulated(Form::best()) }
    }

    /// Kernels that do without AMX.
    pub fn emulated(form: Form) -> Self {
        Self { form, amx: None, sums: Scratch::new(), factors: Scratch::new() }
    }
}

impl Kernels for Tiles {
    type Line = Halves;
    type Convolution = Convolution;
    const RECTIFY: bool = false;
    const IMAGE_CHANNELS: usize = 3 * COLOURS;

    fn name(&self) -> String {
        format!("tiles-{}", if self.amx.is_some() { "amx" } else { self.form.name() })
    }

    fn peak(&self) -> f64 {
        match self.amx {
            Some(amx) => peak::rate(amx::OPERATIONS * ROUNDS, || amx.busy(ROUNDS)),
            None => peak::peak(self.form),
        }
    }

    fn convolution(in_channels: usize, out_channels: usize, kernel: &[f32], bias: &[f32]) -> Convolution {
        Convolution::new(in_channels, out_channels, kernel, bias)
    }

    /// An image and its weights would lose most of what they say if they were rounded to bf16, and there are channels to spare:
    /// three for the image, three for what rounding takes from it, and three for the image times what rounding takes from
    /// the weights.
    fn convolution_of_image(out_channels: usize, kernel: &[f32], bias: &[f32]) -> Convolution {
        assert_eq!(kernel.len(), out_channels * COLOURS * TAPS, "a kernel of (out, 3, 3, 3) numbers");
        let of_outputs = kernel.chunks_exact(COLOURS * TAPS);
        let thrice = of_outputs.flat_map(|weights| {
            let lost = weights.iter().map(|weight| lost(*weight));
            weights.iter().chain(weights).copied().chain(lost)
        });
        let thrice: Vec<f32> = thrice.collect();
        Convolution::new(Self::IMAGE_CHANNELS, out_channels, &thrice, bias)
    }

    fn image(planes: &[f32], image: &mut Activations<Halves>) {
        assert_eq!(image.shape().channels, Self::IMAGE_CHANNELS, "channels of the image");
        image.fill_from_image(planes, |colours| {
            let mut channels = [0.0; LANES];
            channels[..COLOURS].copy_from_slice(&colours);
            channels[COLOURS..2 * COLOURS].copy_from_slice(&colours.map(lost));
            channels[2 * COLOURS..3 * COLOURS].copy_from_slice(&colours);
            channels
        });
    }

    fn forward(
        &self,
        convolution: &Convolution,
        input: &Activations<Halves>,
        rectify: bool,
        output: Forward<'_, Halves>,
    ) {
        assert!(!rectify, "a ReLU is taken where activations are put, not where they are read");
        let shape = input.shape().with_channels(convolution.out_channels);
        self.convolve(convolution, input, &Outputs::new(shape, output));
    }

    fn backward(&self, convolution: &Convolution, upstream: &Activations<Halves>, back: Backward<'_, Halves>) {
        let shape = upstream.shape().with_channels(convolution.out_channels);
        self.convolve(convolution, upstream, &Carried::new(shape, back));
    }

    fn backward_to_image(&self, convolution: &Convolution, upstream: &Activations<Halves>) -> Vec<f32> {
        let shape = upstream.shape().with_channels(convolution.out_channels);
        let mut planes = vec![0.0; shape.channels * shape.pixels()];
        self.convolve(convolution, upstream, &Planes::new(shape, Shared::new(&mut planes)));
        planes
    }

    fn gram(&self, features: &Activations<Halves>) -> Symmetric {
        gram(self, features)
    }

    fn mix(
        &self,
        matrix: &Symmetric,
        bias: Option<&[f32]>,
        features: &Activations<Halves>,
        output: &mut Activations<Halves>,
    ) {
        mix(self, matrix, bias, features, output);
    }
}

/// Rounds of products between two looks at the clock.
const ROUNDS: usize = 20_000;

impl Tiles {
    /// Does work that multiplies tiles.
    fn run(&self, work: impl Work) {
        match self.amx {
            Some(amx) => amx.with_tiles(|| self.form.run(work)),
            None => self.form.run(work),
        }
    }

    /// Multiplies tiles.
    ///
    /// # Safety
    /// That of [`Product::run`], within [`Tiles::run`].
    #[inline(always)]
    unsafe fn multiply<S: Simd>(&self, simd: S, product: &Product<'_>) {
        // SAFETY: as the caller promises.
        unsafe {
            match self.amx {
                Some(amx) => amx.product(product),
                None => product.run(simd),
            }
        }
    }

    fn convolve(&self, convolution: &Convolution, input: &Activations<Halves>, sink: &impl Sink) {
        let shape = input.shape();
        assert_eq!(shape.channels, convolution.in_channels, "channels of the input");
        run(self, &convolution.weights, &around(shape), input, convolution.out_channels, sink);
    }
}

/// What rounding to bf16 takes from a number.
fn lost(value: f32) -> f32 {
    value - rounded(value).to_f32()
}
