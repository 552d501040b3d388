//! `impasto stylize`: pictures painted right here.

mod checkpoint;
mod files;
mod folder;
mod output;
mod studio;
mod teller;
mod unfinished;

use std::process::ExitCode;

use crate::{cli::StylizeArguments, configuration, exit, signals::Signals};

use self::{
    output::Output,
    studio::{Painted, Studio},
};

pub fn run(arguments: &StylizeArguments) -> anyhow::Result<ExitCode> {
    let configuration = configuration::load_from(arguments.config.as_deref(), &[])?;
    // Its threads alone hear signals; the work is done on this one.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let Signals { shutdown, at_once } = runtime.block_on(async { Signals::listen() })?;
    let mut studio = Studio::new(arguments, &configuration, shutdown)?;
    let unfinished = studio.unfinished();
    runtime.spawn(async move {
        at_once.cancelled().await;
        unfinished.delete();
        std::process::exit(exit::INTERRUPTED.into());
    });
    let painted = if arguments.content.is_dir() {
        folder::paint_all(&mut studio, arguments)?
    } else {
        let output = Output::at(&arguments.output)?;
        refuse_shared(arguments, &output)?;
        let encoding = studio.encoding_for(&arguments.output)?;
        studio.paint(&arguments.content, output, encoding)?
    };
    Ok(match painted {
        Painted::Finished => ExitCode::SUCCESS,
        Painted::Unheard => anyhow::bail!("nobody listens to the losses any more"),
        Painted::Interrupted => ExitCode::from(exit::INTERRUPTED),
    })
}

/// A result that took the place of one of its pictures, or of its checkpoint, would cost the one or the other.
fn refuse_shared(arguments: &StylizeArguments, output: &Output) -> anyhow::Result<()> {
    let StylizeArguments { content, style, mask, style_mask, initial, checkpoint, .. } = arguments;
    let pictures = [content].into_iter().chain(style).chain(mask).chain(style_mask).chain(initial);
    for picture in pictures {
        anyhow::ensure!(
            !output.is_at(picture),
            "{} is one of the pictures to paint with: give another name",
            picture.display()
        );
    }
    let shared = checkpoint.as_ref().is_some_and(|checkpoint| output.is_at(checkpoint));
    anyhow::ensure!(!shared, "--checkpoint: it is the place of the result too: give another name");
    Ok(())
}
