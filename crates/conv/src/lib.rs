//! 3x3 convolution of stride 1 and zero padding 1 on CPUs, forward and back to its input, with what stands around it in a
//! VGG fused in: bias, ReLU, 2x2 pooling, and the products of Gram matrices.
//!
//! [`Kernels`] is a way to compute them, and there are two. [`Winograd`] computes in f32 by F(4x4, 3x3) (Lavin and Gray, 2016),
//! which needs a quarter of the products. [`Tiles`] computes in bf16 with sums in f32, on the tiles of Intel's AMX.
//!
//! Both work on [`Activations`], whose channels lie in blocks of 16, as many as an AVX-512 register holds in f32. All arithmetic
//! but that of AMX is written once, over the trait `Simd`, and compiled for AVX-512, AVX2 with FMA and any CPU; a [`Form`] says
//! which of them runs. Where a convolution's output goes while it is still in registers is a `Sink`, written once for both
//! kinds of kernels. Work is split over rayon's threads in such a way that every sum is taken in the same order for any
//! number of them.
//!
//! Bounds are asserted where slices come in. The tests run under valgrind without an error, in the forms that it knows (AVX2
//! and portable; it hides AVX-512 from the program): `cargo test -p impasto-conv --no-run`, then
//! `valgrind --error-exitcode=9 -q` with each of the test programs.

mod activations;
mod backward;
mod form;
mod forward;
mod gates;
mod kernels;
mod lines;
mod peak;
mod pixels;
mod scratch;
mod shared;
mod simd;
mod sink;
mod symmetric;
mod tiles;
mod turned;
mod winograd;

pub use activations::{Activations, Shape};
pub use backward::{Backward, Tap, Through};
pub use form::Form;
pub use forward::{Forward, L2_FLOOR, Pooling};
pub use gates::Gates;
pub use kernels::Kernels;
pub use lines::{Halves, LANES, Lanes, Line, Place};
pub use pixels::PixelWeights;
pub use symmetric::Symmetric;
pub use tiles::Tiles;
pub use turned::turned;
pub use winograd::Winograd;
