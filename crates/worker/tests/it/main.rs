//! The worker from outside: real stores, the real engine, small pictures.

mod common;
#[path = "../../../../tests/common/faults.rs"]
mod faults;
mod inputs;
mod leases;
#[path = "../../../../tests/common/pictures.rs"]
mod pictures;
mod storage;
