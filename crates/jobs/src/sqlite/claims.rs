//! What a worker does: claim, keep, report, finish.

use std::time::Duration;

use impasto_recipe::{Fingerprint, ProgressEntry};
use sqlx::{
    Row,
    sqlite::SqliteRow,
    types::{Json, Text},
};

use super::{
    Sqlite, Transaction,
    ending::{Ending, JobRow},
    now,
    queue::next_in_line,
    rows::{json, optional_blob, optional_json, text, time},
};
use crate::{Attempt, BlobKey, Claim, ClaimError, ClaimKey, Event, JobError, Standing, Status, StoreError, WorkerName};

/// A job that is a claim's, and the transaction in which that is sure.
struct Held {
    transaction: Transaction,
    job: JobRow,
}

impl Sqlite {
    pub(crate) async fn claim(&self, worker: &WorkerName, lease: Duration) -> Result<Option<Claim>, StoreError> {
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
        let claim = read_claim(&row)?;
        transaction.commit().await?;
        Ok(Some(claim))
    }

    async fn is_any_queued(&self) -> Result<bool, sqlx::Error> {
        let select = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM jobs WHERE status = 'queued')");
        select.fetch_one(&self.reader).await
    }

    pub(crate) async fn renew(&self, claim: &ClaimKey) -> Result<Standing, ClaimError> {
        let mut held = self.hold(claim).await?;
        sqlx::query("UPDATE jobs SET renewals = renewals + 1 WHERE number = ?")
            .bind(held.job.number)
            .execute(&mut *held.transaction)
            .await?;
        held.transaction.commit().await?;
        Ok(Standing { cancel_requested: held.job.cancel_requested })
    }

    pub(crate) async fn standing(&self, claim: &ClaimKey) -> Result<Standing, ClaimError> {
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

    pub(crate) async fn begin(&self, claim: &ClaimKey, fingerprint: &Fingerprint) -> Result<(), ClaimError> {
        let mut held = self.hold(claim).await?;
        sqlx::query("UPDATE jobs SET fingerprint = coalesce(fingerprint, ?) WHERE number = ?")
            .bind(Json(fingerprint))
            .bind(held.job.number)
            .execute(&mut *held.transaction)
            .await?;
        Ok(held.transaction.commit().await?)
    }

    pub(crate) async fn restart(
        &self,
        claim: &ClaimKey,
        fingerprint: &Fingerprint,
        why: &str,
    ) -> Result<(), ClaimError> {
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

    pub(crate) async fn record_progress(&self, claim: &ClaimKey, entry: &ProgressEntry) -> Result<(), ClaimError> {
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

    pub(crate) async fn save_checkpoint(
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

    pub(crate) async fn succeed(
        &self,
        claim: &ClaimKey,
        result: &BlobKey,
        result_16: &BlobKey,
    ) -> Result<Vec<BlobKey>, ClaimError> {
        let ending = Ending { result: Some(result), result_16: Some(result_16), ..Ending::default() };
        self.hold(claim).await?.end(Event::Succeed, ending).await
    }

    pub(crate) async fn fail(&self, claim: &ClaimKey, error: &JobError) -> Result<Vec<BlobKey>, ClaimError> {
        self.hold(claim).await?.end(Event::Fail, Ending { error: Some(error), ..Ending::default() }).await
    }

    pub(crate) async fn cancel(&self, claim: &ClaimKey) -> Result<Vec<BlobKey>, ClaimError> {
        self.hold(claim).await?.end(Event::Cancel, Ending::default()).await
    }

    pub(crate) async fn hand_back(&self, claim: &ClaimKey, why: &str) -> Result<(), ClaimError> {
        let held = self.hold(claim).await?;
        let event = if held.job.cancel_requested { Event::Cancel } else { Event::GiveBack };
        held.end(event, Ending { notice: Some(why), ..Ending::default() }).await?;
        Ok(())
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
    async fn end(mut self, event: Event, ending: Ending<'_>) -> Result<Vec<BlobKey>, ClaimError> {
        if !self.job.end(&mut self.transaction, event, ending).await? {
            return Err(ClaimError::Lost);
        }
        self.transaction.commit().await?;
        Ok(self.job.checkpoint.into_iter().collect())
    }
}

fn read_claim(row: &SqliteRow) -> Result<Claim, sqlx::Error> {
    Ok(Claim {
        key: ClaimKey { job: text(row, "id")?, attempt: Attempt(row.try_get("attempt")?) },
        created_at: time("created_at", row.try_get("created_at")?)?,
        started_at: time("started_at", row.try_get("started_at")?)?,
        recipe: json(row, "recipe")?,
        fingerprint: optional_json(row, "fingerprint")?,
        content: BlobKey::named(row.try_get("content")?),
        styles: json(row, "styles")?,
        masks: json(row, "masks")?,
        style_masks: json(row, "style_masks")?,
        initial: optional_blob(row, "initial")?,
        checkpoint: optional_blob(row, "checkpoint")?,
        request: row.try_get("request")?,
    })
}

/// A time without end does not overflow.
pub(super) fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
