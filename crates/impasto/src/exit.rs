//! Exit statuses that mean something.

/// Of a worker that could not reach the stores: its job does not answer for that. (`EX_TEMPFAIL` of sysexits.h.)
pub const STORAGE_FAILED: u8 = 75;
