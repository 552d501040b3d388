//! The API from outside: real HTTP, the real stores, and the tests in the part of the worker.

mod bombs;
mod common;
mod compression;
mod cross_site;
mod events;
#[path = "../../../../tests/common/faults.rs"]
mod faults;
#[path = "../../../../tests/common/faulty_jobs.rs"]
mod faulty_jobs;
mod forms;
mod idempotency;
mod inputs;
mod job;
mod keys;
mod limits;
mod list;
mod losses;
mod openapi;
mod paint;
mod peers;
mod pictures;
mod prefix;
#[path = "../../../../tests/common/proxy.rs"]
mod proxy;
mod ranges;
mod receiver;
mod redirects;
mod refusals;
#[path = "../../../../tests/common/s3.rs"]
mod s3;
mod service;
mod slow;
mod storage;
mod submit;
mod terms;
mod uploads;
mod webhooks;
