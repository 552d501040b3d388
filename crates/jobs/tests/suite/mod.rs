//! What every job store does, from outside. Each test target brings the module `database`, which makes stores of its kind.

pub mod blobs;
mod cancel;
mod claims;
pub mod common;
mod deliveries;
mod fairness;
mod full_disk;
mod idempotency;
mod keys;
mod leases;
mod losses;
mod many;
mod model;
mod opening;
mod queue;
mod sight;
mod start_within;
mod status;
mod sweep;
mod take_back;
