//! What passes with time.

use async_trait::async_trait;
use sqlx::SqliteConnection;

use super::{Sqlite, ending::end, idempotency::forgotten_until, now, usage::today};
use crate::{Event, StoreError, Upkeep, ending::JobRow};

/// Jobs that fail in one transaction: others get to write between two.
const AT_ONCE: u32 = 100;

#[async_trait]
impl Upkeep for Sqlite {
    async fn fail_unstarted(&self) -> Result<u64, StoreError> {
        let mut failed = 0;
        while self.is_any_overdue().await? {
            let mut transaction = self.write().await?;
            let statement = "
                SELECT * FROM jobs WHERE status = 'queued' AND started_at IS NULL AND start_by <= ?
                ORDER BY start_by LIMIT ?";
            let select = sqlx::query(statement).bind(now()).bind(AT_ONCE);
            for row in select.fetch_all(&mut *transaction).await? {
                failed += u64::from(expire(&mut transaction, &JobRow::read(&row)?).await?);
            }
            transaction.commit().await?;
        }
        Ok(failed)
    }

    async fn forget_what_is_past(&self) -> Result<(), StoreError> {
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

impl Sqlite {
    /// Asked often, and without taking the lock from those who write.
    async fn is_any_overdue(&self) -> Result<bool, sqlx::Error> {
        let statement = "
            SELECT EXISTS (SELECT 1 FROM jobs WHERE status = 'queued' AND started_at IS NULL AND start_by <= ?)";
        sqlx::query_scalar(statement).bind(now()).fetch_one(&self.reader).await
    }
}

/// Fails the job if it was to begin by now and no worker ever began it. Returns whether it did.
pub(super) async fn expire(connection: &mut SqliteConnection, job: &JobRow) -> Result<bool, sqlx::Error> {
    let Some(ending) = job.expired(now()) else { return Ok(false) };
    end(connection, job, Event::Expire, &ending).await
}
