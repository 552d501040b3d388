//! `impasto weights`: which backbones are at hand, and how to get another.

use std::{io::IsTerminal, path::Path};

use impasto_engine::vgg::Architecture;
use impasto_recipe::BackboneChoice;
use impasto_server::BackboneInfo;
use impasto_weights::{Progress, Source, Store, check};
use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    cli::{Role, WeightsAction, WeightsArguments},
    configuration::{self, Configuration},
};

pub fn run(arguments: &WeightsArguments) -> anyhow::Result<()> {
    let store = Store::new(configuration::load_from(arguments.config.as_deref(), &[])?.weights);
    match &arguments.action {
        WeightsAction::List => list(&store),
        WeightsAction::Fetch { backbone } => fetch(&store, *backbone)?,
        WeightsAction::Check { file } => check_file(file)?,
    }
    Ok(())
}

fn list(store: &Store) {
    let chosen = store.resolve(BackboneChoice::Auto).ok().map(|(architecture, _)| architecture);
    for info in store.list() {
        let state = match info.report {
            Ok(report) => format!("{}, sha256 {}", info.source, report.hash),
            Err(error) => error.to_string(),
        };
        let mark = if chosen == Some(info.architecture) { " (auto)" } else { "" };
        println!("{}{mark}: {state}", info.architecture);
    }
}

fn fetch(store: &Store, backbone: Architecture) -> anyhow::Result<()> {
    let path = store.fetch(backbone, Bar::default())?;
    println!("{backbone} is in {}", path.display());
    Ok(())
}

fn check_file(path: &Path) -> anyhow::Result<()> {
    let report = check(path)?;
    println!(
        "{}: {} with {} convolutions in {}, sha256 {}",
        path.display(),
        report.architecture,
        report.tensors.len() / 2,
        report.dtype(),
        report.hash
    );
    Ok(())
}

/// The backbones as the API of a process of this role tells of them.
pub fn backbones(configuration: &Configuration, role: Role) -> Vec<BackboneInfo> {
    let store = Store::new(configuration.weights.clone());
    let chosen = store.resolve(BackboneChoice::Auto).ok().map(|(architecture, _)| architecture);
    let info = |info: impasto_weights::BackboneInfo| BackboneInfo {
        name: info.architecture.to_string(),
        default: chosen == Some(info.architecture),
        available: role == Role::Api || can_be_had(&store, &info),
        source: Some(source_in_words(&info.source)).filter(|_| info.report.is_ok()),
        weights: info.report.ok().map(|report| report.hash),
    };
    store.list().into_iter().map(info).collect()
}

/// Whether a worker on this machine can paint with it: it is here and of use, or will be fetched. What workers elsewhere have
/// nobody knows here.
fn can_be_had(store: &Store, info: &impasto_weights::BackboneInfo) -> bool {
    match store.resolve(info.architecture.into()) {
        Ok((_, Source::Hub)) => true,
        Ok(_) => info.report.is_ok(),
        Err(_) => false,
    }
}

/// Without the machine's paths, which are nobody's business outside.
fn source_in_words(source: &Source) -> String {
    let words = match source {
        Source::BuiltIn => "built in",
        Source::Path(_) => "a file",
        Source::Cache(_) => "the cache",
        Source::Hub => "the hub",
    };
    words.to_owned()
}

/// A progress bar for a download, where there is a terminal to draw it on.
#[derive(Default)]
struct Bar(Option<ProgressBar>);

impl Progress for Bar {
    fn init(&mut self, size: usize, name: &str) {
        if std::io::stderr().is_terminal() {
            let bar = ProgressBar::new(size as u64).with_message(name.to_owned());
            if let Ok(style) = ProgressStyle::with_template("{msg}  {bar:40}  {bytes} of {total_bytes}  {eta} left") {
                bar.set_style(style);
            }
            self.0 = Some(bar);
        }
    }

    fn update(&mut self, size: usize) {
        if let Some(bar) = &self.0 {
            bar.inc(size as u64);
        }
    }

    fn finish(&mut self) {
        if let Some(bar) = self.0.take() {
            bar.finish_and_clear();
        }
    }
}
