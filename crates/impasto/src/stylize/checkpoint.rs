//! The file that a run is saved to and goes on from.

use std::{
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use impasto_engine::{Checkpoint, Snapshot};

use super::output::{beside, place};

/// Where a run is saved.
pub struct CheckpointFile {
    /// As it was given, for people.
    name: PathBuf,
    path: PathBuf,
    /// Names the pictures and the recipe that it is of.
    label: String,
    last_save: Instant,
    last_save_took: Duration,
}

/// Between two saves passes so much time at the least, and so many times what one of them takes.
const INTERVAL: Duration = Duration::from_secs(15);
const SAVES_COST_A: u32 = 10;

impl CheckpointFile {
    /// Tries the place.
    pub fn at(path: &Path, label: String) -> anyhow::Result<Self> {
        let (name, path) = (path.to_owned(), place(path)?);
        drop(beside(&path)?);
        Ok(Self { name, path, label, last_save: Instant::now(), last_save_took: Duration::ZERO })
    }

    /// What was saved there, if anything was.
    pub fn load(&self) -> anyhow::Result<Option<Checkpoint>> {
        let place = self.name.display();
        let bytes = match std::fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("{place} cannot be read")),
        };
        let checkpoint = Checkpoint::decode(&bytes).with_context(|| place.to_string())?;
        ensure!(
            checkpoint.label() == Some(&self.label),
            "{place} is a checkpoint of other pictures or options: name another file, or delete it"
        );
        Ok(Some(checkpoint))
    }

    pub fn is_due(&self) -> bool {
        self.last_save.elapsed() >= INTERVAL.max(self.last_save_took * SAVES_COST_A)
    }

    pub fn save_now(&mut self, now: &Snapshot<'_>) -> anyhow::Result<()> {
        let began = Instant::now();
        let saved = now.checkpoint().map_err(Into::into).and_then(|checkpoint| self.save(checkpoint));
        (self.last_save, self.last_save_took) = (Instant::now(), began.elapsed());
        saved
    }

    pub fn save(&self, checkpoint: Checkpoint) -> anyhow::Result<()> {
        let cannot = || format!("{} cannot be written", self.name.display());
        let mut file = beside(&self.path)?;
        for piece in checkpoint.labelled(self.label.clone()).into_pieces()? {
            file.write_all(&piece).with_context(cannot)?;
        }
        file.as_file().sync_all().with_context(cannot)?;
        file.persist(&self.path).map_err(|refused| refused.error).with_context(cannot)?;
        Ok(())
    }

    /// Forgets it, once it is of no more use.
    pub fn remove(&self) -> anyhow::Result<()> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("{} cannot be deleted", self.name.display()))
            }
            _ => Ok(()),
        }
    }

    /// Its name, for people.
    pub fn place(&self) -> std::path::Display<'_> {
        self.name.display()
    }
}
