//! What all pictures of one call share, and how each of them is painted.

use std::path::{Path, PathBuf};

use anyhow::{bail, ensure};
use impasto_engine::{Engine, Outcome, Style, Subject};
use impasto_picture::{Encoding, Format};
use impasto_recipe::{Inputs, Limits, OptionError, Options, Recipe};
use impasto_weights::Store;
use sha2::Digest;
use tokio_util::sync::CancellationToken;

use super::{
    checkpoint::CheckpointFile,
    files::{PictureFile, PictureFiles},
    output::Output,
    teller::Teller,
    unfinished::Unfinished,
};
use crate::{
    cli::{LimitArguments, StylizeArguments},
    configuration::Configuration,
};

/// Paints pictures as one command line says.
pub struct Studio<'a> {
    arguments: &'a StylizeArguments,
    options: Options,
    limits: Limits,
    weights: Store,
    companions: Companions,
    /// Once the first picture needed it.
    engine: Option<Engine>,
    interrupted: CancellationToken,
    unfinished: Unfinished,
}

/// How a picture came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Painted {
    Finished,
    /// Somebody asked for an end.
    Interrupted,
    /// Nobody reads what it prints.
    Unheard,
}

/// The pictures that every content is painted with.
struct Companions {
    files: PictureFiles,
    styles: Vec<StyleFiles>,
    initial: Option<PictureFile>,
}

/// A style, and where it applies.
struct StyleFiles {
    picture: PictureFile,
    mask: Option<PictureFile>,
    style_mask: Option<PictureFile>,
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
        let max_file_bytes = max_file_bytes.unwrap_or(server.max_file_bytes);
        let files = PictureFiles::new(max_file_bytes, max_pixels.unwrap_or(server.max_pixels));
        Ok(Self {
            arguments,
            options: Options { precision: Some(arguments.engine.precision), ..options },
            limits: Limits {
                stage_pixels: max_stage_pixels.unwrap_or(server.max_stage_pixels),
                epochs: max_epochs.unwrap_or(server.max_epochs),
                ..Limits::default()
            },
            weights: Store::new(configuration.weights.clone()),
            companions: Companions::open(arguments, files)?,
            engine: None,
            interrupted,
            unfinished: Unfinished::default(),
        })
    }

    /// What is to be deleted when the process ends at once.
    pub fn unfinished(&self) -> Unfinished {
        self.unfinished.clone()
    }

    /// How a result of this name is to be written.
    pub fn encoding_for(&self, output: &Path) -> anyhow::Result<Encoding> {
        let extension = output.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        // No file's name ends in png16.
        let named = extension.parse::<Format>().ok().filter(|format| *format != Format::Png16);
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
        self.unfinished.set(Some(output.unfinished().to_owned()));
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
        let outcome = engine.paint(&recipe, &subject, from, &mut teller);
        let heard = teller.finish();
        let painted = match (outcome?, checkpoint) {
            (Outcome::Finished(picture), checkpoint) => {
                output.write(&picture, encoding)?;
                checkpoint.as_ref().map_or(Ok(()), CheckpointFile::remove)?;
                Painted::Finished
            }
            (Outcome::Stopped { .. }, None) => {
                if heard {
                    eprintln!("stopped; nothing of it is kept (--checkpoint FILE would)");
                }
                Painted::ended(heard)
            }
            (Outcome::Stopped { checkpoint, .. }, Some(file)) => {
                let (at, place) = (checkpoint.position(), file.place());
                file.save(*checkpoint)?;
                eprintln!("stopped at stage {} epoch {}; the same command goes on from {place}", at.stage, at.epoch);
                Painted::ended(heard)
            }
        };
        self.unfinished.set(None);
        Ok(painted)
    }

    /// The picture, what is to be done with it, and a name for both together.
    fn read(&self, content: &Path) -> anyhow::Result<(Recipe, Subject, String)> {
        let arguments = self.arguments;
        let Companions { files, styles, initial } = &self.companions;
        let mut files = files.clone();
        let content = files.open("content", content)?;
        let (automatic, _) = self.weights.resolve(arguments.engine.backbone)?;
        let inputs = Inputs {
            masks: arguments.mask.len(),
            style_masks: arguments.style_mask.len(),
            initial: initial.as_ref().map(|initial| initial.size),
            automatic,
            ..Inputs::new(content.size, styles.len())
        };
        let recipe = self.options.resolve(&inputs, &self.limits).map_err(flag_error)?;
        let mut subject = Subject::new(&recipe, content.picture()?);
        for style in styles {
            subject.add_style(&recipe, style.read()?);
        }
        if let Some(initial) = initial {
            subject.start_from(&recipe, initial.picture()?);
        }
        let mut label = files.digest();
        label.update(serde_json::to_vec(&recipe)?);
        let label = hex::encode(label.finalize());
        Ok((recipe, subject, label))
    }
}

impl Painted {
    /// Before the end.
    fn ended(heard: bool) -> Self {
        if heard { Self::Interrupted } else { Self::Unheard }
    }
}

impl Companions {
    fn open(arguments: &StylizeArguments, mut files: PictureFiles) -> anyhow::Result<Self> {
        let initial = arguments.initial.as_deref().map(|path| files.open("initial", path)).transpose()?;
        let mut styles = Vec::with_capacity(arguments.style.len());
        for (number, style) in arguments.style.iter().enumerate() {
            let mut mask =
                |role: &str, paths: &[PathBuf]| paths.get(number).map(|path| files.open(role, path)).transpose();
            let (mask, style_mask) = (mask("mask", &arguments.mask)?, mask("style_mask", &arguments.style_mask)?);
            styles.push(StyleFiles { picture: files.open("style", style)?, mask, style_mask });
        }
        Ok(Self { files, styles, initial })
    }
}

impl StyleFiles {
    fn read(&self) -> anyhow::Result<Style> {
        let mask = |file: &Option<PictureFile>| file.as_ref().map(PictureFile::mask).transpose();
        let (mask, style_mask) = (mask(&self.mask)?, mask(&self.style_mask)?);
        Ok(Style { picture: self.picture.picture()?, mask, style_mask })
    }
}

/// By the flag's name.
fn flag_error(error: OptionError) -> anyhow::Error {
    anyhow::anyhow!("--{}: {}", error.option.replace('_', "-"), error.reason)
}
