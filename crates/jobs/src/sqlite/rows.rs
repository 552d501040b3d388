//! Rows, read as jobs.

use std::{collections::HashMap, str::FromStr};

use impasto_recipe::ProgressEntry;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use sqlx::{
    QueryBuilder, Row, Sqlite, SqliteConnection,
    error::BoxDynError,
    sqlite::SqliteRow,
    types::{Json, Text},
};

use crate::{Attempt, BlobKey, Job, JobId};

/// All that is known of jobs; a condition follows.
pub(super) const SELECT_JOBS: &str = "
    SELECT *, CASE status WHEN 'queued' THEN
        (SELECT count(*) FROM jobs AS ahead WHERE ahead.status = 'queued' AND ahead.number <= jobs.number)
    END AS queue_position FROM jobs";

/// The jobs that `query`, which began as [`SELECT_JOBS`], finds, with their losses; and their numbers.
pub(super) async fn fetch_jobs(
    connection: &mut SqliteConnection,
    mut query: QueryBuilder<Sqlite>,
) -> Result<Vec<(i64, Job)>, sqlx::Error> {
    let rows = query.build().fetch_all(&mut *connection).await?;
    let mut jobs = rows.iter().map(numbered_job).collect::<Result<Vec<_>, _>>()?;
    let numbers: Vec<i64> = jobs.iter().map(|(number, _)| *number).collect();
    let mut losses = fetch_losses(connection, numbers).await?;
    for (number, job) in &mut jobs {
        job.losses = losses.remove(number).unwrap_or_default();
    }
    Ok(jobs)
}

/// The job `id` with its losses.
pub(super) async fn fetch_job(connection: &mut SqliteConnection, id: JobId) -> Result<Option<Job>, sqlx::Error> {
    let mut query = QueryBuilder::new(SELECT_JOBS);
    query.push(" WHERE id = ").push_bind(Text(id));
    Ok(fetch_jobs(connection, query).await?.pop().map(|(_, job)| job))
}

fn numbered_job(row: &SqliteRow) -> Result<(i64, Job), sqlx::Error> {
    let job = Job {
        id: text(row, "id")?,
        status: text(row, "status")?,
        revision: row.try_get("revision")?,
        created_at: time("created_at", row.try_get("created_at")?)?,
        started_at: optional_time(row, "started_at")?,
        finished_at: optional_time(row, "finished_at")?,
        queue_position: row.try_get("queue_position")?,
        recipe: json(row, "recipe")?,
        fingerprint: optional_json(row, "fingerprint")?,
        attempt: Attempt(row.try_get("attempt")?),
        cancel_requested: row.try_get("cancel_requested")?,
        losses: Vec::new(),
        notices: json(row, "notices")?,
        error: optional_json(row, "error")?,
        content: BlobKey::named(row.try_get("content")?),
        styles: json(row, "styles")?,
        preview: optional_blob(row, "preview")?,
        result: optional_blob(row, "result")?,
    };
    Ok((row.try_get("number")?, job))
}

async fn fetch_losses(
    connection: &mut SqliteConnection,
    jobs: Vec<i64>,
) -> Result<HashMap<i64, Vec<ProgressEntry>>, sqlx::Error> {
    let statement = "
        SELECT * FROM progress WHERE job IN (SELECT value FROM json_each(?)) ORDER BY job, stage, epoch";
    let rows = sqlx::query(statement).bind(Json(jobs)).fetch_all(connection).await?;
    let mut losses: HashMap<i64, Vec<ProgressEntry>> = HashMap::new();
    for row in rows {
        losses.entry(row.try_get("job")?).or_default().push(progress_entry(&row)?);
    }
    Ok(losses)
}

fn progress_entry(row: &SqliteRow) -> Result<ProgressEntry, sqlx::Error> {
    // SQLite keeps no NaN: it writes NULL.
    let loss = |column| row.try_get(column).map(|loss: Option<f64>| loss.unwrap_or(f64::NAN));
    Ok(ProgressEntry {
        stage: row.try_get("stage")?,
        epoch: row.try_get("epoch")?,
        content: loss("content")?,
        style: loss("style")?,
        tv: loss("tv")?,
        total: loss("total")?,
        learning_rate: loss("learning_rate")?,
        seconds_per_epoch: loss("seconds_per_epoch")?,
    })
}

pub(super) fn text<T>(row: &SqliteRow, column: &str) -> Result<T, sqlx::Error>
where
    T: FromStr,
    BoxDynError: From<T::Err>,
{
    Ok(row.try_get::<Text<T>, _>(column)?.into_inner())
}

pub(super) fn json<T: DeserializeOwned>(row: &SqliteRow, column: &str) -> Result<T, sqlx::Error> {
    Ok(row.try_get::<Json<T>, _>(column)?.0)
}

pub(super) fn optional_json<T: DeserializeOwned>(row: &SqliteRow, column: &str) -> Result<Option<T>, sqlx::Error> {
    Ok(row.try_get::<Option<Json<T>>, _>(column)?.map(|Json(value)| value))
}

pub(super) fn optional_blob(row: &SqliteRow, column: &str) -> Result<Option<BlobKey>, sqlx::Error> {
    Ok(row.try_get::<Option<String>, _>(column)?.map(BlobKey::named))
}

fn optional_time(row: &SqliteRow, column: &str) -> Result<Option<Timestamp>, sqlx::Error> {
    row.try_get::<Option<i64>, _>(column)?.map(|milliseconds| time(column, milliseconds)).transpose()
}

fn time(column: &str, milliseconds: i64) -> Result<Timestamp, sqlx::Error> {
    let out_of_range =
        |error: jiff::Error| sqlx::Error::ColumnDecode { index: column.to_owned(), source: error.into() };
    Timestamp::from_millisecond(milliseconds).map_err(out_of_range)
}
