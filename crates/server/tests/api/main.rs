//! The API from outside: real HTTP, the real stores, and the tests in the part of the worker.

mod common;
mod compression;
mod events;
#[path = "../../../../tests/common/faults.rs"]
mod faults;
mod forms;
mod inputs;
mod job;
mod list;
mod losses;
mod openapi;
mod pictures;
mod refusals;
mod service;
mod storage;
mod submit;
mod uploads;
