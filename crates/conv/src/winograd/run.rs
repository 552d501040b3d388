//! How a convolution is shared out: parts of the image to threads, or steps to all of them together.

use std::{ops::Range, sync::Mutex};

use rayon::prelude::*;

use super::{
    Convolution,
    pass::{All, Extent, Pass, Tiles},
    transform::{POINTS, TILE},
};
use crate::{Activations, Form, Lanes, shared::Shared, simd::Simd};

/// What a thread's transformed inputs and products should fill, in lanes: the part of a core's second cache that the
/// weights and the image leave. Half of it measured best on a cache of 1.25 MiB, 2026-11-23.
const SCRATCH_LANES: usize = (512 << 10) / size_of::<Lanes>();
/// Panels that share one reading of the weights at least: where there are many channels, the weights come from memory.
const FEWEST_PANELS: usize = 2;

/// How to compute, and the memory that it takes besides inputs and outputs: one serves any number of convolutions.
pub struct Workspace {
    form: Form,
    free: Mutex<Vec<Vec<Lanes>>>,
}

impl Workspace {
    /// An empty one.
    pub fn new(form: Form) -> Self {
        Self { form, free: Mutex::new(Vec::new()) }
    }

    /// How it computes.
    pub fn form(&self) -> Form {
        self.form
    }

    fn with_scratch(&self, lanes: usize, use_it: impl FnOnce(&mut [Lanes])) {
        let mut scratch = self.lock().pop().unwrap_or_default();
        if scratch.len() < lanes {
            scratch.resize(lanes, Lanes::ZERO);
        }
        use_it(&mut scratch[..lanes]);
        self.lock().push(scratch);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Vec<Lanes>>> {
        // What is in there is scratch: a panic elsewhere cannot have broken it.
        self.free.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// What a convolution reads.
pub(crate) struct Input<'a> {
    pub activations: &'a Activations,
    /// Whether a ReLU is still to be taken.
    pub rectify: bool,
}

/// A tile's place among the tiles.
#[derive(Clone, Copy)]
pub(crate) struct Tile {
    pub row: usize,
    pub column: usize,
}

/// What becomes of a convolution's output.
pub(crate) trait Sink: Sync {
    /// Takes one tile of a block of output channels; parts of it may lie outside the image. Inlined.
    fn put<S: Simd>(&self, simd: S, block: usize, tile: Tile, values: &[[S::V; TILE]; TILE]);
}

/// Convolves the input and hands the output to the sink.
pub(crate) fn run(workspace: &Workspace, convolution: &Convolution, input: &Input<'_>, sink: &impl Sink) {
    let shape = input.activations.shape();
    assert_eq!(shape.channels, convolution.in_channels, "channels of the input");
    let form = workspace.form;
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
            workspace.with_scratch(lanes, |scratch| pass(panels, scratch, &|pass| form.run(All(pass))));
        });
    } else {
        // All threads do the whole image together, step by step.
        let lanes = Extent::new(form, shape, convolution, panels).scratch();
        workspace.with_scratch(lanes, |scratch| pass(0..panels, scratch, &|pass| pass.together(form)));
    }
}
