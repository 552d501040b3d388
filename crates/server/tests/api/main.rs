//! The API from outside: real HTTP, the real stores, and the tests in the part of the worker.

mod common;
mod compression;
mod job;
mod list;
mod losses;
mod openapi;
mod pictures;
mod refusals;
mod service;
mod submit;
mod uploads;
