//! What is to be deleted when the process ends at once.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

/// The file that is being written, if there is one. Clones are one.
#[derive(Debug, Clone, Default)]
pub struct Unfinished(Arc<Mutex<Option<PathBuf>>>);

impl Unfinished {
    /// From now on it is this one.
    pub fn set(&self, path: Option<PathBuf>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = path;
    }

    /// Deletes it. Where that fails there is nobody left to be told.
    pub fn delete(&self) {
        if let Some(path) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            drop(std::fs::remove_file(path));
        }
    }
}
