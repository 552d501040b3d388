//! The order in which jobs wait: those of a higher priority first; among those of one priority the clients take turns.
//!
//! A job gets its turn when it is submitted, and keeps it. Its client's first job in the queue has the turn that is being
//! served, and each further one a later turn than the one before; so a client with a thousand jobs waiting has one of them
//! done in each turn, and the only job of another does not wait for the other 999.

use std::collections::HashMap;

use sqlx::{Row, SqliteConnection, sqlite::SqliteRow, types::Json};

use super::time::expire;
use crate::{Status, Terms, ending::JobRow, rows::parsed};

/// The job that is to be claimed next. Those ahead of it that no worker has begun in time fail.
pub(super) async fn next_in_line(connection: &mut SqliteConnection) -> Result<Option<JobRow>, sqlx::Error> {
    let statement = "SELECT * FROM jobs WHERE status = 'queued' ORDER BY priority DESC, turn, number LIMIT 1";
    while let Some(row) = sqlx::query(statement).fetch_optional(&mut *connection).await? {
        let job = JobRow::read(&row)?;
        if !expire(connection, &job).await? {
            return Ok(Some(job));
        }
    }
    Ok(None)
}

/// The places in the queue of those of the jobs `rows` that wait, by number; 1 is the next to be claimed.
pub(super) async fn fetch_places(
    connection: &mut SqliteConnection,
    rows: &[SqliteRow],
) -> Result<HashMap<i64, u64>, sqlx::Error> {
    let mut waiting: Vec<i64> = Vec::new();
    for row in rows {
        if parsed::<Status>(row, "status")? == Status::Queued {
            waiting.push(row.try_get("number")?);
        }
    }
    match waiting[..] {
        [] => Ok(HashMap::new()),
        [number] => Ok(HashMap::from([(number, fetch_place(connection, number).await?)])),
        _ => fetch_all_places(connection, waiting).await,
    }
}

/// Counts those ahead in the index, whatever it is long.
async fn fetch_place(connection: &mut SqliteConnection, number: i64) -> Result<u64, sqlx::Error> {
    let statement = "
        SELECT
            (SELECT count(*) FROM jobs AS ahead WHERE ahead.status = 'queued' AND ahead.priority > jobs.priority) +
            (SELECT count(*) FROM jobs AS ahead WHERE ahead.status = 'queued' AND ahead.priority = jobs.priority
                AND (ahead.turn, ahead.number) <= (jobs.turn, jobs.number))
        FROM jobs WHERE number = ?";
    sqlx::query_scalar(statement).bind(number).fetch_one(connection).await
}

/// Goes through the queue once, however many of its jobs are asked for.
async fn fetch_all_places(
    connection: &mut SqliteConnection,
    numbers: Vec<i64>,
) -> Result<HashMap<i64, u64>, sqlx::Error> {
    let statement = "
        SELECT number, place FROM (
            SELECT number, row_number() OVER (ORDER BY priority DESC, turn, number) AS place
            FROM jobs WHERE status = 'queued'
        ) WHERE number IN (SELECT value FROM json_each(?))";
    let places: Vec<(i64, u64)> = sqlx::query_as(statement).bind(Json(numbers)).fetch_all(connection).await?;
    Ok(places.into_iter().collect())
}

/// The turn of a job that is submitted under `terms` now: the one that is being served, or the one after its client's last.
/// What runs counts as being served too, so that a job that is given back stands before those that came after it.
pub(super) async fn next_turn(connection: &mut SqliteConnection, terms: &Terms) -> Result<i64, sqlx::Error> {
    let statement = "
        SELECT max(
            coalesce((SELECT min(turn) FROM jobs WHERE status = 'queued' AND priority = ?1), 0),
            coalesce((SELECT max(turn) FROM jobs WHERE status = 'running' AND priority = ?1), 0),
            coalesce((SELECT max(turn) + 1 FROM jobs WHERE status = 'queued' AND priority = ?1 AND client = ?2), 0)
        )";
    sqlx::query_scalar(statement).bind(terms.priority.rank()).bind(terms.client.as_str()).fetch_one(connection).await
}
