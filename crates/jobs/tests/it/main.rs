//! The job store and the blob store from outside, on real files.

mod blobs;
mod cancel;
mod claims;
mod common;
#[path = "../../../../tests/common/faults.rs"]
mod faults;
mod full_disk;
mod keys;
mod leases;
mod losses;
mod many;
mod model;
mod queue;
mod status;
mod sweep;
mod take_back;
mod upgrade;
