//! What passes with time.

use sqlx::SqliteConnection;

use super::{
    Sqlite,
    ending::{Ending, JobRow},
    idempotency::forgotten_until,
    now,
    uploaded::today,
};
use crate::{Event, JobError, StoreError};

/// Jobs that fail in one transaction: others get to write between two.
const AT_ONCE: u32 = 100;

impl Sqlite {
    pub(crate) async fn fail_unstarted(&self) -> Result<u64, StoreError> {
        let mut failed = 0;
        while self.is_any_overdue().await? {
            let mut transaction = self.write().await?;
            let statement = "
                SELECT * FROM jobs WHERE status = 'queued' AND started_at IS NULL AND start_by <= ?
                ORDER BY start_by LIMIT ?";
            let select = sqlx::query(statement).bind(now()).bind(AT_ONCE);
            for row in select.fetch_all(&mut *transaction).await? {
                failed += u64::from(JobRow::read(&row)?.expire(&mut transaction).await?);
            }
            transaction.commit().await?;
        }
        Ok(failed)
    }

    /// Asked often, and without taking the lock from those who write.
    async fn is_any_overdue(&self) -> Result<bool, sqlx::Error> {
        let statement = "
            SELECT EXISTS (SELECT 1 FROM jobs WHERE status = 'queued' AND started_at IS NULL AND start_by <= ?)";
        sqlx::query_scalar(statement).bind(now()).fetch_one(&self.reader).await
    }

    pub(crate) async fn forget_what_is_past(&self) -> Result<(), StoreError> {
        for (statement, until) in [
            ("DELETE FROM idempotency_keys WHERE created_at <= ?", forgotten_until()),
            ("DELETE FROM sessions WHERE expires_at <= ?", now()),
            ("DELETE FROM uploaded WHERE day < ?", today()),
        ] {
            sqlx::query(statement).bind(until).execute(&self.writer).await?;
        }
        Ok(())
    }
}

impl JobRow {
    /// Fails the job if it was to begin by now and no worker ever began it. Returns whether it did.
    pub async fn expire(&self, connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
        let Some(start_by) = self.start_by.filter(|&start_by| !self.has_started && start_by <= now()) else {
            return Ok(false);
        };
        let within = match (start_by - self.created_at) / 1000 {
            1 => "1 second".to_owned(),
            seconds => format!("{seconds} seconds"),
        };
        let error =
            JobError { kind: JobError::NOT_STARTED.to_owned(), message: format!("no worker began it within {within}") };
        self.end(connection, Event::Expire, Ending { error: Some(&error), ..Ending::default() }).await
    }
}
