//! The kinds of error that a job can end in, as words for programs; the job store knows one more.

use impasto_jobs::JobError;

/// A picture of the job cannot be read, or the recipe asks for what the device cannot do.
pub(crate) const INPUT: &str = JobError::INPUT;
/// The device has not enough memory for the job.
pub(crate) const OUT_OF_MEMORY: &str = "out_of_memory";
/// The losses stopped being numbers.
pub(crate) const DIVERGED: &str = "diverged";
/// The weights that the job asks for cannot be had.
pub(crate) const BACKBONE_UNAVAILABLE: &str = JobError::BACKBONE_UNAVAILABLE;
/// A mistake in this program.
pub(crate) const INTERNAL: &str = "internal";
