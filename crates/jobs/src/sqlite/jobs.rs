//! What the API does: submit, look, cancel, delete.

use impasto_recipe::Position;
use sqlx::{
    QueryBuilder,
    types::{Json, Text},
};

use super::{
    Sqlite,
    ending::{Ending, JobRow},
    now,
    rows::{SELECT_JOBS, fetch_job, fetch_jobs, progress_entry},
};
use crate::{
    CancelError, Cursor, Event, Job, JobId, JobPage, JobQuery, Losses, NewJob, Status, StoreError, SubmitError,
};

impl Sqlite {
    pub(crate) async fn submit(&self, job: NewJob, most_queued: u64) -> Result<Job, SubmitError> {
        let mut transaction = self.write().await?;
        let queued: u64 = sqlx::query_scalar("SELECT count(*) FROM jobs WHERE status = ?")
            .bind(Text(Status::Queued))
            .fetch_one(&mut *transaction)
            .await?;
        if queued >= most_queued {
            return Err(SubmitError::QueueFull { limit: most_queued });
        }
        let statement = "
            INSERT INTO jobs (id, status, created_at, recipe, content, styles) VALUES (?, ?, ?, ?, ?, ?)";
        sqlx::query(statement)
            .bind(Text(job.id))
            .bind(Text(Status::Queued))
            .bind(now())
            .bind(Json(&job.recipe))
            .bind(job.content.as_str())
            .bind(Json(&job.styles))
            .execute(&mut *transaction)
            .await?;
        let submitted = fetch_job(&mut transaction, job.id).await?;
        transaction.commit().await?;
        Ok(submitted.ok_or(sqlx::Error::RowNotFound)?)
    }

    pub(crate) async fn find(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        let mut transaction = self.read().await?;
        Ok(fetch_job(&mut transaction, id).await?)
    }

    pub(crate) async fn revision(&self, id: JobId) -> Result<Option<u64>, StoreError> {
        let revision = sqlx::query_scalar("SELECT revision FROM jobs WHERE id = ?").bind(Text(id));
        Ok(revision.fetch_optional(&self.reader).await?)
    }

    pub(crate) async fn losses(&self, id: JobId, after: Position) -> Result<Option<Losses>, StoreError> {
        let mut transaction = self.read().await?;
        let job: Option<(i64, u64)> = sqlx::query_as("SELECT number, revision FROM jobs WHERE id = ?")
            .bind(Text(id))
            .fetch_optional(&mut *transaction)
            .await?;
        let Some((number, revision)) = job else { return Ok(None) };
        let statement = "
            SELECT * FROM progress WHERE job = ? AND (stage, epoch) > (?, ?) ORDER BY stage, epoch";
        let rows = sqlx::query(statement)
            .bind(number)
            .bind(after.stage)
            .bind(after.epoch)
            .fetch_all(&mut *transaction)
            .await?;
        let entries = rows.iter().map(progress_entry).collect::<Result<_, _>>()?;
        Ok(Some(Losses { revision, entries }))
    }

    pub(crate) async fn list(&self, query: &JobQuery) -> Result<JobPage, StoreError> {
        let limit = query.limit.max(1);
        let mut select = QueryBuilder::new(SELECT_JOBS);
        select.push(" WHERE number < ").push_bind(query.cursor.map_or(i64::MAX, |Cursor(number)| number));
        if let Some(status) = query.status {
            select.push(" AND status = ").push_bind(Text(status));
        }
        // One more than is shown tells whether there is a next page.
        select.push(" ORDER BY number DESC LIMIT ").push_bind(i64::from(limit) + 1);
        let mut transaction = self.read().await?;
        let mut found = fetch_jobs(&mut transaction, select).await?;
        let more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let next = found.last().filter(|_| more).map(|&(number, _)| Cursor(number));
        Ok(JobPage { jobs: found.into_iter().map(|(_, job)| job).collect(), next })
    }

    pub(crate) async fn request_cancel(&self, id: JobId) -> Result<Job, CancelError> {
        let mut transaction = self.write().await?;
        let found = sqlx::query("SELECT * FROM jobs WHERE id = ?").bind(Text(id)).fetch_optional(&mut *transaction);
        let Some(row) = found.await? else { return Err(CancelError::NotFound(id)) };
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
                    return Err(CancelError::Finished(status));
                }
            }
        }
        let canceled = fetch_job(&mut transaction, id).await?;
        transaction.commit().await?;
        canceled.ok_or(CancelError::NotFound(id))
    }

    pub(crate) async fn delete(&self, id: JobId) -> Result<bool, StoreError> {
        let deleted = sqlx::query("DELETE FROM jobs WHERE id = ?").bind(Text(id)).execute(&self.writer).await?;
        Ok(deleted.rows_affected() > 0)
    }

    pub(crate) async fn counts(&self) -> Result<Vec<(Status, u64)>, StoreError> {
        let counted: Vec<(Text<Status>, u64)> =
            sqlx::query_as("SELECT status, count(*) FROM jobs GROUP BY status").fetch_all(&self.reader).await?;
        let count = |status| counted.iter().find(|(Text(each), _)| *each == status).map_or(0, |&(_, count)| count);
        Ok(Status::ALL.into_iter().map(|status| (status, count(status))).collect())
    }
}
