//! The job store in a PostgreSQL database, which any number of machines share. All of its SQL is in this folder.
//!
//! A change locks the job's row, reads its status and writes the next one in one short transaction, so that nothing comes between
//! the two, on whatever machine. Jobs are submitted one after the other, under a lock of its own.

mod claims;
mod deliveries;
mod ending;
mod idempotency;
mod identity;
mod jobs;
mod keys;
mod listen;
mod open;
mod pool;
mod pooling;
mod queue;
mod retention;
mod rows;
mod session;
mod submit;
mod take_back;
mod time;
mod usage;

use std::{io, sync::Arc, time::Duration};

use async_trait::async_trait;
use pool::Pool;
use session::Session;
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;

use crate::{JobStore, News, StoreError, store::Newsroom};

/// How long an operation may take. A connection that was cut off by the network hangs for a quarter of an hour otherwise.
const PATIENCE: Duration = Duration::from_secs(20);

/// The channel on which changes are told.
const CHANNEL: &str = "impasto";

/// The connections to the database.
#[derive(Debug, Clone)]
pub(crate) struct Postgres {
    pool: Pool,
    /// Submissions that may wait for their turn with a connection of this process: those that wait for a lock must not take them all.
    submitting: Arc<Semaphore>,
    news: Newsroom,
    /// Ends with the last that has the store open.
    _listening: Arc<AbortOnDropHandle<()>>,
}

#[async_trait]
impl JobStore for Postgres {
    async fn probe(&self) -> Result<(), StoreError> {
        in_time(async {
            let mut session = Session::single(&self.pool).await?;
            let statement = "
                INSERT INTO probe (id, written) VALUES (1, milliseconds_now())
                ON CONFLICT (id) DO UPDATE SET written = excluded.written";
            sqlx::query(statement).execute(&mut *session).await?;
            session.done();
            Ok(())
        })
        .await
    }

    fn news(&self) -> News {
        self.news.subscribe()
    }
}

impl Postgres {
    /// For one statement.
    async fn single(&self) -> Result<Session, sqlx::Error> {
        Session::single(&self.pool).await
    }

    async fn read(&self) -> Result<Session, sqlx::Error> {
        Session::read(&self.pool).await
    }

    async fn write(&self) -> Result<Session, sqlx::Error> {
        Session::write(&self.pool).await
    }
}

/// Gives an operation up that takes too long. What it may have done then is not known, as with any that fails after its last word
/// was sent.
async fn in_time<T, E: From<sqlx::Error>>(operation: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    tokio::time::timeout(PATIENCE, operation).await.unwrap_or_else(|_| {
        let why = format!("it did not answer for {} seconds", PATIENCE.as_secs());
        Err(sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, why)).into())
    })
}
