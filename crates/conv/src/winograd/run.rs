//! How a convolution is shared out: parts of the image to threads, or steps to all of them together.

use std::ops::Range;

use rayon::prelude::*;

use super::{
    Convolution, Winograd,
    pass::{All, Extent, Pass, Tiles},
    transform::{POINTS, TILE},
};
use crate::{Activations, Lanes, shared::Shared, sink::Sink};

/// What a thread's transformed inputs and products should fill, in lanes: the part of a core's second cache that the
/// weights and the image leave. Half of it measured best on a cache of 1.25 MiB, 2026-11-23.
const SCRATCH_LANES: usize = (512 << 10) / size_of::<Lanes>();
/// Panels that share one reading of the weights at least: where there are many channels, the weights come from memory.
const FEWEST_PANELS: usize = 2;

/// What a convolution reads.
pub(super) struct Input<'a> {
    pub activations: &'a Activations,
    /// Whether a ReLU is still to be taken.
    pub rectify: bool,
}

/// Convolves the input and hands the output to the sink.
pub(super) fn run(kernels: &Winograd, convolution: &Convolution, input: &Input<'_>, sink: &impl Sink) {
    let shape = input.activations.shape();
    assert_eq!(shape.channels, convolution.in_channels, "channels of the input");
    let form = kernels.form;
    let tiles =
        Tiles { across: shape.width.div_ceil(TILE), all: shape.width.div_ceil(TILE) * shape.height.div_ceil(TILE) };
    let panels = tiles.all.div_ceil(form.rows());
    let threads = rayon::current_num_threads();
    let blocks = shape.blocks() + convolution.bias.len();
    let cached = SCRATCH_LANES / (POINTS * form.rows() * blocks);
    let groups = panels.div_ceil(cached.max(FEWEST_PANELS));
    let pass = |panels: Range<usize>, scratch: &mut [Lanes], work: &dyn Fn(&Pass<'_, _>)| {
        let extent = Extent::new(form, shape, convolution, panels.len());
        let (inputs, products) = scratch.split_at_mut(extent.input_jump * POINTS);
        let (inputs, products) = (Shared::new(inputs), Shared::new(products));
        work(&Pass { convolution, input, sink, tiles, panels, extent, inputs, products });
    };
    if groups >= 2 * threads {
        // Every thread does parts of the image from beginning to end.
        let groups = groups.next_multiple_of(threads).min(panels);
        (0..groups).into_par_iter().for_each(|group| {
            let panels = panels * group / groups..panels * (group + 1) / groups;
            let lanes = Extent::new(form, shape, convolution, panels.len()).scratch();
            kernels.scratch.lend(lanes, |scratch| pass(panels, scratch, &|pass| form.run(All(pass))));
        });
    } else {
        // All threads do the whole image together, step by step.
        let lanes = Extent::new(form, shape, convolution, panels).scratch();
        kernels.scratch.lend(lanes, |scratch| pass(0..panels, scratch, &|pass| pass.together(form)));
    }
}
