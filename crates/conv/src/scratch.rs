//! Memory that kernels need for a moment, kept for the next time.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::Line;

/// Buffers that nobody uses just now.
pub(crate) struct Scratch<L>(Mutex<Vec<Vec<L>>>);

impl<L: Line> Scratch<L> {
    pub fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// Lends so many lines, whose values are arbitrary.
    pub fn lend<T>(&self, lines: usize, use_it: impl FnOnce(&mut [L]) -> T) -> T {
        let mut buffer = self.lock().pop().unwrap_or_default();
        if buffer.len() < lines {
            buffer.resize(lines, L::ZERO);
        }
        let result = use_it(&mut buffer[..lines]);
        self.lock().push(buffer);
        result
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Vec<L>>> {
        // What is in there is scratch: a panic elsewhere cannot have broken it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
