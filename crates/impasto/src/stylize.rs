//! `impasto stylize`: one picture, right here.

use std::{
    io::{IsTerminal, Write},
    path::Path,
};

use anyhow::Context;
use impasto_engine::{Engine, Flow, Observer, Outcome, Snapshot, Subject};
use impasto_picture::{DecodeLimits, Format, Picture};
use impasto_recipe::{Inputs, Limits, OptionError, Options, ProgressEntry, Recipe};
use impasto_weights::Store;
use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    cli::{LossFormat, StylizeArguments},
    configuration,
};

pub fn run(arguments: &StylizeArguments) -> anyhow::Result<()> {
    let format = output_format(&arguments.output)?;
    let configuration = configuration::load_from(arguments.config.as_deref(), &[])?;
    let options = arguments.recipe.options().map_err(flag_error)?;
    let options = Options { precision: Some(arguments.engine.precision), ..options };
    let content = open(&arguments.content)?;
    let weights = Store::new(configuration.weights);
    let (automatic, _) = weights.resolve(arguments.engine.backbone)?;
    let inputs = Inputs { automatic, ..Inputs::new(content.size(), arguments.style.len()) };
    let recipe = options.resolve(&inputs, &UNLIMITED).map_err(flag_error)?;
    let mut subject = Subject::new(&recipe, content);
    for style in &arguments.style {
        subject.add_style(&recipe, open(style)?);
    }
    let backbone = weights.load(recipe.backbone.into(), &|| {})?;
    let engine = Engine::new(backbone, &arguments.engine.settings())?;
    let mut teller = Teller::new(arguments.losses, &recipe, &engine);
    let outcome = engine.paint(&recipe, &subject, None, &mut teller)?;
    teller.bar.finish_and_clear();
    let Outcome::Finished(picture) = outcome else { anyhow::bail!("nobody listens to the losses any more") };
    let bytes = picture.encode(format)?;
    std::fs::write(&arguments.output, bytes)
        .with_context(|| format!("{} cannot be written", arguments.output.display()))
}

/// Who runs the program may use the whole machine.
const UNLIMITED: Limits = Limits { stage_pixels: u64::MAX, epochs: u32::MAX, stages: usize::MAX };

/// The format by the output's name; looked at first, so that hours of work do not end in a name that cannot be written.
fn output_format(output: &Path) -> anyhow::Result<Format> {
    let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    anyhow::ensure!(folder.is_dir(), "{} cannot be written: there is no folder {}", output.display(), folder.display());
    let extension = output.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_lowercase();
    let format = extension.parse::<Format>();
    format.map_err(|_| anyhow::anyhow!("{}: name the result .png, .jpg or .webp", output.display()))
}

fn open(path: &Path) -> anyhow::Result<Picture> {
    let bytes = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    Picture::decode(&bytes, &DecodeLimits::default()).with_context(|| path.display().to_string())
}

fn flag_error(error: OptionError) -> anyhow::Error {
    anyhow::anyhow!("--{}: {}", error.option.replace('_', "-"), error.reason)
}

/// Prints the losses and draws a progress bar.
struct Teller<'a> {
    format: LossFormat,
    recipe: &'a Recipe,
    bar: ProgressBar,
    heard: bool,
}

/// What the bar counts to.
const STEPS: u64 = 1000;

impl<'a> Teller<'a> {
    fn new(format: LossFormat, recipe: &'a Recipe, engine: &Engine) -> Self {
        let bar = if std::io::stderr().is_terminal() { ProgressBar::new(STEPS) } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {percent:>3} %  {msg}  {eta} left") {
            bar.set_style(style);
        }
        if format == LossFormat::Text {
            bar.suspend(|| eprintln!("{}: {}", recipe.preset, engine.fingerprint()));
        }
        Self { format, recipe, bar, heard: true }
    }

    fn say(&mut self, entry: &ProgressEntry) -> anyhow::Result<()> {
        let line = match self.format {
            LossFormat::Json => serde_json::to_string(entry)?,
            LossFormat::Text => format!(
                "stage {} epoch {:>4}  content {:.4}  style {:.4}  tv {:.4}  total {:.4}  {:.3} s/epoch",
                entry.stage, entry.epoch, entry.content, entry.style, entry.tv, entry.total, entry.seconds_per_epoch
            ),
        };
        self.bar.suspend(|| {
            let mut out = std::io::stdout();
            writeln!(out, "{line}").and_then(|()| out.flush())
        })?;
        Ok(())
    }
}

impl Observer for Teller<'_> {
    fn progress(&mut self, entry: &ProgressEntry) {
        self.heard &= self.say(entry).is_ok();
    }

    fn epoch(&mut self, now: &Snapshot<'_>) -> Flow {
        let position = now.position();
        self.bar.set_position((self.recipe.fraction_done(position) * STEPS as f64) as u64);
        self.bar.set_message(format!("stage {} epoch {}", position.stage, position.epoch));
        if self.heard { Flow::Continue } else { Flow::Stop }
    }
}
