//! The outbox of webhooks.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::SqliteConnection;

use super::{Sqlite, now};
use crate::{
    Delivery, DueDelivery, JobError, Outbox, Status, StoreError, TryOutcome,
    ending::JobRow,
    message::Message,
    rows::{self, milliseconds},
};

/// Leaves a message to the job's webhook, if it has one, that the job has come to its end as `status`.
pub(super) async fn leave_message(
    connection: &mut SqliteConnection,
    job: &JobRow,
    status: Status,
    finished_at: i64,
    error: Option<&JobError>,
) -> Result<(), sqlx::Error> {
    let Some(url) = &job.webhook else { return Ok(()) };
    let message = Message::of_end(job, status, finished_at, error)?;
    let statement = "
        INSERT INTO deliveries (id, job, url, body, created_at, next_try_at) VALUES (?1, ?2, ?3, ?4, ?5, ?5)";
    sqlx::query(statement)
        .bind(message.id)
        .bind(job.number)
        .bind(url)
        .bind(message.body)
        .bind(finished_at)
        .execute(connection)
        .await?;
    Ok(())
}

/// What was told of the job `number`.
pub(super) async fn fetch_deliveries(
    connection: &mut SqliteConnection,
    number: i64,
) -> Result<Vec<Delivery>, sqlx::Error> {
    let select = sqlx::query("SELECT * FROM deliveries WHERE job = ? ORDER BY created_at, id").bind(number);
    select.fetch_all(connection).await?.iter().map(rows::delivery).collect()
}

#[async_trait]
impl Outbox for Sqlite {
    async fn take_due_deliveries(&self, most: u32, lease: Duration) -> Result<Vec<DueDelivery>, StoreError> {
        // Asked often, and mostly nothing is due: those who write are not held up for it.
        let is_any_due = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM deliveries WHERE next_try_at <= ?)");
        if !is_any_due.bind(now()).fetch_one(&self.reader).await? {
            return Ok(Vec::new());
        }
        let mut transaction = self.write().await?;
        let statement = "
            SELECT deliveries.id, jobs.id AS job, jobs.client, url, body, tries, deliveries.created_at
            FROM deliveries JOIN jobs ON jobs.number = deliveries.job
            WHERE next_try_at <= ?
            -- Of each client the first, then of each the second: one whose thousand webhooks are slow holds up no other.
            ORDER BY row_number() OVER (PARTITION BY jobs.client ORDER BY next_try_at, deliveries.id), next_try_at
            LIMIT ?";
        let rows = sqlx::query(statement).bind(now()).bind(most).fetch_all(&mut *transaction).await?;
        let due = rows.iter().map(rows::due_delivery).collect::<Result<Vec<_>, _>>()?;
        for delivery in &due {
            sqlx::query("UPDATE deliveries SET next_try_at = ? WHERE id = ?")
                .bind(now().saturating_add(milliseconds(lease)))
                .bind(&delivery.id)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(due)
    }

    async fn record_delivery(&self, id: &str, outcome: &TryOutcome) -> Result<(), StoreError> {
        let (delivered, status, error, retry_in) = match outcome {
            TryOutcome::Delivered { status } => (true, Some(*status), None, None),
            TryOutcome::Failed { status, error, retry_in } => (false, *status, Some(error.as_str()), *retry_in),
        };
        let mut transaction = self.write().await?;
        // One that was delivered stays so, whatever a slower try of it says later.
        let statement = "
            UPDATE deliveries SET tries = tries + 1, next_try_at = ?2, delivered_at = ?3, last_status = ?4, last_error = ?5
            WHERE id = ?1 AND delivered_at IS NULL
            RETURNING job";
        let job: Option<i64> = sqlx::query_scalar(statement)
            .bind(id)
            .bind(retry_in.map(|retry_in| now().saturating_add(milliseconds(retry_in))))
            .bind(delivered.then(now))
            .bind(status)
            .bind(error)
            .fetch_optional(&mut *transaction)
            .await?;
        let raise = sqlx::query("UPDATE jobs SET revision = revision + 1 WHERE number = ?").bind(job);
        raise.execute(&mut *transaction).await?;
        Ok(transaction.commit().await?)
    }
}
