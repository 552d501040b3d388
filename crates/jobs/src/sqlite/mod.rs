//! The job store in a SQLite file. All of its SQL is in this folder.
//!
//! A change reads the job's status and writes the next one in a transaction that begins by taking the database's write
//! lock, so that nothing comes between the two, in whatever process.

mod claims;
mod ending;
mod jobs;
mod open;
mod rows;
mod take_back;

use jiff::Timestamp;
use sqlx::{SqlitePool, Transaction};

use crate::{CancelError, ClaimError, StoreError, SubmitError};

/// The connections to the file.
#[derive(Debug, Clone)]
pub(crate) struct Sqlite {
    /// For questions.
    reader: SqlitePool,
    /// For changes: one connection, because SQLite lets one writer in at a time, and a queue for a connection is served
    /// in order where its lock is fought for.
    writer: SqlitePool,
}

impl Sqlite {
    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1 FROM jobs LIMIT 1").execute(&self.reader).await?;
        Ok(())
    }

    /// A transaction that sees the database as it is at one moment.
    async fn read(&self) -> Result<Transaction<'static, sqlx::Sqlite>, sqlx::Error> {
        self.reader.begin().await
    }

    /// A transaction that no other writer comes between.
    async fn write(&self) -> Result<Transaction<'static, sqlx::Sqlite>, sqlx::Error> {
        self.writer.begin_with("BEGIN IMMEDIATE").await
    }
}

fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(Box::new(error))
    }
}

impl From<sqlx::Error> for SubmitError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<sqlx::Error> for CancelError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<sqlx::Error> for ClaimError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}
