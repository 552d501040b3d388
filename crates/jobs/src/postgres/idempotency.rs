//! Requests that make one job however often they come.

use sqlx::{PgConnection, types::Text};

use super::rows::fetch_job;
use crate::{Client, Idempotency, Job, JobId, SubmitError, store::KEPT_FOR};

/// The job that the same request of the client has made already.
pub(super) async fn find_earlier(
    connection: &mut PgConnection,
    client: &Client,
    request: &Idempotency,
) -> Result<Option<Job>, SubmitError> {
    let statement = "
        SELECT jobs.id, idempotency_keys.fingerprint FROM idempotency_keys
        JOIN jobs ON jobs.number = idempotency_keys.job
        WHERE idempotency_keys.client = $1 AND idempotency_keys.key = $2
            AND idempotency_keys.created_at > milliseconds_now() - $3";
    let earlier: Option<(Text<JobId>, String)> = sqlx::query_as(statement)
        .bind(client.as_str())
        .bind(&request.key)
        .bind(KEPT_FOR)
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
    connection: &mut PgConnection,
    client: &Client,
    request: &Idempotency,
    number: i64,
) -> Result<(), sqlx::Error> {
    let statement = "
        INSERT INTO idempotency_keys (client, key, fingerprint, job, created_at)
        VALUES ($1, $2, $3, $4, milliseconds_now())
        ON CONFLICT (client, key) DO UPDATE SET
            fingerprint = excluded.fingerprint, job = excluded.job, created_at = excluded.created_at";
    sqlx::query(statement)
        .bind(client.as_str())
        .bind(&request.key)
        .bind(&request.fingerprint)
        .bind(number)
        .execute(connection)
        .await?;
    Ok(())
}
