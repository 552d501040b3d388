//! Exit statuses that mean something.

/// Of a worker that could not reach the stores: its job does not answer for that. (`EX_TEMPFAIL` of sysexits.h.)
pub const STORAGE_FAILED: u8 = 75;

/// Of work that a signal ended, as shells have it for SIGINT.
pub const INTERRUPTED: u8 = 130;
