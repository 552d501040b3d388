//! What the API does: submit, look, cancel, delete.

use std::collections::HashMap;

use impasto_recipe::Position;
use sqlx::{
    QueryBuilder, Row,
    types::{Json, Text},
};

use super::{
    Sqlite,
    ending::{Ending, JobRow, first_notices},
    now,
    rows::{SELECT_JOBS, fetch_job, fetch_jobs, progress_entry, text},
};
use crate::{
    BlobKey, CancelError, Cursor, Event, Job, JobId, JobPage, JobQuery, Losses, NewJob, QueueLimits, Sight, Stamp,
    Status, StoreError, SubmitError, Submitted,
};

impl Sqlite {
    pub(crate) async fn submit(&self, job: NewJob, limits: &QueueLimits) -> Result<Submitted, SubmitError> {
        let mut transaction = self.write().await?;
        let queued: u64 = sqlx::query_scalar("SELECT count(*) FROM jobs WHERE status = ?")
            .bind(Text(Status::Queued))
            .fetch_one(&mut *transaction)
            .await?;
        if queued >= limits.all {
            transaction.roll_back().await?;
            return Err(SubmitError::QueueFull { limit: limits.all });
        }
        let statement = "
            INSERT INTO jobs (
                id, status, created_at, recipe, notices, content, styles, masks, style_masks, initial,
                client, priority, webhook, request
            ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        sqlx::query(statement)
            .bind(Text(job.id))
            .bind(Text(Status::Queued))
            .bind(now())
            .bind(Json(&job.recipe))
            .bind(Json(first_notices(job.notices)))
            .bind(job.content.as_str())
            .bind(Json(&job.styles))
            .bind(Json(&job.masks))
            .bind(Json(&job.style_masks))
            .bind(job.initial.as_ref().map(BlobKey::as_str))
            .bind(job.terms.client.as_str())
            .bind(job.terms.priority.rank())
            .bind(job.terms.webhook)
            .bind(job.terms.request)
            .execute(&mut *transaction)
            .await?;
        let submitted = fetch_job(&mut transaction, job.id).await?;
        transaction.commit().await?;
        Ok(Submitted::New(submitted.ok_or(sqlx::Error::RowNotFound)?))
    }

    pub(crate) async fn find(&self, id: JobId, sight: &Sight) -> Result<Option<Job>, StoreError> {
        let mut transaction = self.read().await?;
        let found = fetch_job(&mut transaction, id).await?;
        transaction.commit().await?;
        Ok(found.filter(|job| sight.sees(&job.client)))
    }

    pub(crate) async fn stamps(&self, ids: &[JobId]) -> Result<HashMap<JobId, Stamp>, StoreError> {
        let select = "
            SELECT id, number, status, revision, fingerprint IS NOT NULL AS has_begun, previews FROM jobs
            WHERE id IN (SELECT value FROM json_each(?))";
        let rows = sqlx::query(select).bind(Json(ids)).fetch_all(&self.reader).await?;
        // The queue is counted once, however many of its jobs are asked for.
        let mut queue: Option<Vec<i64>> = None;
        let mut stamps = HashMap::with_capacity(rows.len());
        for row in rows {
            let queue_position = if text::<Status>(&row, "status")? == Status::Queued {
                if queue.is_none() {
                    queue = Some(self.queue().await?);
                }
                let number: i64 = row.try_get("number")?;
                queue.as_ref().map(|queue| queue.partition_point(|&ahead| ahead <= number) as u64)
            } else {
                None
            };
            let stamp = Stamp {
                revision: row.try_get("revision")?,
                queue_position,
                has_begun: row.try_get("has_begun")?,
                previews: row.try_get("previews")?,
            };
            stamps.insert(text(&row, "id")?, stamp);
        }
        Ok(stamps)
    }

    /// The numbers of the jobs that wait, in order.
    async fn queue(&self) -> Result<Vec<i64>, sqlx::Error> {
        let select = sqlx::query_scalar("SELECT number FROM jobs WHERE status = ? ORDER BY number");
        select.bind(Text(Status::Queued)).fetch_all(&self.reader).await
    }

    pub(crate) async fn losses(&self, id: JobId, sight: &Sight, after: Position) -> Result<Option<Losses>, StoreError> {
        let mut transaction = self.read().await?;
        let job: Option<(i64, u64)> =
            sqlx::query_as("SELECT number, revision FROM jobs WHERE id = ?1 AND client = coalesce(?2, client)")
                .bind(Text(id))
                .bind(sight.only())
                .fetch_optional(&mut *transaction)
                .await?;
        let Some((number, revision)) = job else {
            transaction.roll_back().await?;
            return Ok(None);
        };
        let statement = "
            SELECT * FROM progress WHERE job = ? AND (stage, epoch) > (?, ?) ORDER BY stage, epoch";
        let rows = sqlx::query(statement)
            .bind(number)
            .bind(after.stage)
            .bind(after.epoch)
            .fetch_all(&mut *transaction)
            .await?;
        transaction.commit().await?;
        let entries = rows.iter().map(progress_entry).collect::<Result<_, _>>()?;
        Ok(Some(Losses { revision, entries }))
    }

    pub(crate) async fn list(&self, query: &JobQuery, sight: &Sight) -> Result<JobPage, StoreError> {
        let limit = query.limit.max(1);
        let mut select = QueryBuilder::new(SELECT_JOBS);
        select.push(" WHERE number < ").push_bind(query.cursor.map_or(i64::MAX, |Cursor(number)| number));
        if let Some(status) = query.status {
            select.push(" AND status = ").push_bind(Text(status));
        }
        if let Some(client) = sight.only() {
            select.push(" AND client = ").push_bind(client);
        }
        // One more than is shown tells whether there is a next page.
        select.push(" ORDER BY number DESC LIMIT ").push_bind(i64::from(limit) + 1);
        let mut transaction = self.read().await?;
        let mut found = fetch_jobs(&mut transaction, select).await?;
        transaction.commit().await?;
        let more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let next = found.last().filter(|_| more).map(|&(number, _)| Cursor(number));
        Ok(JobPage { jobs: found.into_iter().map(|(_, job)| job).collect(), next })
    }

    pub(crate) async fn request_cancel(&self, id: JobId, sight: &Sight) -> Result<Job, CancelError> {
        let mut transaction = self.write().await?;
        let found = sqlx::query("SELECT * FROM jobs WHERE id = ?1 AND client = coalesce(?2, client)")
            .bind(Text(id))
            .bind(sight.only())
            .fetch_optional(&mut *transaction);
        let Some(row) = found.await? else {
            transaction.roll_back().await?;
            return Err(CancelError::NotFound(id));
        };
        let job = JobRow::read(&row)?;
        match job.status {
            // Its worker ends it, once it has stopped.
            Status::Running => {
                let statement = "
                    UPDATE jobs SET cancel_requested = TRUE, revision = revision + 1
                    WHERE number = ? AND NOT cancel_requested";
                sqlx::query(statement).bind(job.number).execute(&mut *transaction).await?;
            }
            status => {
                if !job.end(&mut transaction, Event::Cancel, Ending::default()).await? {
                    transaction.roll_back().await?;
                    return Err(CancelError::Finished(status));
                }
            }
        }
        let canceled = fetch_job(&mut transaction, id).await?;
        transaction.commit().await?;
        canceled.ok_or(CancelError::NotFound(id))
    }

    pub(crate) async fn delete(&self, id: JobId, sight: &Sight) -> Result<bool, StoreError> {
        let deleted = sqlx::query("DELETE FROM jobs WHERE id = ?1 AND client = coalesce(?2, client)")
            .bind(Text(id))
            .bind(sight.only())
            .execute(&self.writer)
            .await?;
        Ok(deleted.rows_affected() > 0)
    }

    pub(crate) async fn counts(&self) -> Result<Vec<(Status, u64)>, StoreError> {
        let counted: Vec<(Text<Status>, u64)> =
            sqlx::query_as("SELECT status, count(*) FROM jobs GROUP BY status").fetch_all(&self.reader).await?;
        let count = |status| counted.iter().find(|(Text(each), _)| *each == status).map_or(0, |&(_, count)| count);
        Ok(Status::ALL.into_iter().map(|status| (status, count(status))).collect())
    }
}
