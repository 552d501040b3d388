//! The outbox of webhooks.

use std::{collections::HashMap, time::Duration};

use async_trait::async_trait;
use sqlx::PgConnection;

use super::{Postgres, in_time};
use crate::{
    Delivery, DueDelivery, JobError, Outbox, Status, StoreError, TryOutcome,
    ending::JobRow,
    message::Message,
    rows::{self, milliseconds},
};

/// Leaves a message to the job's webhook, if it has one, that the job has come to its end as `status`.
pub(super) async fn leave_message(
    connection: &mut PgConnection,
    job: &JobRow,
    status: Status,
    finished_at: i64,
    error: Option<&JobError>,
) -> Result<(), sqlx::Error> {
    let Some(url) = &job.webhook else { return Ok(()) };
    let message = Message::of_end(job, status, finished_at, error)?;
    let statement = "
        INSERT INTO deliveries (id, job, url, body, created_at, next_try_at) VALUES ($1, $2, $3, $4, $5, $5)";
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
pub(super) async fn fetch_deliveries(connection: &mut PgConnection, number: i64) -> Result<Vec<Delivery>, sqlx::Error> {
    let select = sqlx::query("SELECT * FROM deliveries WHERE job = $1 ORDER BY created_at, id").bind(number);
    select.fetch_all(connection).await?.iter().map(rows::delivery).collect()
}

#[async_trait]
impl Outbox for Postgres {
    async fn take_due_deliveries(&self, most: u32, lease: Duration) -> Result<Vec<DueDelivery>, StoreError> {
        in_time(async {
            // Asked often, and mostly nothing is due.
            if !self.is_any_due().await? {
                return Ok(Vec::new());
            }
            let mut session = self.write().await?;
            let select = "
                SELECT deliveries.id FROM deliveries JOIN jobs ON jobs.number = deliveries.job
                WHERE next_try_at <= (SELECT milliseconds_now())
                -- Of each client the first, then of each the second: one whose thousand webhooks are slow holds up no other.
                ORDER BY row_number() OVER (PARTITION BY jobs.client ORDER BY next_try_at, deliveries.id), next_try_at
                LIMIT $1";
            let ids: Vec<String> = sqlx::query_scalar(select).bind(i64::from(most)).fetch_all(&mut *session).await?;
            // Those that somebody else has taken meanwhile are no longer due.
            let take = "
                UPDATE deliveries SET next_try_at = milliseconds_now() + $2
                FROM jobs
                WHERE deliveries.id = ANY($1) AND next_try_at <= (SELECT milliseconds_now()) AND jobs.number = deliveries.job
                RETURNING deliveries.id, jobs.id AS job, jobs.client, url, body, tries, deliveries.created_at";
            let lease = milliseconds(lease).min(i64::MAX / 4);
            let taken = sqlx::query(take).bind(&ids).bind(lease).fetch_all(&mut *session).await?;
            session.commit().await?;
            let taken = taken.iter().map(rows::due_delivery).collect::<Result<Vec<_>, _>>()?;
            let mut taken: HashMap<String, DueDelivery> =
                taken.into_iter().map(|delivery| (delivery.id.clone(), delivery)).collect();
            Ok(ids.iter().filter_map(|id| taken.remove(id)).collect())
        })
        .await
    }

    async fn record_delivery(&self, id: &str, outcome: &TryOutcome) -> Result<(), StoreError> {
        let (delivered, status, error, retry_in) = match outcome {
            TryOutcome::Delivered { status } => (true, Some(*status), None, None),
            TryOutcome::Failed { status, error, retry_in } => (false, *status, Some(error.as_str()), *retry_in),
        };
        in_time(async {
            let mut session = self.write().await?;
            // The job is locked before its message, as by whoever deletes it.
            let raise = "
                UPDATE jobs SET revision = revision + 1
                WHERE number = (SELECT job FROM deliveries WHERE id = $1 AND delivered_at IS NULL)";
            sqlx::query(raise).bind(id).execute(&mut *session).await?;
            // One that was delivered stays so, whatever a slower try of it says later.
            let statement = "
                UPDATE deliveries SET
                    tries = tries + 1,
                    next_try_at = milliseconds_now() + $2,
                    delivered_at = CASE WHEN $3 THEN milliseconds_now() END,
                    last_status = $4,
                    last_error = $5
                WHERE id = $1 AND delivered_at IS NULL";
            sqlx::query(statement)
                .bind(id)
                .bind(retry_in.map(|retry_in| milliseconds(retry_in).min(i64::MAX / 4)))
                .bind(delivered)
                .bind(status.map(i64::from))
                // PostgreSQL keeps no such character.
                .bind(error.map(|error| error.replace('\0', "")))
                .execute(&mut *session)
                .await?;
            Ok(session.commit().await?)
        })
        .await
    }
}

impl Postgres {
    async fn is_any_due(&self) -> Result<bool, sqlx::Error> {
        let mut session = self.single().await?;
        let select = "SELECT EXISTS (SELECT 1 FROM deliveries WHERE next_try_at <= (SELECT milliseconds_now()))";
        let is_any_due = sqlx::query_scalar(select).fetch_one(&mut *session).await?;
        session.done();
        Ok(is_any_due)
    }
}
