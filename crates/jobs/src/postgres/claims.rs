//! What a worker does: claim, keep, report, finish.

use std::time::Duration;

use async_trait::async_trait;
use impasto_recipe::{Fingerprint, ProgressEntry};
use sqlx::types::Text;

use super::{Postgres, ending::end, in_time, queue::next_in_line, rows::json, session::Session};
use crate::{
    BlobKey, Claim, ClaimError, ClaimKey, Claims, Event, JobError, Standing, StoreError, WorkerName,
    ending::{Ending, JobRow},
    rows::{self, milliseconds, optional_blob},
};

/// A job that is a claim's, and the transaction in which that is sure.
struct Held {
    session: Session,
    job: JobRow,
}

/// Gives a job to a worker; a condition that picks it follows.
macro_rules! give {
    ($which:literal) => {
        concat!(
            "UPDATE jobs SET
                status = 'running',
                revision = revision + 1,
                attempt = attempt + 1,
                worker = $1,
                lease_milliseconds = $2,
                renewals = renewals + 1,
                started_at = coalesce(started_at, milliseconds_now())
            WHERE ",
            $which,
            " RETURNING *"
        )
    };
}

#[async_trait]
impl Claims for Postgres {
    async fn claim(&self, worker: &WorkerName, lease: Duration) -> Result<Option<Claim>, StoreError> {
        in_time(async {
            // An idle worker asks often: it locks nothing, and writes nothing.
            if !self.is_any_queued().await? {
                return Ok(None);
            }
            match self.claim_first(worker, lease).await? {
                Some(claim) => Ok(Some(claim)),
                // The first in line may be one that no worker has begun in time.
                None => Ok(self.claim_first_in_time(worker, lease).await?),
            }
        })
        .await
    }

    async fn renew(&self, claim: &ClaimKey) -> Result<Standing, ClaimError> {
        self.stand(
            claim,
            "UPDATE jobs SET renewals = renewals + 1 WHERE id = $1 AND attempt = $2 AND status = 'running'
            RETURNING cancel_requested",
        )
        .await
    }

    async fn standing(&self, claim: &ClaimKey) -> Result<Standing, ClaimError> {
        self.stand(claim, "SELECT cancel_requested FROM jobs WHERE id = $1 AND attempt = $2 AND status = 'running'")
            .await
    }

    async fn begin(&self, claim: &ClaimKey, fingerprint: &Fingerprint) -> Result<(), ClaimError> {
        in_time(async {
            let mut session = self.single().await?;
            let statement = "
                UPDATE jobs SET fingerprint = coalesce(fingerprint, $3)
                WHERE id = $1 AND attempt = $2 AND status = 'running'";
            let begun = sqlx::query(statement)
                .bind(Text(claim.job))
                .bind(i64::from(claim.attempt.0))
                .bind(json(fingerprint)?)
                .execute(&mut *session)
                .await?;
            session.done();
            if begun.rows_affected() == 0 { Err(ClaimError::Lost) } else { Ok(()) }
        })
        .await
    }

    async fn restart(&self, claim: &ClaimKey, fingerprint: &Fingerprint, why: &str) -> Result<(), ClaimError> {
        in_time(async {
            let mut held = self.hold(claim).await?;
            let statement = "
                UPDATE jobs SET fingerprint = $2, checkpoint = NULL, revision = revision + 1, notices = $3
                WHERE number = $1";
            sqlx::query(statement)
                .bind(held.job.number)
                .bind(json(fingerprint)?)
                .bind(json(&held.job.notices_with(why))?)
                .execute(&mut *held.session)
                .await?;
            sqlx::query("DELETE FROM progress WHERE job = $1")
                .bind(held.job.number)
                .execute(&mut *held.session)
                .await?;
            Ok(held.session.commit().await?)
        })
        .await
    }

    async fn record_progress(&self, claim: &ClaimKey, entry: &ProgressEntry) -> Result<(), ClaimError> {
        // The update locks the job's row, and the entry is there only if it found it.
        let statement = "
            WITH held AS (
                UPDATE jobs SET revision = revision + 1 WHERE id = $1 AND attempt = $2 AND status = 'running'
                RETURNING number
            )
            INSERT INTO progress (job, stage, epoch, content, style, tv, total, learning_rate, seconds_per_epoch)
            SELECT number, $3, $4, $5, $6, $7, $8, $9, $10 FROM held
            ON CONFLICT (job, stage, epoch) DO UPDATE SET
                content = excluded.content,
                style = excluded.style,
                tv = excluded.tv,
                total = excluded.total,
                learning_rate = excluded.learning_rate,
                seconds_per_epoch = excluded.seconds_per_epoch";
        in_time(async {
            let mut session = self.single().await?;
            let written = sqlx::query(statement)
                .bind(Text(claim.job))
                .bind(i64::from(claim.attempt.0))
                .bind(i64::from(entry.stage))
                .bind(i64::from(entry.epoch))
                .bind(entry.content)
                .bind(entry.style)
                .bind(entry.tv)
                .bind(entry.total)
                .bind(entry.learning_rate)
                .bind(entry.seconds_per_epoch)
                .execute(&mut *session)
                .await?;
            session.done();
            if written.rows_affected() == 0 { Err(ClaimError::Lost) } else { Ok(()) }
        })
        .await
    }

    async fn save_checkpoint(
        &self,
        claim: &ClaimKey,
        checkpoint: &BlobKey,
        preview: &BlobKey,
    ) -> Result<Vec<BlobKey>, ClaimError> {
        in_time(async {
            let mut session = self.single().await?;
            let statement = "
                WITH held AS (
                    SELECT number, checkpoint, preview FROM jobs
                    WHERE id = $1 AND attempt = $2 AND status = 'running'
                    FOR UPDATE
                )
                UPDATE jobs SET checkpoint = $3, preview = $4, previews = previews + 1, crashes = 0
                FROM held WHERE jobs.number = held.number
                RETURNING held.checkpoint, held.preview";
            let before = sqlx::query(statement)
                .bind(Text(claim.job))
                .bind(i64::from(claim.attempt.0))
                .bind(checkpoint.as_str())
                .bind(preview.as_str())
                .fetch_optional(&mut *session)
                .await?;
            session.done();
            let before = before.ok_or(ClaimError::Lost)?;
            let before = [optional_blob(&before, "checkpoint")?, optional_blob(&before, "preview")?];
            Ok(before.into_iter().flatten().filter(|blob| blob != checkpoint && blob != preview).collect())
        })
        .await
    }

    async fn succeed(
        &self,
        claim: &ClaimKey,
        result: &BlobKey,
        result_16: &BlobKey,
    ) -> Result<Vec<BlobKey>, ClaimError> {
        self.end_claim(claim, |_| (Event::Succeed, Ending::with_results(result, result_16))).await
    }

    async fn fail(&self, claim: &ClaimKey, error: &JobError) -> Result<Vec<BlobKey>, ClaimError> {
        self.end_claim(claim, |_| (Event::Fail, Ending::with_error(error.clone()))).await
    }

    async fn cancel(&self, claim: &ClaimKey) -> Result<Vec<BlobKey>, ClaimError> {
        self.end_claim(claim, |_| (Event::Cancel, Ending::default())).await
    }

    async fn hand_back(&self, claim: &ClaimKey, why: &str) -> Result<(), ClaimError> {
        self.end_claim(claim, |job| job.handed_back(why)).await?;
        Ok(())
    }
}

impl Postgres {
    async fn is_any_queued(&self) -> Result<bool, sqlx::Error> {
        let mut session = self.single().await?;
        let select = "SELECT EXISTS (SELECT 1 FROM jobs WHERE status = 'queued')";
        let is_any_queued = sqlx::query_scalar(select).fetch_one(&mut *session).await?;
        session.done();
        Ok(is_any_queued)
    }

    /// Claims, in one statement, the first in line that nobody else is about to claim; `None` if that one is too late to begin.
    async fn claim_first(&self, worker: &WorkerName, lease: Duration) -> Result<Option<Claim>, sqlx::Error> {
        let mut session = self.single().await?;
        let statement = give!(
            "number = (
                SELECT number FROM jobs WHERE status = 'queued' ORDER BY priority DESC, turn, number LIMIT 1
                FOR UPDATE SKIP LOCKED
            ) AND (start_by IS NULL OR started_at IS NOT NULL OR start_by > (SELECT milliseconds_now()))"
        );
        let row =
            sqlx::query(statement).bind(&worker.0).bind(milliseconds(lease)).fetch_optional(&mut *session).await?;
        session.done();
        row.map(|row| rows::claim(&row)).transpose()
    }

    /// Claims the first in line that is not too late to begin, and lets those before it fail.
    async fn claim_first_in_time(&self, worker: &WorkerName, lease: Duration) -> Result<Option<Claim>, sqlx::Error> {
        let mut session = self.write().await?;
        let Some(job) = next_in_line(&mut session).await? else {
            session.commit().await?;
            return Ok(None);
        };
        let row = sqlx::query(give!("number = $3"))
            .bind(&worker.0)
            .bind(milliseconds(lease))
            .bind(job.number)
            .fetch_one(&mut *session)
            .await?;
        let claim = rows::claim(&row)?;
        session.commit().await?;
        Ok(Some(claim))
    }

    /// What `statement` says of the claim, if it still stands.
    async fn stand(&self, claim: &ClaimKey, statement: &'static str) -> Result<Standing, ClaimError> {
        in_time(async {
            let mut session = self.single().await?;
            let cancel_requested: Option<bool> = sqlx::query_scalar(statement)
                .bind(Text(claim.job))
                .bind(i64::from(claim.attempt.0))
                .fetch_optional(&mut *session)
                .await?;
            session.done();
            Ok(Standing { cancel_requested: cancel_requested.ok_or(ClaimError::Lost)? })
        })
        .await
    }

    /// Ends the claim as `how` says; returns the blob that the job needs no longer if that was its end too.
    async fn end_claim(
        &self,
        claim: &ClaimKey,
        how: impl FnOnce(&JobRow) -> (Event, Ending),
    ) -> Result<Vec<BlobKey>, ClaimError> {
        in_time(async {
            let Held { mut session, job } = self.hold(claim).await?;
            let (event, ending) = how(&job);
            if !end(&mut session, &job, event, &ending).await? {
                session.roll_back().await?;
                return Err(ClaimError::Lost);
            }
            session.commit().await?;
            Ok(job.checkpoint.into_iter().collect())
        })
        .await
    }

    async fn hold(&self, claim: &ClaimKey) -> Result<Held, ClaimError> {
        let mut session = self.write().await?;
        let select = "SELECT * FROM jobs WHERE id = $1 AND attempt = $2 AND status = 'running' FOR UPDATE";
        let row = sqlx::query(select)
            .bind(Text(claim.job))
            .bind(i64::from(claim.attempt.0))
            .fetch_optional(&mut *session)
            .await?;
        let Some(row) = row else {
            session.roll_back().await?;
            return Err(ClaimError::Lost);
        };
        Ok(Held { job: JobRow::read(&row)?, session })
    }
}
