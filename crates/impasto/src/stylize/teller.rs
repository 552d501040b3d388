//! What a person sees of a run on the way.

use std::io::{IsTerminal, Write};

use impasto_engine::{Engine, Flow, Observer, Snapshot};
use impasto_recipe::{ProgressEntry, Recipe};
use indicatif::{ProgressBar, ProgressStyle};
use tokio_util::sync::CancellationToken;

use super::checkpoint::CheckpointFile;
use crate::cli::LossFormat;

/// Prints the losses, draws a progress bar, and saves.
pub struct Teller<'a> {
    format: LossFormat,
    recipe: &'a Recipe,
    checkpoint: Option<&'a mut CheckpointFile>,
    interrupted: &'a CancellationToken,
    bar: ProgressBar,
    heard: bool,
}

/// What the bar counts to.
const STEPS: u64 = 1000;

impl<'a> Teller<'a> {
    pub fn new(
        format: LossFormat,
        recipe: &'a Recipe,
        engine: &Engine,
        checkpoint: Option<&'a mut CheckpointFile>,
        interrupted: &'a CancellationToken,
    ) -> Self {
        let bar = if std::io::stderr().is_terminal() { ProgressBar::new(STEPS) } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {percent:>3} %  {msg}  {eta} left") {
            bar.set_style(style);
        }
        if format == LossFormat::Text {
            bar.suspend(|| eprintln!("{}: {}", recipe.preset, engine.fingerprint()));
        }
        Self { format, recipe, checkpoint, interrupted, bar, heard: true }
    }

    /// Takes the bar away. Whether somebody still listens to the losses.
    pub fn finish(self) -> bool {
        self.bar.finish_and_clear();
        self.heard
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
        if !self.heard || self.interrupted.is_cancelled() {
            return Flow::Stop;
        }
        if let Some(checkpoint) = self.checkpoint.as_mut().filter(|checkpoint| checkpoint.is_due())
            && let Err(error) = checkpoint.save_now(now)
        {
            // The run itself is worth more than what is saved of it.
            self.bar.suspend(|| eprintln!("{error:#}; the run goes on"));
        }
        Flow::Continue
    }
}
