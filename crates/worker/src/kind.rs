//! The kinds of error that a job can end in, as words for programs; the job store knows one more.

/// A picture of the job cannot be read, or the recipe asks for what the device cannot do.
pub(crate) const INPUT: &str = "input";
/// The device has not enough memory for the job.
pub(crate) const OUT_OF_MEMORY: &str = "out_of_memory";
/// The losses stopped being numbers.
pub(crate) const DIVERGED: &str = "diverged";
/// The weights that the job asks for cannot be had.
pub(crate) const BACKBONE_UNAVAILABLE: &str = "backbone_unavailable";
/// A mistake in this program.
pub(crate) const INTERNAL: &str = "internal";
