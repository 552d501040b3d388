//! What a worker does: claim, keep, report, finish.

use std::time::Duration;

use async_trait::async_trait;
use impasto_recipe::{Fingerprint, ProgressEntry};
use sqlx::types::{Json, Text};

use super::{Sqlite, Transaction, ending::end, now, queue::next_in_line};
use crate::{
    BlobKey, Claim, ClaimError, ClaimKey, Claims, Event, JobError, Standing, Status, StoreError, WorkerName,
    ending::{Ending, JobRow},
    rows::{self, milliseconds},
};

/// A job that is a claim's, and the transaction in which that is sure.
struct Held {
    transaction: Transaction,
    job: JobRow,
}

#[async_trait]
impl Claims for Sqlite {
    async fn claim(&self, worker: &WorkerName, lease: Duration) -> Result<Option<Claim>, StoreError> {
        // An idle worker asks often, and must not take the lock from those who write each time.
        if !self.is_any_queued().await? {
            return Ok(None);
        }
        let mut transaction = self.write().await?;
        let Some(job) = next_in_line(&mut transaction).await? else {
            transaction.commit().await?;
            return Ok(None);
        };
        let Some(status) = job.status.after(Event::Claim) else { return Ok(None) };
        let statement = "
            UPDATE jobs SET
                status = ?2,
                revision = revision + 1,
                attempt = attempt + 1,
                worker = ?3,
                lease_milliseconds = ?4,
                renewals = renewals + 1,
                started_at = coalesce(started_at, ?5)
            WHERE number = ?1
            RETURNING *";
        let row = sqlx::query(statement)
            .bind(job.number)
            .bind(Text(status))
            .bind(&worker.0)
            .bind(milliseconds(lease))
            .bind(now())
            .fetch_one(&mut *transaction)
            .await?;
        let claim = rows::claim(&row)?;
        transaction.commit().await?;
        Ok(Some(claim))
    }

    async fn renew(&self, claim: &ClaimKey) -> Result<Standing, ClaimError> {
        let mut held = self.hold(claim).await?;
        sqlx::query("UPDATE jobs SET renewals = renewals + 1 WHERE number = ?")
            .bind(held.job.number)
            .execute(&mut *held.transaction)
            .await?;
        held.transaction.commit().await?;
        Ok(Standing { cancel_requested: held.job.cancel_requested })
    }

    async fn standing(&self, claim: &ClaimKey) -> Result<Standing, ClaimError> {
        let statement = "SELECT cancel_requested FROM jobs WHERE id = ? AND attempt = ? AND status = ?";
        let cancel_requested = sqlx::query_scalar(statement)
            .bind(Text(claim.job))
            .bind(claim.attempt.0)
            .bind(Text(Status::Running))
            .fetch_optional(&self.reader)
            .await?
            .ok_or(ClaimError::Lost)?;
        Ok(Standing { cancel_requested })
    }

    async fn begin(&self, claim: &ClaimKey, fingerprint: &Fingerprint) -> Result<(), ClaimError> {
        let mut held = self.hold(claim).await?;
        sqlx::query("UPDATE jobs SET fingerprint = coalesce(fingerprint, ?) WHERE number = ?")
            .bind(Json(fingerprint))
            .bind(held.job.number)
            .execute(&mut *held.transaction)
            .await?;
        Ok(held.transaction.commit().await?)
    }

    async fn restart(&self, claim: &ClaimKey, fingerprint: &Fingerprint, why: &str) -> Result<(), ClaimError> {
        let mut held = self.hold(claim).await?;
        let statement = "
            UPDATE jobs SET
                fingerprint = ?2,
                checkpoint = NULL,
                revision = revision + 1,
                notices = ?3
            WHERE number = ?1";
        sqlx::query(statement)
            .bind(held.job.number)
            .bind(Json(fingerprint))
            .bind(Json(held.job.notices_with(why)))
            .execute(&mut *held.transaction)
            .await?;
        sqlx::query("DELETE FROM progress WHERE job = ?").bind(held.job.number).execute(&mut *held.transaction).await?;
        Ok(held.transaction.commit().await?)
    }

    async fn record_progress(&self, claim: &ClaimKey, entry: &ProgressEntry) -> Result<(), ClaimError> {
        let mut held = self.hold(claim).await?;
        let statement = "
            INSERT OR REPLACE INTO progress
                (job, stage, epoch, content, style, tv, total, learning_rate, seconds_per_epoch)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
        sqlx::query(statement)
            .bind(held.job.number)
            .bind(entry.stage)
            .bind(entry.epoch)
            .bind(entry.content)
            .bind(entry.style)
            .bind(entry.tv)
            .bind(entry.total)
            .bind(entry.learning_rate)
            .bind(entry.seconds_per_epoch)
            .execute(&mut *held.transaction)
            .await?;
        sqlx::query("UPDATE jobs SET revision = revision + 1 WHERE number = ?")
            .bind(held.job.number)
            .execute(&mut *held.transaction)
            .await?;
        Ok(held.transaction.commit().await?)
    }

    async fn save_checkpoint(
        &self,
        claim: &ClaimKey,
        checkpoint: &BlobKey,
        preview: &BlobKey,
    ) -> Result<Vec<BlobKey>, ClaimError> {
        let mut held = self.hold(claim).await?;
        sqlx::query(
            "UPDATE jobs SET checkpoint = ?, preview = ?, previews = previews + 1, crashes = 0 WHERE number = ?",
        )
        .bind(checkpoint.as_str())
        .bind(preview.as_str())
        .bind(held.job.number)
        .execute(&mut *held.transaction)
        .await?;
        held.transaction.commit().await?;
        let before = [held.job.checkpoint, held.job.preview];
        Ok(before.into_iter().flatten().filter(|blob| blob != checkpoint && blob != preview).collect())
    }

    async fn succeed(
        &self,
        claim: &ClaimKey,
        result: &BlobKey,
        result_16: &BlobKey,
    ) -> Result<Vec<BlobKey>, ClaimError> {
        self.hold(claim).await?.end(Event::Succeed, Ending::with_results(result, result_16)).await
    }

    async fn fail(&self, claim: &ClaimKey, error: &JobError) -> Result<Vec<BlobKey>, ClaimError> {
        self.hold(claim).await?.end(Event::Fail, Ending::with_error(error.clone())).await
    }

    async fn cancel(&self, claim: &ClaimKey) -> Result<Vec<BlobKey>, ClaimError> {
        self.hold(claim).await?.end(Event::Cancel, Ending::default()).await
    }

    async fn hand_back(&self, claim: &ClaimKey, why: &str) -> Result<(), ClaimError> {
        let held = self.hold(claim).await?;
        let (event, ending) = held.job.handed_back(why);
        held.end(event, ending).await?;
        Ok(())
    }
}

impl Sqlite {
    async fn is_any_queued(&self) -> Result<bool, sqlx::Error> {
        let select = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM jobs WHERE status = 'queued')");
        select.fetch_one(&self.reader).await
    }

    async fn hold(&self, claim: &ClaimKey) -> Result<Held, ClaimError> {
        let mut transaction = self.write().await?;
        let row = sqlx::query("SELECT * FROM jobs WHERE id = ? AND attempt = ? AND status = ?")
            .bind(Text(claim.job))
            .bind(claim.attempt.0)
            .bind(Text(Status::Running))
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(row) = row else {
            transaction.roll_back().await?;
            return Err(ClaimError::Lost);
        };
        Ok(Held { job: JobRow::read(&row)?, transaction })
    }
}

impl Held {
    /// Ends the claim; returns the blob that the job needs no longer if that was its end too.
    async fn end(mut self, event: Event, ending: Ending) -> Result<Vec<BlobKey>, ClaimError> {
        if !end(&mut self.transaction, &self.job, event, &ending).await? {
            return Err(ClaimError::Lost);
        }
        self.transaction.commit().await?;
        Ok(self.job.checkpoint.into_iter().collect())
    }
}
