//! Flags that say what to paint.

use clap::Args;
use impasto_recipe::{OptionError, Options};

/// What overrides a preset.
#[derive(Debug, Args)]
#[command(next_help_heading = "What to paint")]
pub struct RecipeArguments {
    /// paint, classic or fast [default: paint].
    #[arg(long)]
    preset: Option<String>,
    /// How far to go from the photograph, from 0, its forms in the painting's tones, to 1, a free painting [default: 0.5].
    #[arg(long, value_name = "0..1")]
    strength: Option<String>,
    /// The result's longest side, its size to the pixel, or original: the photograph's own size.
    #[arg(long, value_name = "N|WxH|original")]
    size: Option<String>,
    /// The painting's size beside the picture's, from 0.25 to 4: how large its strokes come out [default: 1].
    #[arg(long, value_name = "FACTOR")]
    style_scale: Option<String>,
    /// What each style counts, in their order.
    #[arg(long, value_name = "A,B,…")]
    style_weights: Option<String>,
    /// Whose colours the result has: style, content (the photograph's, under the painted luminance), or matched (the painting's,
    /// brought to the photograph's mean and covariance first) [default: style].
    #[arg(long)]
    colours: Option<String>,
    /// What becomes of the photograph's transparency: keep it, or lay it on white [default: keep].
    #[arg(long, value_name = "keep|white")]
    alpha: Option<String>,
    /// What to start from: content, noise, or picture [default: content; picture with --initial].
    #[arg(long)]
    init: Option<String>,
    /// What noise is made of; the same number makes the same noise [default: 0].
    #[arg(long, value_name = "N")]
    seed: Option<String>,
    /// Every stage, spelled out, in place of --size and --epochs.
    #[arg(long, value_name = "WxH:EPOCHS[:DECAY],…")]
    stages: Option<String>,
    /// The epochs of all stages together, in the preset's proportions.
    #[arg(long)]
    epochs: Option<String>,
    /// What is compared: published or relative.
    #[arg(long)]
    objective: Option<String>,
    /// Where the content is compared: any of the network's convolutions, conv1_1 to conv5_1.
    #[arg(long, value_name = "NAME[:WEIGHT],…")]
    content_layers: Option<String>,
    /// Where the style is compared. A name alone counts what it does by default.
    #[arg(long, value_name = "NAME[:WEIGHT],…")]
    style_layers: Option<String>,
    /// How features are pooled: max, average or l2 [default: the objective's].
    #[arg(long)]
    pooling: Option<String>,
    /// The weight of the content loss.
    #[arg(long)]
    content_weight: Option<String>,
    /// The weight of the style loss, in place of strength.
    #[arg(long)]
    style_weight: Option<String>,
    /// The weight of the total-variation loss.
    #[arg(long)]
    tv_weight: Option<String>,
    /// What moves the pixels: adam or lbfgs.
    #[arg(long)]
    optimiser: Option<String>,
    /// Adam's rate at the start of each stage, or the size of L-BFGS's first step.
    #[arg(long)]
    learning_rate: Option<String>,
    /// Epochs from one line of losses to the next.
    #[arg(long, value_name = "N")]
    report_every: Option<String>,
}

impl RecipeArguments {
    /// The options as a request would give them.
    pub fn options(&self) -> Result<Options, OptionError> {
        let mut options = Options::default();
        for (name, text) in [
            ("preset", &self.preset),
            ("objective", &self.objective),
            ("size", &self.size),
            ("stages", &self.stages),
            ("epochs", &self.epochs),
            ("content_layers", &self.content_layers),
            ("style_layers", &self.style_layers),
            ("pooling", &self.pooling),
            ("init", &self.init),
            ("seed", &self.seed),
            ("style_scale", &self.style_scale),
            ("colours", &self.colours),
            ("alpha", &self.alpha),
            ("strength", &self.strength),
            ("content_weight", &self.content_weight),
            ("style_weight", &self.style_weight),
            ("tv_weight", &self.tv_weight),
            ("style_weights", &self.style_weights),
            ("optimiser", &self.optimiser),
            ("learning_rate", &self.learning_rate),
            ("report_every", &self.report_every),
        ] {
            if let Some(text) = text {
                options.set(name, text)?;
            }
        }
        Ok(options)
    }
}
