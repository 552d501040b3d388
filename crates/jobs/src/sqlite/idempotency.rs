//! Requests that make one job however often they come.

use sqlx::{SqliteConnection, types::Text};

use super::{now, rows::fetch_job};
use crate::{Client, Idempotency, Job, JobId, SubmitError, store::KEPT_FOR};

/// The job that the same request of the client has made already.
pub(super) async fn find_earlier(
    connection: &mut SqliteConnection,
    client: &Client,
    request: &Idempotency,
) -> Result<Option<Job>, SubmitError> {
    let statement = "
        SELECT jobs.id, idempotency_keys.fingerprint FROM idempotency_keys
        JOIN jobs ON jobs.number = idempotency_keys.job
        WHERE idempotency_keys.client = ? AND idempotency_keys.key = ? AND idempotency_keys.created_at > ?";
    let earlier: Option<(Text<JobId>, String)> = sqlx::query_as(statement)
        .bind(client.as_str())
        .bind(&request.key)
        .bind(forgotten_until())
        .fetch_optional(&mut *connection)
        .await?;
    match earlier {
        None => Ok(None),
        Some((_, fingerprint)) if fingerprint != request.fingerprint => Err(SubmitError::OtherRequest),
        Some((Text(id), _)) => Ok(fetch_job(connection, id).await?),
    }
}

/// Writes down that the request of the client has made the job `number`, in the place of one that is forgotten.
pub(super) async fn remember(
    connection: &mut SqliteConnection,
    client: &Client,
    request: &Idempotency,
    number: i64,
) -> Result<(), sqlx::Error> {
    let statement = "
        INSERT OR REPLACE INTO idempotency_keys (client, key, fingerprint, job, created_at) VALUES (?, ?, ?, ?, ?)";
    sqlx::query(statement)
        .bind(client.as_str())
        .bind(&request.key)
        .bind(&request.fingerprint)
        .bind(number)
        .bind(now())
        .execute(connection)
        .await?;
    Ok(())
}

/// Requests of this time and earlier are no longer known.
pub(super) fn forgotten_until() -> i64 {
    now().saturating_sub(KEPT_FOR)
}
