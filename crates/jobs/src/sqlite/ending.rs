//! How a job leaves the queue or its worker's hands.

use sqlx::{
    SqliteConnection,
    types::{Json, Text},
};

use super::{deliveries::leave_message, now};
use crate::{
    BlobKey, Event,
    ending::{Ending, JobRow},
};

/// Ends the job's stay where it is by `event`, if that can happen there; where it is the job's end, its webhook will be
/// told. Returns whether it could.
pub(super) async fn end(
    connection: &mut SqliteConnection,
    job: &JobRow,
    event: Event,
    ending: &Ending,
) -> Result<bool, sqlx::Error> {
    let Some(status) = job.status.after(event) else { return Ok(false) };
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
        .bind(job.number)
        .bind(Text(status))
        .bind(finished_at)
        .bind(ending.crashes)
        .bind(ending.result.as_ref().map(BlobKey::as_str))
        .bind(ending.result_16.as_ref().map(BlobKey::as_str))
        .bind(ending.error.as_ref().map(Json))
        .bind(ending.notice.as_ref().map(|notice| Json(job.notices_with(notice))))
        .bind(event == Event::Cancel)
        .execute(&mut *connection)
        .await?;
    if let Some(finished_at) = finished_at {
        leave_message(connection, job, status, finished_at, ending.error.as_ref()).await?;
    }
    Ok(true)
}
