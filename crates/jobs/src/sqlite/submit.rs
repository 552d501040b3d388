//! How a job comes into the queue.

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::{
    SqliteConnection,
    types::{Json, Text},
};

use super::{
    Sqlite,
    idempotency::{find_earlier, remember},
    queue::next_turn,
    rows::fetch_job,
};
use crate::{
    BlobKey, Client, Idempotency, Job, NewJob, QueueLimits, Status, Submissions, SubmitError, Submitted,
    ending::first_notices,
};

#[async_trait]
impl Submissions for Sqlite {
    async fn submit(&self, job: NewJob, limits: &QueueLimits) -> Result<Submitted, SubmitError> {
        // The lock is taken before anything is looked at: of two equal requests to two processes, the later one has to see
        // the job of the earlier one.
        let mut transaction = self.write().await?;
        let outcome = take_in(&mut transaction, job, limits).await;
        match outcome {
            Ok(Submitted::New(_)) => transaction.commit().await?,
            Ok(Submitted::Repeated(_)) => transaction.roll_back().await?,
            // It may have ended the transaction as well.
            Err(SubmitError::Store(_)) => {}
            Err(_) => transaction.roll_back().await?,
        }
        outcome
    }

    async fn find_repeated(&self, client: &Client, request: &Idempotency) -> Result<Option<Job>, SubmitError> {
        let mut transaction = self.read().await?;
        let found = find_earlier(&mut transaction, client, request).await;
        transaction.roll_back().await?;
        found
    }
}

async fn take_in(
    connection: &mut SqliteConnection,
    job: NewJob,
    limits: &QueueLimits,
) -> Result<Submitted, SubmitError> {
    let terms = &job.terms;
    if let Some(idempotency) = &terms.idempotency
        && let Some(earlier) = find_earlier(connection, &terms.client, idempotency).await?
    {
        return Ok(Submitted::Repeated(earlier));
    }
    find_room(connection, &terms.client, limits).await?;
    let number = insert(connection, &job).await?;
    if let Some(idempotency) = &terms.idempotency {
        remember(connection, &terms.client, idempotency, number).await?;
    }
    let submitted = fetch_job(connection, job.id).await?;
    Ok(Submitted::New(submitted.ok_or(sqlx::Error::RowNotFound)?))
}

/// Makes sure that the queue has room for one more job of `client`.
async fn find_room(
    connection: &mut SqliteConnection,
    client: &Client,
    limits: &QueueLimits,
) -> Result<(), SubmitError> {
    let own: u64 = sqlx::query_scalar("SELECT count(*) FROM jobs WHERE status = 'queued' AND client = ?")
        .bind(client.as_str())
        .fetch_one(&mut *connection)
        .await?;
    if own >= limits.own {
        return Err(SubmitError::OwnQueueFull { limit: limits.own });
    }
    let all: u64 =
        sqlx::query_scalar("SELECT count(*) FROM jobs WHERE status = 'queued'").fetch_one(connection).await?;
    if all >= limits.all {
        return Err(SubmitError::QueueFull { limit: limits.all });
    }
    Ok(())
}

/// Returns the job's number.
async fn insert(connection: &mut SqliteConnection, job: &NewJob) -> Result<i64, sqlx::Error> {
    let terms = &job.terms;
    let turn = next_turn(connection, terms).await?;
    let created_at = Timestamp::now();
    // A deadline beyond the end of the calendar is none.
    let start_by = terms.start_within.and_then(|within| created_at.checked_add(within).ok());
    let statement = "
        INSERT INTO jobs (
            id, status, created_at, recipe, notices, content, styles, masks, style_masks, initial,
            client, priority, turn, start_by, webhook, request
        ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        RETURNING number";
    sqlx::query_scalar(statement)
        .bind(Text(job.id))
        .bind(Text(Status::Queued))
        .bind(created_at.as_millisecond())
        .bind(Json(&job.recipe))
        .bind(Json(first_notices(job.notices.clone())))
        .bind(job.content.as_str())
        .bind(Json(&job.styles))
        .bind(Json(&job.masks))
        .bind(Json(&job.style_masks))
        .bind(job.initial.as_ref().map(BlobKey::as_str))
        .bind(terms.client.as_str())
        .bind(terms.priority.rank())
        .bind(turn)
        .bind(start_by.map(Timestamp::as_millisecond))
        .bind(terms.webhook.as_deref())
        .bind(terms.request.as_deref())
        .fetch_one(connection)
        .await
}
