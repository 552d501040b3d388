//! `impasto stylize`: pictures painted right here.

mod checkpoint;
mod files;
mod folder;
mod output;
mod studio;
mod teller;

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
    runtime.spawn(async move {
        at_once.cancelled().await;
        std::process::exit(exit::INTERRUPTED.into());
    });
    let mut studio = Studio::new(arguments, &configuration, shutdown)?;
    let painted = if arguments.content.is_dir() {
        folder::paint_all(&mut studio, arguments)?
    } else {
        let output = Output::at(&arguments.output)?;
        let encoding = studio.encoding_for(&arguments.output)?;
        studio.paint(&arguments.content, output, encoding)?
    };
    Ok(match painted {
        Painted::Finished => ExitCode::SUCCESS,
        Painted::Interrupted => ExitCode::from(exit::INTERRUPTED),
    })
}
