//! The job store in PostgreSQL, from outside, on a real server.

mod claims;
mod database;
mod left_open;
mod line;
mod news;
mod opening;
mod pooler;
mod renewals;
mod restarts;
#[path = "../../../../tests/common/postgres.rs"]
mod server;
mod submissions;
#[path = "../suite/mod.rs"]
mod suite;
mod turns;

use suite::{blob_stores, common, s3};
