//! The job store in SQLite, and the blob store, from outside, on real files.

mod back_up;
mod database;
#[path = "../../../../tests/common/faults.rs"]
mod faults;
mod files;
#[path = "../suite/mod.rs"]
mod suite;
mod upgrade;

use suite::{blob_stores, common, s3};
