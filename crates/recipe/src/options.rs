//! Options as a person gives them: all of them optional, most of them text.

use std::{iter, str::FromStr};

use crate::{
    Alpha, BackboneChoice, Colours, Init, LayerOption, Objective, OptimiserChoice, PoolingChoice, Precision, Preset,
    SizeOption, Stage,
};

/// An option that cannot be, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{option}: {reason}")]
pub struct OptionError {
    /// The option at fault, by the name it has in requests.
    pub option: String,
    /// What is wrong with it and what would be right.
    pub reason: String,
}

impl OptionError {
    /// Says that `option` is wrong because of `reason`.
    pub fn new(option: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { option: option.into(), reason: reason.into() }
    }
}

/// What a request asks for; what it leaves out is the preset's to say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    /// The recipe to start from; `paint` if left out.
    pub preset: Option<Preset>,
    /// What is compared.
    pub objective: Option<Objective>,
    /// How large the result is to be.
    pub size: Option<SizeOption>,
    /// Every stage, spelled out; excludes `size` and `epochs`.
    pub stages: Option<Vec<Stage>>,
    /// The epochs of all stages together, shared out in the preset's proportions.
    pub epochs: Option<u32>,
    /// Whose features are compared.
    pub backbone: Option<BackboneChoice>,
    /// The convolutions where the content is compared; the objective's own if left out.
    pub content_layers: Option<Vec<LayerOption>>,
    /// The convolutions where the style is compared; the objective's own if left out. One without a weight counts what it does in
    /// the objective's own choice, or would.
    pub style_layers: Option<Vec<LayerOption>>,
    /// How features are pooled; the objective's own way if left out.
    pub pooling: Option<PoolingChoice>,
    /// What the first stage starts from; the picture that is given for it, else the photograph.
    pub init: Option<Init>,
    /// What noise is made of; 0 if left out.
    pub seed: Option<u32>,
    /// The painting's size beside the picture's, from 0.25 to 4: how large its strokes come out; 1 if left out.
    pub style_scale: Option<f64>,
    /// Whose colours the result has; the painting's if left out.
    pub colours: Option<Colours>,
    /// What becomes of the photograph's transparency; it is kept if left out.
    pub alpha: Option<Alpha>,
    /// How far the result goes from the photograph, from 0, the photograph in the painting's tones, to 1, a free painting;
    /// 0.5 if left out. It sets the weight of the style loss, whatever the objective; excludes `style_weight`.
    pub strength: Option<f64>,
    /// The weight of the content loss.
    pub content_weight: Option<f64>,
    /// The weight of the style loss.
    pub style_weight: Option<f64>,
    /// The weight of the total-variation loss.
    pub tv_weight: Option<f64>,
    /// How much each style counts, in the order of the style images.
    pub style_weights: Option<Vec<f64>>,
    /// What moves the pixels.
    pub optimiser: Option<OptimiserChoice>,
    /// Adam's rate at the start of each stage, or the size of L-BFGS's first step.
    pub learning_rate: Option<f64>,
    /// Epochs from one progress entry to the next.
    pub report_every: Option<u32>,
    /// The number format of the convolutions.
    pub precision: Option<Precision>,
}

impl Options {
    /// The names that [`Options::set`] knows.
    pub const NAMES: &'static [&'static str] = &[
        "preset",
        "objective",
        "size",
        "stages",
        "epochs",
        "backbone",
        "content_layers",
        "style_layers",
        "pooling",
        "init",
        "seed",
        "style_scale",
        "colours",
        "alpha",
        "strength",
        "content_weight",
        "style_weight",
        "tv_weight",
        "style_weights",
        "optimiser",
        "learning_rate",
        "report_every",
        "precision",
    ];

    /// Sets the option called `name` from text, as a form field gives it. Blank text counts as not given: browsers send the
    /// fields that nobody has filled in.
    ///
    /// # Errors
    /// When there is no such option, when it was set before, or when `text` is no value for it.
    pub fn set(&mut self, name: &str, text: &str) -> Result<(), OptionError> {
        self.read(name, text)
            .map_err(|OptionError { option, reason }| OptionError { option, reason: shorten(reason, text) })
    }

    fn read(&mut self, name: &str, text: &str) -> Result<(), OptionError> {
        match name {
            known if text.trim().is_empty() && Self::NAMES.contains(&known) => Ok(()),
            "preset" => put(&mut self.preset, name, parse(text)),
            "objective" => put(&mut self.objective, name, parse(text)),
            "size" => put(&mut self.size, name, parse(text)),
            "stages" => put(&mut self.stages, name, list(text)),
            "epochs" => put(&mut self.epochs, name, count(text)),
            "backbone" => put(&mut self.backbone, name, parse(text)),
            "content_layers" => put(&mut self.content_layers, name, list(text)),
            "style_layers" => put(&mut self.style_layers, name, list(text)),
            "pooling" => put(&mut self.pooling, name, parse(text)),
            "init" => put(&mut self.init, name, parse(text)),
            "seed" => put(&mut self.seed, name, seed(text)),
            "style_scale" => put(&mut self.style_scale, name, number(text)),
            "colours" => put(&mut self.colours, name, parse(text)),
            "alpha" => put(&mut self.alpha, name, parse(text)),
            "strength" => put(&mut self.strength, name, number(text)),
            "content_weight" => put(&mut self.content_weight, name, number(text)),
            "style_weight" => put(&mut self.style_weight, name, number(text)),
            "tv_weight" => put(&mut self.tv_weight, name, number(text)),
            "style_weights" => put(&mut self.style_weights, name, text.split(',').map(number).collect()),
            "optimiser" => put(&mut self.optimiser, name, parse(text)),
            "learning_rate" => put(&mut self.learning_rate, name, number(text)),
            "report_every" => put(&mut self.report_every, name, count(text)),
            "precision" => put(&mut self.precision, name, parse(text)),
            _ => Err(OptionError::new(name, format!("there is no such option; there are {}", Self::NAMES.join(", ")))),
        }
    }
}

/// Repeats no more of `text`, or of a part of it, than anybody wants to read again.
pub(crate) fn shorten(reason: String, text: &str) -> String {
    const LONGEST: usize = 100;
    let parts = iter::once(text).chain(text.split([',', ':', '='])).flat_map(|part| [part, part.trim()]);
    parts.filter(|part| part.chars().count() > LONGEST).fold(reason, |reason, part| {
        let start: String = part.chars().take(LONGEST).collect();
        reason.replace(part, &format!("{start}…"))
    })
}

fn put<T>(slot: &mut Option<T>, name: &str, value: Result<T, String>) -> Result<(), OptionError> {
    if slot.is_some() {
        return Err(OptionError::new(name, "is given twice: once is enough"));
    }
    *slot = Some(value.map_err(|reason| OptionError::new(name, reason))?);
    Ok(())
}

fn parse<T: FromStr>(text: &str) -> Result<T, String>
where
    T::Err: ToString,
{
    text.trim().parse().map_err(|error: T::Err| error.to_string())
}

fn list<T: FromStr>(text: &str) -> Result<Vec<T>, String>
where
    T::Err: ToString,
{
    text.split(',').map(parse).collect()
}

fn count(text: &str) -> Result<u32, String> {
    crate::size::whole(text.trim()).filter(|&n| n > 0).ok_or_else(|| format!("'{text}' is no whole number above 0"))
}

fn seed(text: &str) -> Result<u32, String> {
    crate::size::whole(text.trim()).ok_or_else(|| format!("'{text}' is no whole number from 0 to {}", u32::MAX))
}

pub(crate) fn number(text: &str) -> Result<f64, String> {
    text.trim().parse().map_err(|_| format!("'{text}' is no number"))
}
