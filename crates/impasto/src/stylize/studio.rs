//! What all pictures of one call share, and how each of them is painted.

use std::path::Path;

use anyhow::{bail, ensure};
use impasto_engine::{Engine, Outcome, Style, Subject};
use impasto_picture::{Encoding, Format};
use impasto_recipe::{Inputs, Limits, OptionError, Options, Recipe};
use impasto_weights::Store;
use sha2::Digest;
use tokio_util::sync::CancellationToken;

use super::{checkpoint::CheckpointFile, files::PictureFiles, output::Output, teller::Teller};
use crate::{
    cli::{LimitArguments, StylizeArguments},
    configuration::Configuration,
};

/// Paints pictures as one command line says.
pub struct Studio<'a> {
    arguments: &'a StylizeArguments,
    options: Options,
    limits: Limits,
    max_file_bytes: u64,
    max_pixels: u64,
    weights: Store,
    /// Once the first picture needed it.
    engine: Option<Engine>,
    interrupted: CancellationToken,
}

/// How a picture came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Painted {
    Finished,
    /// Somebody asked for an end.
    Interrupted,
}

impl<'a> Studio<'a> {
    pub fn new(
        arguments: &'a StylizeArguments,
        configuration: &Configuration,
        interrupted: CancellationToken,
    ) -> anyhow::Result<Self> {
        let server = &configuration.server;
        let LimitArguments { max_file_bytes, max_pixels, max_stage_pixels, max_epochs, max_styles } = arguments.limits;
        let (styles, most) = (arguments.style.len(), max_styles.unwrap_or(server.max_styles.get()));
        ensure!(styles <= most, "--style: {styles} of them, above the limit of {most} (--max-styles)");
        let options = arguments.recipe.options().map_err(flag_error)?;
        Ok(Self {
            arguments,
            options: Options { precision: Some(arguments.engine.precision), ..options },
            limits: Limits {
                stage_pixels: max_stage_pixels.unwrap_or(server.max_stage_pixels),
                epochs: max_epochs.unwrap_or(server.max_epochs),
                ..Limits::default()
            },
            max_file_bytes: max_file_bytes.unwrap_or(server.max_file_bytes),
            max_pixels: max_pixels.unwrap_or(server.max_pixels),
            weights: Store::new(configuration.weights.clone()),
            engine: None,
            interrupted,
        })
    }

    /// How a result of this name is to be written.
    pub fn encoding_for(&self, output: &Path) -> anyhow::Result<Encoding> {
        let extension = output.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let named = extension.parse::<Format>().ok();
        let named = named.filter(|format| format.name() != extension || *format != Format::Png16);
        let format = match (self.arguments.format, named) {
            (Some(format), Some(named)) if named.mime() != format.mime() => {
                bail!("{}: its name says {named}, and --format {format}", output.display())
            }
            (Some(format), _) => format,
            (None, Some(named)) => named,
            (None, None) => bail!("{}: name the result .png, .jpg, .webp or .tiff", output.display()),
        };
        self.encoding(format)
    }

    /// How a result of this format is to be written.
    pub fn encoding(&self, format: Format) -> anyhow::Result<Encoding> {
        match self.arguments.quality {
            Some(_) if format != Format::Jpeg => {
                bail!("--quality: a {format} loses nothing; leave it out, or write a JPEG")
            }
            Some(quality) => Ok(Encoding { format, quality }),
            None => Ok(format.into()),
        }
    }

    /// Paints the picture in the file `content`.
    pub fn paint(&mut self, content: &Path, mut output: Output, encoding: Encoding) -> anyhow::Result<Painted> {
        let (recipe, subject, label) = self.read(content)?;
        output.reserve(recipe.result_size(), encoding.format)?;
        let checkpoint = self.arguments.checkpoint.as_deref();
        let mut checkpoint = checkpoint.map(|path| CheckpointFile::at(path, label)).transpose()?;
        let from = checkpoint.as_ref().map(CheckpointFile::load).transpose()?.flatten();
        let engine = match self.engine.take() {
            Some(engine) => engine,
            None => Engine::new(self.weights.load(recipe.backbone.into(), &|| {})?, &self.arguments.engine.settings())?,
        };
        let engine = &*self.engine.insert(engine);
        if let (Some(from), Some(checkpoint)) = (&from, &checkpoint) {
            let at = from.position();
            eprintln!("going on from {}: stage {} epoch {}", checkpoint.place(), at.stage, at.epoch);
        }
        let mut teller = Teller::new(self.arguments.losses, &recipe, engine, checkpoint.as_mut(), &self.interrupted);
        let outcome = engine.paint(&recipe, &subject, from.as_ref(), &mut teller);
        let heard = teller.finish();
        match (outcome?, checkpoint) {
            (Outcome::Finished(picture), checkpoint) => {
                output.write(&picture, encoding)?;
                checkpoint.as_ref().map_or(Ok(()), CheckpointFile::remove)?;
                Ok(Painted::Finished)
            }
            (Outcome::Stopped { .. }, None) if !heard => bail!("nobody listens to the losses any more"),
            (Outcome::Stopped { .. }, None) => {
                eprintln!("stopped; nothing of it is kept (--checkpoint FILE would)");
                Ok(Painted::Interrupted)
            }
            (Outcome::Stopped { checkpoint, .. }, Some(file)) => {
                let at = checkpoint.position();
                file.save(*checkpoint)?;
                eprintln!(
                    "stopped at stage {} epoch {}; the same command goes on from {}",
                    at.stage,
                    at.epoch,
                    file.place()
                );
                Ok(Painted::Interrupted)
            }
        }
    }

    /// The pictures, what is to be done with them, and a name for both together.
    fn read(&self, content: &Path) -> anyhow::Result<(Recipe, Subject, String)> {
        let arguments = self.arguments;
        let mut files = PictureFiles::new(self.max_file_bytes, self.max_pixels);
        let content = files.picture(content)?;
        let initial = arguments.initial.as_deref().map(|path| files.picture(path)).transpose()?;
        let (automatic, _) = self.weights.resolve(arguments.engine.backbone)?;
        let inputs = Inputs {
            masks: arguments.mask.len(),
            style_masks: arguments.style_mask.len(),
            initial: initial.as_ref().map(|picture| picture.size()),
            automatic,
            ..Inputs::new(content.size(), arguments.style.len())
        };
        let recipe = self.options.resolve(&inputs, &self.limits).map_err(flag_error)?;
        let mut subject = Subject::new(&recipe, content);
        for (number, style) in arguments.style.iter().enumerate() {
            let mut mask = |paths: &'a [std::path::PathBuf]| paths.get(number).map(|path| files.mask(path)).transpose();
            let (region, part) = (mask(&arguments.mask)?, mask(&arguments.style_mask)?);
            subject.add_style(&recipe, Style { picture: files.picture(style)?, region, part });
        }
        if let Some(initial) = initial {
            subject.start_from(&recipe, initial);
        }
        let mut label = files.digest();
        label.update(serde_json::to_vec(&recipe)?);
        let label = label.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok((recipe, subject, label))
    }
}

/// By the flag's name.
fn flag_error(error: OptionError) -> anyhow::Error {
    anyhow::anyhow!("--{}: {}", error.option.replace('_', "-"), error.reason)
}
