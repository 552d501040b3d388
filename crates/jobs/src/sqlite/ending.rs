//! How a job leaves the queue or its worker's hands.

use sqlx::{
    Row, SqliteConnection,
    sqlite::SqliteRow,
    types::{Json, Text},
};

use super::{
    deliveries::leave_message,
    now,
    rows::{json, optional_blob, text},
};
use crate::{BlobKey, Event, JobError, JobId, Status};

/// Notices of one job at the most.
const MOST_NOTICES: usize = 60;
/// Those of them that stay however many follow: what was done to the job's files stands first, and takes no more room.
const FIRST_NOTICES: usize = 40;

/// The notices that a job comes with, of what was done to its files. Of too many, the last are summed up: they would take the
/// room of what befalls the job.
pub(super) fn first_notices(mut notices: Vec<String>) -> Vec<String> {
    if notices.len() > FIRST_NOTICES {
        let left_out = notices.split_off(FIRST_NOTICES - 1).len();
        notices.push(format!("{left_out} more things were done to the files, which are left out here"));
    }
    notices
}

/// What a change has to know of a job, read inside the transaction of the change.
#[derive(Debug)]
pub(super) struct JobRow {
    pub number: i64,
    pub id: JobId,
    pub status: Status,
    pub created_at: i64,
    /// Whether a worker has ever begun it.
    pub has_started: bool,
    pub start_by: Option<i64>,
    pub webhook: Option<String>,
    pub cancel_requested: bool,
    /// Workers that it has crashed in a row.
    pub crashes: u32,
    pub notices: Vec<String>,
    pub checkpoint: Option<BlobKey>,
    pub preview: Option<BlobKey>,
}

/// What is written beside the new status.
#[derive(Debug, Default)]
pub(super) struct Ending<'a> {
    pub result: Option<&'a BlobKey>,
    pub result_16: Option<&'a BlobKey>,
    pub error: Option<&'a JobError>,
    pub notice: Option<&'a str>,
    /// What the job has now crashed; `None` leaves the count as it is.
    pub crashes: Option<u32>,
}

impl JobRow {
    pub fn read(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            number: row.try_get("number")?,
            id: text(row, "id")?,
            status: text(row, "status")?,
            created_at: row.try_get("created_at")?,
            has_started: row.try_get::<Option<i64>, _>("started_at")?.is_some(),
            start_by: row.try_get("start_by")?,
            webhook: row.try_get("webhook")?,
            cancel_requested: row.try_get("cancel_requested")?,
            crashes: row.try_get("crashes")?,
            notices: json(row, "notices")?,
            checkpoint: optional_blob(row, "checkpoint")?,
            preview: optional_blob(row, "preview")?,
        })
    }

    /// Its notices with one more. Of many, the first and the latest are kept: storage that fails for days writes a lot.
    pub fn notices_with(&self, notice: &str) -> Vec<String> {
        let mut notices = self.notices.clone();
        notices.push(notice.to_owned());
        while notices.len() > MOST_NOTICES {
            notices.remove(FIRST_NOTICES);
        }
        notices
    }

    /// Ends the job's stay where it is by `event`, if that can happen there; where it is the job's end, its webhook will be
    /// told. Returns whether it could.
    pub async fn end(
        &self,
        connection: &mut SqliteConnection,
        event: Event,
        ending: Ending<'_>,
    ) -> Result<bool, sqlx::Error> {
        let Some(status) = self.status.after(event) else { return Ok(false) };
        let finished_at = status.is_finished().then(now);
        let statement = "
            UPDATE jobs SET
                status = ?2,
                revision = revision + 1,
                finished_at = ?3,
                worker = NULL,
                lease_milliseconds = NULL,
                crashes = coalesce(?4, crashes),
                result = ?5,
                result_16 = ?6,
                error = ?7,
                notices = coalesce(?8, notices),
                cancel_requested = cancel_requested OR ?9,
                checkpoint = iif(?3 IS NULL, checkpoint, NULL)
            WHERE number = ?1";
        sqlx::query(statement)
            .bind(self.number)
            .bind(Text(status))
            .bind(finished_at)
            .bind(ending.crashes)
            .bind(ending.result.map(BlobKey::as_str))
            .bind(ending.result_16.map(BlobKey::as_str))
            .bind(ending.error.map(Json))
            .bind(ending.notice.map(|notice| Json(self.notices_with(notice))))
            .bind(event == Event::Cancel)
            .execute(&mut *connection)
            .await?;
        if let Some(finished_at) = finished_at {
            leave_message(connection, self, status, finished_at, ending.error).await?;
        }
        Ok(true)
    }
}
