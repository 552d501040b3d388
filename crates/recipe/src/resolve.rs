//! From options to a recipe: what they leave out is the preset's, the objective's and the pictures' to say.

use crate::{
    Alpha, BackboneChoice, Canvas, Colours, Init, Inputs, Limits, LossWeights, Objective, OptionError, Options,
    PoolingChoice, Precision, Preset, Recipe, Size, SizeOption, Stage, StyleFit,
    layers::Looks,
    preset::{Plan, SHORTEST_SIDE},
};

impl LossWeights {
    fn of(objective: Objective) -> Self {
        match objective {
            Objective::Published => Self { content: 1.0, style: 1e3, tv: 10.0 },
            Objective::Relative => Self { content: 1.0, style: 2.5, tv: 0.03 },
        }
    }
}

impl Options {
    /// The recipe that these options mean for pictures like `inputs`.
    ///
    /// # Errors
    /// Names the option at fault when options exclude each other, a number is out of its range, a stage is under 16x16
    /// or beyond `limits`, the network has no such layer, or the style weights are not one for each style.
    pub fn resolve(&self, inputs: &Inputs, limits: &Limits) -> Result<Recipe, OptionError> {
        inputs.check_masks()?;
        let preset = self.preset.unwrap_or(Preset::Paint);
        let plan = preset.plan();
        let objective = self.objective.unwrap_or(plan.objective);
        let backbone = self.backbone.unwrap_or(BackboneChoice::Auto).or(inputs.automatic);
        let init = self.resolve_init(inputs)?;
        let stages = self.resolve_stages(plan, inputs)?;
        check_stages(&stages, objective, limits)?;
        let exact = matches!(self.size.unwrap_or(plan.size), SizeOption::Exact(_)) || self.stages.is_some();
        let style_fit = if objective == Objective::Published && exact { StyleFit::Stretch } else { StyleFit::Keep };
        Ok(Recipe {
            preset,
            objective,
            content_layers: Looks::Content.resolve(self.content_layers.as_deref(), objective, backbone)?,
            style_layers: Looks::Style.resolve(self.style_layers.as_deref(), objective, backbone)?,
            pooling: self.pooling.unwrap_or(PoolingChoice::of(objective)),
            init,
            seed: self.seed.unwrap_or(0),
            style_fit,
            style_scale: self.resolve_style_scale(&stages, limits)?,
            stages,
            colours: self.colours.unwrap_or(Colours::Style),
            alpha: self.alpha.unwrap_or(Alpha::Keep),
            weights: self.resolve_weights(objective)?,
            style_weights: self.resolve_style_weights(inputs.styles)?,
            optimiser: self.optimiser.unwrap_or(plan.optimiser),
            learning_rate: positive("learning_rate", self.learning_rate.unwrap_or(plan.learning_rate))?,
            report_every: self.report_every.unwrap_or(plan.report_every).max(1),
            backbone,
            precision: self.precision.unwrap_or(Precision::Auto),
        })
    }

    fn resolve_init(&self, inputs: &Inputs) -> Result<Init, OptionError> {
        match (self.init, inputs.initial) {
            (None, None) => Ok(Init::Content),
            (None | Some(Init::Picture), Some(_)) => Ok(Init::Picture),
            (Some(Init::Picture), None) => {
                Err(OptionError::new("init", "there is no picture to start from: give one as initial"))
            }
            (Some(init), None) => Ok(init),
            (Some(init), Some(_)) => Err(OptionError::new(
                "init",
                format!("says {init}, and a picture to start from is given: leave one out"),
            )),
        }
    }

    fn resolve_stages(&self, plan: &Plan, inputs: &Inputs) -> Result<Vec<Stage>, OptionError> {
        if let Some(stages) = &self.stages {
            let excluded = self.size.map(|_| "size").or(self.epochs.map(|_| "epochs"));
            return match excluded {
                Some(other) => {
                    Err(OptionError::new("stages", format!("says the sizes and epochs already: leave out {other}")))
                }
                None => Ok(stages.clone()),
            };
        }
        let content = inputs.content;
        let final_size = match (self.size, plan.size) {
            (None, SizeOption::Longest(side)) => roomy(content, side),
            (Some(SizeOption::Longest(side)), _) => content.with_longest_side(side),
            (Some(SizeOption::Exact(size)), _) | (None, SizeOption::Exact(size)) => size,
            (Some(SizeOption::Original), _) | (None, SizeOption::Original) => content,
        };
        let mut planned = plan.stages.stages(final_size);
        if let Some(initial) = inputs.initial {
            // What is there already need not be painted again.
            let still_to_do = |stage: &Stage| stage.size.longest_side() > initial.longest_side();
            let done = planned.iter().take_while(|stage| !still_to_do(stage)).count();
            planned.drain(..done.min(planned.len().saturating_sub(1)));
        }
        let all: u32 = planned.iter().map(|stage| stage.epochs).sum();
        let share = f64::from(self.epochs.unwrap_or(all)) / f64::from(all);
        let shared = |epochs: u32| (f64::from(epochs) * share).round().max(1.0) as u32;
        let stages = planned.into_iter().map(|stage| Stage {
            epochs: shared(stage.epochs),
            decay: stage.decay.map(shared),
            ..stage
        });
        Ok(stages.collect())
    }

    fn resolve_style_scale(&self, stages: &[Stage], limits: &Limits) -> Result<f64, OptionError> {
        const RANGE: std::ops::RangeInclusive<f64> = 0.25..=4.0;
        let refuse = |reason: String| Err(OptionError::new("style_scale", reason));
        let scale = self.style_scale.unwrap_or(1.0);
        if !RANGE.contains(&scale) {
            return refuse(format!("{scale} is out of range: give a number from {} to {}", RANGE.start(), RANGE.end()));
        }
        // A style image is looked at once a stage, in a third of the memory that an image of its size takes to be painted.
        let most = 2.0 * limits.stage_pixels as f64;
        match stages.iter().find(|stage| scale > 1.0 && StyleFit::most_pixels(stage.size, scale) > most) {
            None => Ok(scale),
            Some(stage) => refuse(format!(
                "{scale} times {} makes paintings of more than {most} pixels: give a smaller number, or a smaller size",
                stage.size
            )),
        }
    }

    fn resolve_weights(&self, objective: Objective) -> Result<LossWeights, OptionError> {
        let own = LossWeights::of(objective);
        let style = match (self.style_weight, self.strength) {
            (Some(_), Some(_)) => {
                return Err(OptionError::new("strength", "says the style's weight already: leave out style_weight"));
            }
            (Some(weight), None) => weight,
            (None, strength) => own.style * strength.map_or(Ok(1.0), weight_factor)?,
        };
        let weights = LossWeights {
            content: not_negative("content_weight", self.content_weight.unwrap_or(own.content))?,
            style: not_negative("style_weight", style)?,
            tv: not_negative("tv_weight", self.tv_weight.unwrap_or(own.tv))?,
        };
        if weights.content + weights.style + weights.tv == 0.0 {
            return Err(OptionError::new("style_weight", "content, style and tv weigh nothing: let one be above 0"));
        }
        Ok(weights)
    }

    fn resolve_style_weights(&self, styles: usize) -> Result<Vec<f64>, OptionError> {
        let Some(given) = &self.style_weights else { return Ok(vec![1.0 / styles as f64; styles]) };
        if given.len() != styles {
            let reason = format!("{} weights for {styles} style images: give one for each", given.len());
            return Err(OptionError::new("style_weights", reason));
        }
        for &weight in given {
            not_negative("style_weights", weight)?;
        }
        let sum: f64 = given.iter().sum();
        if sum == 0.0 || !sum.is_finite() {
            return Err(OptionError::new(
                "style_weights",
                "add up to nothing that can be divided by: let one be above 0",
            ));
        }
        Ok(given.iter().map(|weight| weight / sum).collect())
    }
}

fn check_stages(stages: &[Stage], objective: Objective, limits: &Limits) -> Result<(), OptionError> {
    let refuse = |reason: String| Err(OptionError::new("stages", reason));
    for (number, stage) in (1..).zip(stages) {
        let size = stage.size;
        if size.shortest_side() < SHORTEST_SIDE {
            return Err(OptionError::new(
                "size",
                format!(
                    "stage {number} would be {size}, under {SHORTEST_SIDE}x{SHORTEST_SIDE}: ask for a larger picture"
                ),
            ));
        }
        let image = Canvas::new(size, objective).image;
        if image.pixels() > limits.stage_pixels {
            let margin = if image == size { "" } else { "with its margin " };
            return Err(OptionError::new(
                "size",
                format!("stage {number} would be {size}, {margin}above the limit of {} pixels", limits.stage_pixels),
            ));
        }
    }
    // After the sizes: of a preset's stages, too many come of too large a size.
    if stages.is_empty() || stages.len() > limits.stages {
        return refuse(format!("{} stages: give 1 to {}", stages.len(), limits.stages));
    }
    let epochs: u64 = stages.iter().map(|stage| u64::from(stage.epochs)).sum();
    if epochs > u64::from(limits.epochs) {
        return Err(OptionError::new("epochs", format!("{epochs} in all, above the limit of {}", limits.epochs)));
    }
    Ok(())
}

/// What a strength multiplies the style loss's weight by: 1/20 at 0, 1 at 0.5, 20 at 1.
fn weight_factor(strength: f64) -> Result<f64, OptionError> {
    const FURTHEST: f64 = 20.0;
    if (0.0..=1.0).contains(&strength) {
        Ok(FURTHEST.powf(2.0 * strength - 1.0))
    } else {
        Err(OptionError::new("strength", format!("{strength} is out of range: give a number from 0 to 1")))
    }
}

fn not_negative(option: &str, value: f64) -> Result<f64, OptionError> {
    if value.is_finite() && value >= 0.0 {
        Ok(value)
    } else {
        Err(OptionError::new(option, format!("{value} is out of range: give a number from 0 up")))
    }
}

fn positive(option: &str, value: f64) -> Result<f64, OptionError> {
    if value.is_finite() && value > 0.0 {
        Ok(value)
    } else {
        Err(OptionError::new(option, format!("{value} is out of range: give a number above 0")))
    }
}

/// The size with this longest side, unless it is so narrow that a network sees nothing of it: then the shortest side is as long
/// as it must be, and the longest one as it follows, up to a limit beyond which the shape is given up.
fn roomy(content: Size, longest: u32) -> Size {
    const LONGEST: f64 = 16_000.0;
    let size = content.with_longest_side(longest);
    if size.shortest_side() >= SHORTEST_SIDE {
        return size;
    }
    let factor = f64::from(SHORTEST_SIDE) / f64::from(content.shortest_side());
    let side = |side: u32| (f64::from(side) * factor).min(LONGEST).round() as u32;
    Size::new(side(content.width), side(content.height))
}
