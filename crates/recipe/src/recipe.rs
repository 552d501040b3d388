//! A recipe: what is to be painted, with nothing left to a default.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    Alpha, Canvas, Colours, Init, LayerWeight, Objective, OptimiserChoice, PoolingChoice, Position, Precision, Preset,
    Size, StyleFit, size::whole, vgg::Architecture,
};

/// One image size of a recipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Stage {
    /// The size of the composite image.
    #[serde(flatten)]
    pub size: Size,
    /// Optimisation steps.
    pub epochs: u32,
    /// The learning rate is multiplied by 0.1 after epoch i, for i = decay, 2 decay, …; `null` keeps it.
    pub decay: Option<u32>,
}

impl FromStr for Stage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("'{text}' is no stage: give WIDTHxHEIGHT:EPOCHS[:DECAY], such as 300x200:500:200");
        let parts: Vec<&str> = text.split(':').collect();
        let (size, epochs, decay) = match parts[..] {
            [size, epochs] => (size, epochs, None),
            [size, epochs, decay] => (size, epochs, Some(whole(decay).filter(|&n| n > 0).ok_or_else(wrong)?)),
            _ => return Err(wrong()),
        };
        let size = size.parse().map_err(|_| wrong())?;
        let epochs = whole(epochs).filter(|&n| n > 0).ok_or_else(wrong)?;
        Ok(Self { size, epochs, decay })
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.size, self.epochs)?;
        self.decay.map_or(Ok(()), |decay| write!(f, ":{decay}"))
    }
}

/// What each loss counts in the total.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LossWeights {
    /// Of the content loss.
    pub content: f64,
    /// Of the style loss, over all layers and styles.
    pub style: f64,
    /// Of the total-variation loss.
    pub tv: f64,
}

/// What a recipe may ask for at the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Pixels of a stage, its margin's included.
    pub stage_pixels: u64,
    /// Epochs of all stages together.
    pub epochs: u32,
    /// Stages.
    pub stages: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { stage_pixels: 16_000_000, epochs: 20_000, stages: 16 }
    }
}

/// A job's options, resolved: nothing is left to a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Recipe {
    /// The preset it came from.
    pub preset: Preset,
    /// What is compared.
    pub objective: Objective,
    /// Where the content is compared, in the network's order.
    pub content_layers: Vec<LayerWeight>,
    /// Where the style is compared, in the network's order.
    pub style_layers: Vec<LayerWeight>,
    /// How features are pooled.
    pub pooling: PoolingChoice,
    /// The image sizes in order, at least one.
    pub stages: Vec<Stage>,
    /// What the first stage starts from.
    pub init: Init,
    /// What noise is made of.
    pub seed: u32,
    /// How the style images are brought to a stage's size.
    pub style_fit: StyleFit,
    /// By how much their sides are longer than those of the stage.
    pub style_scale: f64,
    /// Whose colours the result has.
    pub colours: Colours,
    /// What becomes of the content image's transparency.
    pub alpha: Alpha,
    /// What each loss counts.
    pub weights: LossWeights,
    /// What each style counts; they add up to 1.
    pub style_weights: Vec<f64>,
    /// What moves the pixels.
    pub optimiser: OptimiserChoice,
    /// Adam's rate at the start of each stage, or the size of L-BFGS's first step.
    pub learning_rate: f64,
    /// Epochs from one progress entry to the next.
    pub report_every: u32,
    /// Whose features are compared.
    pub backbone: Architecture,
    /// The number format of the convolutions.
    pub precision: Precision,
}

/// On either side the most that is needed, but no more than there is.
fn enough_of(own: Size, needed: impl Iterator<Item = Size>) -> Size {
    let most =
        needed.fold(Size::new(1, 1), |most, size| Size::new(most.width.max(size.width), most.height.max(size.height)));
    Size::new(own.width.min(most.width), own.height.min(most.height))
}

impl Recipe {
    /// The size to keep of a content picture of size `own`: no stage needs more.
    pub fn largest_content_size(&self, own: Size) -> Size {
        enough_of(own, self.stages.iter().map(|stage| stage.size))
    }

    /// The size that a style picture of size `own` is brought to for a stage.
    pub fn style_size(&self, own: Size, stage: Size) -> Size {
        self.style_fit.size_of(own, stage, self.style_scale)
    }

    /// The size to keep of a style picture of size `own`: no stage needs more.
    pub fn largest_style_size(&self, own: Size) -> Size {
        enough_of(own, self.stages.iter().map(|stage| self.style_size(own, stage.size)))
    }

    /// The size of the result: the last stage's.
    pub fn result_size(&self) -> Size {
        self.stages.last().map_or(Size::new(1, 1), |stage| stage.size)
    }

    /// The pixels that an epoch of a stage computes, its margin's included.
    pub(crate) fn computed_pixels(&self, stage: &Stage) -> f64 {
        Canvas::new(stage.size, self.objective).image.pixels() as f64
    }

    /// The part of the work that is done at `position`, from 0 to 1; epochs are weighed by the pixels they compute.
    pub fn fraction_done(&self, position: Position) -> f64 {
        let done = |number: u32, stage: &Stage| match number.cmp(&position.stage) {
            std::cmp::Ordering::Less => stage.epochs,
            std::cmp::Ordering::Equal => position.epoch.min(stage.epochs),
            std::cmp::Ordering::Greater => 0,
        };
        let work = |epochs: u32, stage: &Stage| f64::from(epochs) * self.computed_pixels(stage);
        let all: f64 = self.stages.iter().map(|stage| work(stage.epochs, stage)).sum();
        let so_far: f64 = (1..).zip(&self.stages).map(|(number, stage)| work(done(number, stage), stage)).sum();
        if all > 0.0 { so_far / all } else { 0.0 }
    }
}
