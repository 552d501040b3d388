//! The recipes that have a name.

use crate::{Objective, OptimiserChoice, Size, SizeOption, Stage, choice::named};

named! {
    /// A recipe that has a name; an explicit option overrides what it says.
    Preset {
        /// The one that looks best: `relative` by L-BFGS, in stages from coarse to fine.
        Paint = "paint",
        /// The published recipe in two stages, 300x200 and 1200x800.
        Classic = "classic",
        /// A sketch: what `paint` does, in two fifths of the time.
        Fast = "fast",
    }
}

/// How a preset comes to its stages.
pub(crate) enum StagePlan {
    /// These parts of the final size.
    Parts(&'static [StagePart]),
    /// From about [`COARSEST`] pixels on the longest side up to the final size, each larger than the one before by √2: so the
    /// broad forms and their strokes come out alike at every final size. The first stage has the first of these epochs, and
    /// so on; the last number serves all stages that are left.
    Growing(&'static [u32]),
}

/// One stage, as a part of the final size.
pub(crate) struct StagePart {
    /// Its sides, as a multiple of the final size's.
    pub scale: f64,
    pub epochs: u32,
    pub decay: Option<u32>,
}

/// The longest side from which a growing plan starts: on less, a VGG's fifth block sees too little to place forms by.
const COARSEST: f64 = 128.0;

/// A stage's shortest side: below it the fifth block of a VGG would see less than one pixel.
pub(crate) const SHORTEST_SIDE: u32 = 16;

/// All that a preset says.
pub(crate) struct Plan {
    pub objective: Objective,
    pub optimiser: OptimiserChoice,
    pub learning_rate: f64,
    pub size: SizeOption,
    pub stages: StagePlan,
    pub report_every: u32,
}

/// The size of L-BFGS's first step: those after it know their own.
const FIRST_STEP: f64 = 0.05;

const PAINT: Plan = Plan {
    objective: Objective::Relative,
    optimiser: OptimiserChoice::Lbfgs,
    learning_rate: FIRST_STEP,
    size: SizeOption::Longest(512),
    stages: StagePlan::Growing(&[64, 32, 24, 20, 18]),
    report_every: 10,
};

const CLASSIC: Plan = Plan {
    objective: Objective::Published,
    optimiser: OptimiserChoice::Adam,
    learning_rate: 0.01,
    size: SizeOption::Exact(Size::new(1200, 800)),
    stages: StagePlan::Parts(&[
        StagePart { scale: 0.25, epochs: 500, decay: Some(200) },
        StagePart { scale: 1.0, epochs: 300, decay: Some(100) },
    ]),
    report_every: 50,
};

const FAST: Plan = Plan {
    objective: Objective::Relative,
    optimiser: OptimiserChoice::Lbfgs,
    learning_rate: FIRST_STEP,
    size: SizeOption::Longest(512),
    stages: StagePlan::Growing(&[28, 14, 10, 8, 7]),
    report_every: 5,
};

impl StagePlan {
    /// The stages up to the final size.
    pub fn stages(&self, last: Size) -> Vec<Stage> {
        match self {
            Self::Parts(stages) => {
                let stage = |&StagePart { scale, epochs, decay }: &_| Stage { size: last.scaled(scale), epochs, decay };
                stages.iter().map(stage).collect()
            }
            Self::Growing(epochs) => {
                let halvings_of_area =
                    (2.0 * (f64::from(last.longest_side()) / COARSEST).log2()).round().max(0.0) as u32;
                let coarse =
                    (1..=halvings_of_area).rev().map(|smaller| last.scaled(0.5f64.powf(f64::from(smaller) / 2.0)));
                // A panorama's coarse stages may be too low to look at.
                let sizes = coarse.filter(|size| size.shortest_side() >= SHORTEST_SIDE).chain([last]);
                let last_epochs = epochs.last().copied().unwrap_or(1);
                let epochs = epochs.iter().copied().chain(std::iter::repeat(last_epochs));
                sizes.zip(epochs).map(|(size, epochs)| Stage { size, epochs, decay: None }).collect()
            }
        }
    }
}

impl Preset {
    pub(crate) fn plan(self) -> &'static Plan {
        match self {
            Self::Paint => &PAINT,
            Self::Classic => &CLASSIC,
            Self::Fast => &FAST,
        }
    }
}
