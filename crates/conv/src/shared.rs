//! A slice that several threads write to, each in places of its own.

use std::{marker::PhantomData, ops::Range};

/// A slice borrowed for writing in places that do not overlap.
pub(crate) struct Shared<'a, T> {
    start: *mut T,
    len: usize,
    slice: PhantomData<&'a mut [T]>,
}

// SAFETY: it is a `&mut [T]` whose parts are given out under the promise of `part`, that no two of them overlap.
unsafe impl<T: Send> Send for Shared<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    pub fn new(slice: &'a mut [T]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len(), slice: PhantomData }
    }

    /// A part of the slice.
    ///
    /// # Panics
    /// When it is not within the slice.
    ///
    /// # Safety
    /// No other part that overlaps this one may be alive.
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "what the promise is for")]
    pub unsafe fn part(&self, range: Range<usize>) -> &mut [T] {
        assert!(range.start <= range.end && range.end <= self.len, "a part within the slice");
        // SAFETY: the range is within the slice, and the caller promises that nobody else holds any of it.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }

    /// A part of the slice, to be read.
    ///
    /// # Panics
    /// When it is not within the slice.
    ///
    /// # Safety
    /// No [`Shared::part`] that overlaps this one may be alive.
    #[inline(always)]
    pub unsafe fn seen(&self, range: Range<usize>) -> &[T] {
        assert!(range.start <= range.end && range.end <= self.len, "a part within the slice");
        // SAFETY: the range is within the slice, and the caller promises that nobody may write to any of it.
        unsafe { std::slice::from_raw_parts(self.start.add(range.start), range.len()) }
    }

    /// A pointer to a place, good for all of the slice.
    ///
    /// # Panics
    /// When the place is not within the slice.
    pub fn place(&self, index: usize) -> *mut T {
        assert!(index < self.len, "a place within the slice");
        self.start.wrapping_add(index)
    }
}
