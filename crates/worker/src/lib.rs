//! A worker: claims jobs one after the other, has the engine paint them on a thread of its own, and writes down what
//! comes of it, always under the claim's attempt number.
//!
//! [`worker`](crate::Worker) is the loop, `attempt` the life of one claim, `lease` the task that keeps the right to it,
//! `ledger` what is read and written of it, `engine_thread` the thread that computes and `painting` what that thread does for
//! one claim. `pulse` ends a worker that hangs, and `measured` is what it tells of its work in numbers.
#![forbid(unsafe_code)]

mod attempt;
mod engine_thread;
mod kind;
mod lease;
mod ledger;
mod measured;
mod painting;
mod patience;
mod pulse;
mod settings;
mod worker;

pub use measured::Measured;
pub use pulse::{LastWords, Pulse};
pub use settings::{Devices, Settings};
pub use worker::{Worker, WorkerError};
