//! No AMX on this kind of machine.

use super::product::Product;

/// There is no value of this type.
#[derive(Clone, Copy)]
pub enum Amx {}

impl Amx {
    pub fn detect() -> Option<Self> {
        None
    }

    pub fn with_tiles<T>(self, _: impl FnOnce() -> T) -> T {
        match self {}
    }

    /// # Safety
    /// None is needed: it cannot be called.
    pub unsafe fn product(self, _: &Product<'_>) {
        match self {}
    }

    pub fn busy(self, _: usize) {
        match self {}
    }
}

pub const OPERATIONS: usize = 0;
