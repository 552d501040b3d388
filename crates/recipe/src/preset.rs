//! The recipes that have a name.

use crate::{Objective, OptimiserChoice, Size, SizeOption, choice::named};

named! {
    /// A recipe that has a name; an explicit option overrides what it says.
    Preset {
        /// The one that looks best: three stages from coarse to fine, `relative`.
        Paint = "paint",
        /// The published recipe in two stages, 300x200 and 1200x800.
        Classic = "classic",
        /// `classic`'s objective by a shorter way: L-BFGS, first at half the size.
        Fast = "fast",
    }
}

/// One stage of a preset, as a part of the final size.
pub(crate) struct StagePlan {
    /// Its sides, as a multiple of the final size's.
    pub scale: f64,
    pub epochs: u32,
    pub decay: Option<u32>,
}

/// All that a preset says.
pub(crate) struct Plan {
    pub objective: Objective,
    pub optimiser: OptimiserChoice,
    pub learning_rate: f64,
    pub size: SizeOption,
    pub stages: &'static [StagePlan],
    pub report_every: u32,
}

/// The size of L-BFGS's first step: those after it know their own.
const FIRST_STEP: f64 = 0.1;

const PAINT: Plan = Plan {
    objective: Objective::Relative,
    optimiser: OptimiserChoice::Lbfgs,
    learning_rate: FIRST_STEP,
    size: SizeOption::Longest(512),
    stages: &[
        StagePlan { scale: 0.36, epochs: 60, decay: None },
        StagePlan { scale: 0.6, epochs: 45, decay: None },
        StagePlan { scale: 1.0, epochs: 35, decay: None },
    ],
    report_every: 10,
};

const CLASSIC: Plan = Plan {
    objective: Objective::Published,
    optimiser: OptimiserChoice::Adam,
    learning_rate: 0.01,
    size: SizeOption::Exact(Size::new(1200, 800)),
    stages: &[
        StagePlan { scale: 0.25, epochs: 500, decay: Some(200) },
        StagePlan { scale: 1.0, epochs: 300, decay: Some(100) },
    ],
    report_every: 50,
};

const FAST: Plan = Plan {
    objective: Objective::Published,
    optimiser: OptimiserChoice::Lbfgs,
    learning_rate: FIRST_STEP,
    size: SizeOption::Longest(512),
    stages: &[StagePlan { scale: 0.5, epochs: 48, decay: None }, StagePlan { scale: 1.0, epochs: 24, decay: None }],
    report_every: 5,
};

impl Preset {
    pub(crate) fn plan(self) -> &'static Plan {
        match self {
            Self::Paint => &PAINT,
            Self::Classic => &CLASSIC,
            Self::Fast => &FAST,
        }
    }
}
