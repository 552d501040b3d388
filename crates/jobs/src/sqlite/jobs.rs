//! What the API does with jobs that there are: look, cancel, delete.

use std::{collections::HashMap, time::Duration};

use async_trait::async_trait;
use impasto_recipe::Position;
use sqlx::{
    QueryBuilder, Row,
    types::{Json, Text},
};

use super::{
    Sqlite,
    ending::end,
    now,
    queue::fetch_places,
    rows::{SELECT_JOBS, fetch_job, fetch_jobs},
};
use crate::{
    CancelError, Cursor, Event, Job, JobId, JobPage, JobQuery, Jobs, Losses, Sight, Stamp, Status, StoreError,
    ending::{Ending, JobRow},
    rows::{parsed, progress_entry, stamp},
};

#[async_trait]
impl Jobs for Sqlite {
    async fn find(&self, id: JobId, sight: &Sight) -> Result<Option<Job>, StoreError> {
        let mut transaction = self.read().await?;
        let found = fetch_job(&mut transaction, id).await?;
        transaction.commit().await?;
        Ok(found.filter(|job| sight.sees(&job.client)))
    }

    async fn stamps(&self, ids: &[JobId]) -> Result<HashMap<JobId, Stamp>, StoreError> {
        let select = "
            SELECT id, number, status, revision, fingerprint IS NOT NULL AS has_begun, previews FROM jobs
            WHERE id IN (SELECT value FROM json_each(?))";
        let mut transaction = self.read().await?;
        let rows = sqlx::query(select).bind(Json(ids)).fetch_all(&mut *transaction).await?;
        let places = fetch_places(&mut transaction, &rows).await?;
        transaction.commit().await?;
        let mut stamps = HashMap::with_capacity(rows.len());
        for row in rows {
            let number: i64 = row.try_get("number")?;
            stamps.insert(parsed(&row, "id")?, stamp(&row, places.get(&number).copied())?);
        }
        Ok(stamps)
    }

    async fn losses(&self, id: JobId, sight: &Sight, after: Position) -> Result<Option<Losses>, StoreError> {
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

    async fn list(&self, query: &JobQuery, sight: &Sight) -> Result<JobPage, StoreError> {
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

    async fn request_cancel(&self, id: JobId, sight: &Sight) -> Result<Job, CancelError> {
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
                if !end(&mut transaction, &job, Event::Cancel, &Ending::default()).await? {
                    transaction.roll_back().await?;
                    return Err(CancelError::Finished(status));
                }
            }
        }
        let canceled = fetch_job(&mut transaction, id).await?;
        transaction.commit().await?;
        canceled.ok_or(CancelError::NotFound(id))
    }

    async fn delete(&self, id: JobId, sight: &Sight) -> Result<bool, StoreError> {
        let deleted = sqlx::query("DELETE FROM jobs WHERE id = ?1 AND client = coalesce(?2, client)")
            .bind(Text(id))
            .bind(sight.only())
            .execute(&self.writer)
            .await?;
        Ok(deleted.rows_affected() > 0)
    }

    async fn longest_wait(&self) -> Result<Option<Duration>, StoreError> {
        let select = "SELECT min(created_at) FROM jobs WHERE status = ?";
        let since: Option<i64> = sqlx::query_scalar(select).bind(Text(Status::Queued)).fetch_one(&self.reader).await?;
        // A clock that was set back meanwhile has stood still.
        Ok(since.map(|since| Duration::from_millis(u64::try_from(now() - since).unwrap_or_default())))
    }

    async fn counts(&self) -> Result<Vec<(Status, u64)>, StoreError> {
        let counted: Vec<(Text<Status>, u64)> =
            sqlx::query_as("SELECT status, count(*) FROM jobs GROUP BY status").fetch_all(&self.reader).await?;
        let count = |status| counted.iter().find(|(Text(each), _)| *each == status).map_or(0, |&(_, count)| count);
        Ok(Status::ALL.into_iter().map(|status| (status, count(status))).collect())
    }
}
