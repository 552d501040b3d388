//! How a job comes into the queue.

use async_trait::async_trait;
use sqlx::{PgConnection, postgres::PgRow, types::Text};

use super::{
    CHANNEL, Postgres,
    idempotency::{find_earlier, remember},
    in_time,
    listen::OF_QUEUE,
    queue::{fetch_places, next_turn},
    rows::json,
    session::Session,
};
use crate::{
    BlobKey, Client, Idempotency, Job, NewJob, QueueLimits, Status, Submissions, SubmitError, Submitted,
    ending::first_notices,
    rows::{milliseconds, numbered_job},
};

#[async_trait]
impl Submissions for Postgres {
    async fn submit(&self, job: NewJob, limits: &QueueLimits) -> Result<Submitted, SubmitError> {
        in_time(async {
            // The lock is taken before anything is looked at: of two equal requests to two replicas, the later one has to see the
            // job of the earlier one.
            let _turn = self.submitting.acquire().await.map_err(|_| sqlx::Error::PoolClosed)?;
            let mut session = Session::submit(&self.pool).await?;
            let outcome = take_in(&mut session, job, limits).await;
            match outcome {
                Ok(Submitted::New(_)) => session.commit().await?,
                // It may be that nothing more can be said on the connection.
                Err(SubmitError::Store(_)) => {}
                Ok(Submitted::Repeated(_)) | Err(_) => session.roll_back().await?,
            }
            outcome
        })
        .await
    }

    async fn find_repeated(&self, client: &Client, request: &Idempotency) -> Result<Option<Job>, SubmitError> {
        in_time(async {
            let mut session = self.read().await?;
            let found = find_earlier(&mut session, client, request).await;
            session.roll_back().await?;
            found
        })
        .await
    }
}

async fn take_in(connection: &mut PgConnection, job: NewJob, limits: &QueueLimits) -> Result<Submitted, SubmitError> {
    let terms = &job.terms;
    if let Some(idempotency) = &terms.idempotency
        && let Some(earlier) = find_earlier(connection, &terms.client, idempotency).await?
    {
        return Ok(Submitted::Repeated(earlier));
    }
    find_room(connection, &terms.client, limits).await?;
    let row = insert(connection, &job).await?;
    let (number, mut submitted) = numbered_job(&row)?;
    if let Some(idempotency) = &terms.idempotency {
        remember(connection, &terms.client, idempotency, number).await?;
    }
    submitted.queue_position = fetch_places(connection, &[row]).await?.remove(&number);
    Ok(Submitted::New(submitted))
}

/// Makes sure that the queue has room for one more job of `client`.
async fn find_room(connection: &mut PgConnection, client: &Client, limits: &QueueLimits) -> Result<(), SubmitError> {
    let statement = "
        SELECT
            (SELECT count(*) FROM jobs WHERE status = 'queued' AND client = $1),
            (SELECT count(*) FROM jobs WHERE status = 'queued')";
    let (own, all): (i64, i64) = sqlx::query_as(statement).bind(client.as_str()).fetch_one(connection).await?;
    if own.unsigned_abs() >= limits.own {
        return Err(SubmitError::OwnQueueFull { limit: limits.own });
    }
    if all.unsigned_abs() >= limits.all {
        return Err(SubmitError::QueueFull { limit: limits.all });
    }
    Ok(())
}

async fn insert(connection: &mut PgConnection, job: &NewJob) -> Result<PgRow, sqlx::Error> {
    let terms = &job.terms;
    let turn = next_turn(connection, terms).await?;
    let statement = "
        INSERT INTO jobs (
            id, status, created_at, recipe, notices, content, styles, masks, style_masks, initial,
            client, priority, turn, start_by, webhook, request
        ) SELECT $1, $2, now, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, now + $13, $14, $15
        FROM milliseconds_now() AS now
        RETURNING *, pg_notify($16, $17)";
    // A deadline beyond the end of the calendar is none.
    let start_within = terms.start_within.map(milliseconds).filter(|&within| within < i64::MAX / 4);
    sqlx::query(statement)
        .bind(Text(job.id))
        .bind(Text(Status::Queued))
        .bind(json(&job.recipe)?)
        .bind(json(&first_notices(job.notices.clone()))?)
        .bind(job.content.as_str())
        .bind(json(&job.styles)?)
        .bind(json(&job.masks)?)
        .bind(json(&job.style_masks)?)
        .bind(job.initial.as_ref().map(BlobKey::as_str))
        .bind(terms.client.as_str())
        .bind(i64::from(terms.priority.rank()))
        .bind(turn)
        .bind(start_within)
        .bind(terms.webhook.as_deref())
        .bind(terms.request.as_deref())
        .bind(CHANNEL)
        .bind(OF_QUEUE)
        .fetch_one(connection)
        .await
}
