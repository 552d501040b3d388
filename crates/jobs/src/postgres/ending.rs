//! How a job leaves the queue or its worker's hands.

use sqlx::{PgConnection, types::Text};

use super::{CHANNEL, deliveries::leave_message, listen::OF_QUEUE, rows::json};
use crate::{
    BlobKey, Event,
    ending::{Ending, JobRow},
    rows::Columns,
};

/// Ends the job's stay where it is by `event`, if that can happen there; where it is the job's end, its webhook will be
/// told. Returns whether it could. The job's row is locked.
pub(super) async fn end(
    connection: &mut PgConnection,
    job: &JobRow,
    event: Event,
    ending: &Ending,
) -> Result<bool, sqlx::Error> {
    let Some(status) = job.status.after(event) else { return Ok(false) };
    let statement = "
        UPDATE jobs SET
            status = $2,
            revision = revision + 1,
            finished_at = CASE WHEN $3 THEN milliseconds_now() END,
            worker = NULL,
            lease_milliseconds = NULL,
            crashes = coalesce($4, crashes),
            result = $5,
            result_16 = $6,
            error = $7,
            notices = coalesce($8, notices),
            cancel_requested = cancel_requested OR $9,
            checkpoint = CASE WHEN $3 THEN NULL ELSE checkpoint END
        WHERE number = $1
        RETURNING finished_at, pg_notify($10, CASE WHEN $3 THEN id ELSE $11 END)";
    let row = sqlx::query(statement)
        .bind(job.number)
        .bind(Text(status))
        .bind(status.is_finished())
        .bind(ending.crashes.map(i64::from))
        .bind(ending.result.as_ref().map(BlobKey::as_str))
        .bind(ending.result_16.as_ref().map(BlobKey::as_str))
        .bind(ending.error.as_ref().map(json).transpose()?)
        .bind(ending.notice.as_ref().map(|notice| json(&job.notices_with(notice))).transpose()?)
        .bind(event == Event::Cancel)
        .bind(CHANNEL)
        .bind(OF_QUEUE)
        .fetch_one(&mut *connection)
        .await?;
    if let Some(finished_at) = row.optional_integer("finished_at")? {
        leave_message(connection, job, status, finished_at, ending.error.as_ref()).await?;
    }
    Ok(true)
}
