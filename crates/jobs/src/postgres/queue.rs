//! The order in which jobs wait: those of a higher priority first; among those of one priority the clients take turns.
//!
//! A job gets its turn when it is submitted, and keeps it. Its client's first job in the queue has the turn that is being
//! served, and each further one a later turn than the one before; so a client with a thousand jobs waiting has one of them
//! done in each turn, and the only job of another does not wait for the other 999.

use std::collections::HashMap;

use sqlx::{PgConnection, postgres::PgRow};

use super::time::{AT_ONCE, expire};
use crate::{
    Status, Terms,
    ending::JobRow,
    rows::{Columns, parsed},
};

/// The job that is to be claimed next, of those that nobody else is about to change. Those ahead of it that no worker has begun in
/// time fail; `None` also after many of those, for the next look to go on.
pub(super) async fn next_in_line(connection: &mut PgConnection) -> Result<Option<JobRow>, sqlx::Error> {
    let statement = "
        SELECT *, milliseconds_now() AS now FROM jobs WHERE status = 'queued' ORDER BY priority DESC, turn, number LIMIT 1
        FOR UPDATE SKIP LOCKED";
    for _ in 0..AT_ONCE {
        let Some(row) = sqlx::query(statement).fetch_optional(&mut *connection).await? else { break };
        let job = JobRow::read(&row)?;
        if !expire(connection, &job, row.integer("now")?).await? {
            return Ok(Some(job));
        }
    }
    Ok(None)
}

/// The places in the queue of those of the jobs `rows` that wait, by number; 1 is the next to be claimed.
pub(super) async fn fetch_places(
    connection: &mut PgConnection,
    rows: &[PgRow],
) -> Result<HashMap<i64, u64>, sqlx::Error> {
    let mut waiting: Vec<i64> = Vec::new();
    for row in rows {
        if parsed::<Status>(row, "status")? == Status::Queued {
            waiting.push(row.integer("number")?);
        }
    }
    match waiting[..] {
        [] => Ok(HashMap::new()),
        [number] => Ok(HashMap::from([(number, fetch_place(connection, number).await?)])),
        _ => fetch_all_places(connection, waiting).await,
    }
}

/// Counts those ahead in the index, however long it is.
async fn fetch_place(connection: &mut PgConnection, number: i64) -> Result<u64, sqlx::Error> {
    let statement = "
        SELECT
            (SELECT count(*) FROM jobs AS ahead WHERE ahead.status = 'queued' AND ahead.priority > jobs.priority) +
            (SELECT count(*) FROM jobs AS ahead WHERE ahead.status = 'queued' AND ahead.priority = jobs.priority
                AND (ahead.turn, ahead.number) <= (jobs.turn, jobs.number))
        FROM jobs WHERE number = $1";
    let place: i64 = sqlx::query_scalar(statement).bind(number).fetch_one(connection).await?;
    Ok(place.unsigned_abs())
}

/// Goes through the queue once, however many of its jobs are asked for.
async fn fetch_all_places(connection: &mut PgConnection, numbers: Vec<i64>) -> Result<HashMap<i64, u64>, sqlx::Error> {
    let statement = "
        SELECT number, place FROM (
            SELECT number, row_number() OVER (ORDER BY priority DESC, turn, number) AS place
            FROM jobs WHERE status = 'queued'
        ) AS line WHERE number = ANY($1)";
    let places: Vec<(i64, i64)> = sqlx::query_as(statement).bind(numbers).fetch_all(connection).await?;
    Ok(places.into_iter().map(|(number, place)| (number, place.unsigned_abs())).collect())
}

/// The turn of a job that is submitted under `terms` now: the one that is being served, or the one after its client's last.
/// What runs counts as being served too, so that a job that is given back stands before those that came after it.
pub(super) async fn next_turn(connection: &mut PgConnection, terms: &Terms) -> Result<i64, sqlx::Error> {
    let statement = "
        SELECT greatest(
            coalesce((SELECT min(turn) FROM jobs WHERE status = 'queued' AND priority = $1), 0),
            coalesce((SELECT max(turn) FROM jobs WHERE status = 'running' AND priority = $1), 0),
            coalesce((SELECT max(turn) + 1 FROM jobs WHERE status = 'queued' AND priority = $1 AND client = $2), 0)
        )";
    let priority = i64::from(terms.priority.rank());
    sqlx::query_scalar(statement).bind(priority).bind(terms.client.as_str()).fetch_one(connection).await
}
