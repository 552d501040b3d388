//! What the API does with jobs that there are: look, cancel, delete.

use std::{collections::HashMap, time::Duration};

use async_trait::async_trait;
use impasto_recipe::Position;
use sqlx::{QueryBuilder, Row, types::Text};

use super::{
    CHANNEL, Postgres,
    ending::end,
    in_time,
    queue::fetch_places,
    rows::{SELECT_JOBS, fetch_job, fetch_jobs},
};
use crate::{
    CancelError, Cursor, Event, Job, JobId, JobPage, JobQuery, Jobs, Losses, Sight, Stamp, Status, StoreError,
    ending::{Ending, JobRow},
    rows::{Columns, parsed, progress_entry, stamp},
};

#[async_trait]
impl Jobs for Postgres {
    async fn find(&self, id: JobId, sight: &Sight) -> Result<Option<Job>, StoreError> {
        in_time(async {
            let mut session = self.read().await?;
            let found = fetch_job(&mut session, id).await?;
            session.commit().await?;
            Ok(found.filter(|job| sight.sees(&job.client)))
        })
        .await
    }

    async fn stamps(&self, ids: &[JobId]) -> Result<HashMap<JobId, Stamp>, StoreError> {
        let select = "
            SELECT id, number, status, revision, fingerprint IS NOT NULL AS has_begun, previews FROM jobs
            WHERE id = ANY($1)";
        in_time(async {
            let names: Vec<String> = ids.iter().map(ToString::to_string).collect();
            let mut session = self.read().await?;
            let rows = sqlx::query(select).bind(names).fetch_all(&mut *session).await?;
            let places = fetch_places(&mut session, &rows).await?;
            session.commit().await?;
            let mut stamps = HashMap::with_capacity(rows.len());
            for row in rows {
                let place = places.get(&row.integer("number")?).copied();
                stamps.insert(parsed(&row, "id")?, stamp(&row, place)?);
            }
            Ok(stamps)
        })
        .await
    }

    async fn losses(&self, id: JobId, sight: &Sight, after: Position) -> Result<Option<Losses>, StoreError> {
        in_time(async {
            let mut session = self.read().await?;
            let select = "SELECT number, revision FROM jobs WHERE id = $1 AND client = coalesce($2, client)";
            let job: Option<(i64, i64)> =
                sqlx::query_as(select).bind(Text(id)).bind(sight.only()).fetch_optional(&mut *session).await?;
            let Some((number, revision)) = job else {
                session.roll_back().await?;
                return Ok(None);
            };
            let statement = "
                SELECT * FROM progress WHERE job = $1 AND (stage, epoch) > ($2, $3) ORDER BY stage, epoch";
            let rows = sqlx::query(statement)
                .bind(number)
                .bind(i64::from(after.stage))
                .bind(i64::from(after.epoch))
                .fetch_all(&mut *session)
                .await?;
            session.commit().await?;
            let entries = rows.iter().map(progress_entry).collect::<Result<_, _>>()?;
            Ok(Some(Losses { revision: revision.unsigned_abs(), entries }))
        })
        .await
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
        in_time(async {
            let mut session = self.read().await?;
            let mut found = fetch_jobs(&mut session, select).await?;
            session.commit().await?;
            let more = found.len() > limit as usize;
            found.truncate(limit as usize);
            let next = found.last().filter(|_| more).map(|&(number, _)| Cursor(number));
            Ok(JobPage { jobs: found.into_iter().map(|(_, job)| job).collect(), next })
        })
        .await
    }

    async fn request_cancel(&self, id: JobId, sight: &Sight) -> Result<Job, CancelError> {
        in_time(async {
            let mut session = self.write().await?;
            let select = "SELECT * FROM jobs WHERE id = $1 AND client = coalesce($2, client) FOR UPDATE";
            let found = sqlx::query(select).bind(Text(id)).bind(sight.only()).fetch_optional(&mut *session);
            let Some(row) = found.await? else {
                session.roll_back().await?;
                return Err(CancelError::NotFound(id));
            };
            let job = JobRow::read(&row)?;
            match job.status {
                // Its worker ends it, once it has stopped.
                Status::Running => {
                    let statement = "
                        UPDATE jobs SET cancel_requested = TRUE, revision = revision + 1
                        WHERE number = $1 AND NOT cancel_requested
                        RETURNING pg_notify($2, id)";
                    sqlx::query(statement).bind(job.number).bind(CHANNEL).execute(&mut *session).await?;
                }
                status => {
                    if !end(&mut session, &job, Event::Cancel, &Ending::default()).await? {
                        session.roll_back().await?;
                        return Err(CancelError::Finished(status));
                    }
                }
            }
            let canceled = fetch_job(&mut session, id).await?;
            session.commit().await?;
            canceled.ok_or(CancelError::NotFound(id))
        })
        .await
    }

    async fn delete(&self, id: JobId, sight: &Sight) -> Result<bool, StoreError> {
        in_time(async {
            let mut session = self.single().await?;
            let statement = "
                DELETE FROM jobs WHERE id = $1 AND client = coalesce($2, client) RETURNING pg_notify($3, id)";
            let deleted =
                sqlx::query(statement).bind(Text(id)).bind(sight.only()).bind(CHANNEL).execute(&mut *session).await?;
            session.done();
            Ok(deleted.rows_affected() > 0)
        })
        .await
    }

    async fn longest_wait(&self) -> Result<Option<Duration>, StoreError> {
        in_time(async {
            let mut session = self.single().await?;
            let select = "SELECT milliseconds_now() - min(created_at) FROM jobs WHERE status = 'queued'";
            let waited: Option<i64> = sqlx::query_scalar(select).fetch_one(&mut *session).await?;
            session.done();
            // A clock that was set back meanwhile has stood still.
            Ok(waited.map(|waited| Duration::from_millis(u64::try_from(waited).unwrap_or_default())))
        })
        .await
    }

    async fn counts(&self) -> Result<Vec<(Status, u64)>, StoreError> {
        in_time(async {
            let mut session = self.single().await?;
            let select = "SELECT status, count(*) AS jobs FROM jobs GROUP BY status";
            let rows = sqlx::query(select).fetch_all(&mut *session).await?;
            session.done();
            let mut counts: HashMap<Status, i64> = HashMap::new();
            for row in &rows {
                counts.insert(parsed(row, "status")?, row.try_get("jobs")?);
            }
            let count = |status| counts.get(&status).map_or(0, |count| count.unsigned_abs());
            Ok(Status::ALL.into_iter().map(|status| (status, count(status))).collect())
        })
        .await
    }
}
