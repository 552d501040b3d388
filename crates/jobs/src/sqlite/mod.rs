//! The job store in a SQLite file. All of its SQL is in this folder.
//!
//! A change reads the job's status and writes the next one in a transaction that begins by taking the database's write
//! lock, so that nothing comes between the two, in whatever process.

mod back_up;
mod claims;
mod deliveries;
mod ending;
mod idempotency;
mod identity;
mod jobs;
mod keys;
mod open;
mod queue;
mod retention;
mod rows;
mod submit;
mod take_back;
mod time;
mod transaction;
mod usage;

use async_trait::async_trait;
pub(crate) use back_up::{blobs_named_in, copy_database};
use jiff::Timestamp;
use sqlx::SqlitePool;
use transaction::Transaction;

use crate::{JobStore, News, StoreError, store::Newsroom};

/// The connections to the file.
#[derive(Debug, Clone)]
pub(crate) struct Sqlite {
    /// For questions.
    reader: SqlitePool,
    /// For changes: one connection, because SQLite lets one writer in at a time, and a queue for a connection is served
    /// in order where its lock is fought for.
    writer: SqlitePool,
    /// Nothing is told: changes are made by other processes, and SQLite has no word for them.
    news: Newsroom,
}

#[async_trait]
impl JobStore for Sqlite {
    async fn probe(&self) -> Result<(), StoreError> {
        sqlx::query("INSERT OR REPLACE INTO probe (id, written) VALUES (1, ?)")
            .bind(now())
            .execute(&self.writer)
            .await?;
        sqlx::query("SELECT 1 FROM jobs LIMIT 1").execute(&self.reader).await?;
        Ok(())
    }

    fn news(&self) -> News {
        self.news.subscribe()
    }
}

impl Sqlite {
    async fn read(&self) -> Result<Transaction, sqlx::Error> {
        Transaction::read(&self.reader).await
    }

    async fn write(&self) -> Result<Transaction, sqlx::Error> {
        Transaction::write(&self.writer).await
    }
}

fn now() -> i64 {
    Timestamp::now().as_millisecond()
}
