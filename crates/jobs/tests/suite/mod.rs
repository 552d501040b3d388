//! What every job store does, from outside. Each test target brings the module `database`, which makes stores of its kind.

pub mod blob_stores;
mod cancel;
mod claims;
pub mod common;
mod deliveries;
mod fairness;
#[path = "../../../../tests/common/faulty_jobs.rs"]
mod faulty_jobs;
mod full_disk;
mod idempotency;
mod keys;
mod leases;
mod losses;
mod many;
mod model;
mod opening;
mod queue;
#[path = "../../../../tests/common/s3.rs"]
pub mod s3;
mod sight;
mod start_within;
mod status;
mod sweep;
mod take_back;
