//! The job store and the blob store from outside, on real files.

mod back_up;
mod blobs;
mod buckets;
mod cancel;
mod claims;
mod common;
mod deliveries;
mod fairness;
#[path = "../../../../tests/common/faults.rs"]
mod faults;
mod full_disk;
mod idempotency;
mod keys;
mod leases;
mod losses;
mod many;
mod model;
#[path = "../../../../tests/common/moody.rs"]
mod moody;
mod queue;
#[path = "../../../../tests/common/s3.rs"]
mod s3;
mod sight;
mod start_within;
mod status;
mod sweep;
mod take_back;
mod upgrade;
