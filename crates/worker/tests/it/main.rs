//! The worker from outside: real stores, the real engine, small pictures.

mod common;
#[path = "../../../../tests/common/faults.rs"]
mod faults;
#[path = "../../../../tests/common/faulty_jobs.rs"]
mod faulty_jobs;
mod inputs;
mod leases;
#[path = "../../../../tests/common/pictures.rs"]
mod pictures;
mod storage;
