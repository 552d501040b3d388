//! What passes with time.

use async_trait::async_trait;
use sqlx::PgConnection;

use super::{Postgres, ending::end, in_time};
use crate::{
    Event, StoreError, Upkeep,
    ending::JobRow,
    rows::Columns,
    store::{KEPT_FOR, MILLISECONDS_A_DAY},
};

/// Jobs that fail in one transaction: others get to write between two.
pub(super) const AT_ONCE: i64 = 100;

#[async_trait]
impl Upkeep for Postgres {
    async fn fail_unstarted(&self) -> Result<u64, StoreError> {
        let mut failed = 0;
        while in_time(self.is_any_overdue()).await? {
            let some = in_time(self.fail_some_unstarted()).await?;
            if some == 0 {
                // Somebody else is about to.
                break;
            }
            failed += some;
        }
        Ok(failed)
    }

    async fn forget_what_is_past(&self) -> Result<(), StoreError> {
        for (statement, milliseconds) in [
            ("DELETE FROM idempotency_keys WHERE created_at <= (SELECT milliseconds_now()) - $1", KEPT_FOR),
            ("DELETE FROM sessions WHERE expires_at <= (SELECT milliseconds_now()) - $1", 0),
            ("DELETE FROM uploaded WHERE day < (SELECT milliseconds_now()) / $1", MILLISECONDS_A_DAY),
            ("DELETE FROM turns WHERE full_at < (SELECT milliseconds_now()) - $1", 0),
        ] {
            in_time(async {
                let mut session = self.single().await?;
                sqlx::query(statement).bind(milliseconds).execute(&mut *session).await?;
                session.done();
                Ok::<_, StoreError>(())
            })
            .await?;
        }
        Ok(())
    }
}

impl Postgres {
    async fn is_any_overdue(&self) -> Result<bool, StoreError> {
        let mut session = self.single().await?;
        let select = "
            SELECT EXISTS (
                SELECT 1 FROM jobs WHERE status = 'queued' AND started_at IS NULL AND start_by <= (SELECT milliseconds_now())
            )";
        let is_any = sqlx::query_scalar(select).fetch_one(&mut *session).await?;
        session.done();
        Ok(is_any)
    }

    async fn fail_some_unstarted(&self) -> Result<u64, StoreError> {
        let mut session = self.write().await?;
        let statement = "
            SELECT *, milliseconds_now() AS now FROM jobs
            WHERE status = 'queued' AND started_at IS NULL AND start_by <= (SELECT milliseconds_now())
            ORDER BY start_by LIMIT $1
            FOR UPDATE SKIP LOCKED";
        let mut failed = 0;
        for row in sqlx::query(statement).bind(AT_ONCE).fetch_all(&mut *session).await? {
            failed += u64::from(expire(&mut session, &JobRow::read(&row)?, row.integer("now")?).await?);
        }
        session.commit().await?;
        Ok(failed)
    }
}

/// Fails the job if it was to begin by `now` and no worker ever began it. Returns whether it did.
pub(super) async fn expire(connection: &mut PgConnection, job: &JobRow, now: i64) -> Result<bool, sqlx::Error> {
    let Some(ending) = job.expired(now) else { return Ok(false) };
    end(connection, job, Event::Expire, &ending).await
}
