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

use super::{deliveries::fetch_deliveries, queue::fetch_places};
use crate::{Attempt, BlobKey, Client, Job, JobId, Priority};

/// All that is known of jobs; a condition follows.
pub(super) const SELECT_JOBS: &str = "SELECT * FROM jobs";

/// The jobs that `query`, which began as [`SELECT_JOBS`], finds, without their losses and deliveries; and their numbers.
pub(super) async fn fetch_jobs(
    connection: &mut SqliteConnection,
    mut query: QueryBuilder<Sqlite>,
) -> Result<Vec<(i64, Job)>, sqlx::Error> {
    let rows = query.build().fetch_all(&mut *connection).await?;
    let mut jobs = rows.iter().map(numbered_job).collect::<Result<Vec<_>, _>>()?;
    let numbers: Vec<i64> = jobs.iter().map(|(number, _)| *number).collect();
    let places = fetch_places(connection, &rows).await?;
    let mut stage_ends = fetch_stage_ends(connection, numbers).await?;
    for (number, job) in &mut jobs {
        job.queue_position = places.get(number).copied();
        job.stage_ends = stage_ends.remove(number).unwrap_or_default();
    }
    Ok(jobs)
}

/// The job `id` with its losses, thinned, and its deliveries.
pub(super) async fn fetch_job(connection: &mut SqliteConnection, id: JobId) -> Result<Option<Job>, sqlx::Error> {
    let mut query = QueryBuilder::new(SELECT_JOBS);
    query.push(" WHERE id = ").push_bind(Text(id));
    let Some((number, mut job)) = fetch_jobs(connection, query).await?.pop() else { return Ok(None) };
    job.losses = fetch_thinned_losses(connection, number).await?;
    job.deliveries = fetch_deliveries(connection, number).await?;
    Ok(Some(job))
}

fn numbered_job(row: &SqliteRow) -> Result<(i64, Job), sqlx::Error> {
    let job = Job {
        id: text(row, "id")?,
        client: Client::named(row.try_get("client")?),
        priority: priority(row)?,
        start_by: optional_time(row, "start_by")?,
        webhook: row.try_get("webhook")?,
        deliveries: Vec::new(),
        previews: row.try_get("previews")?,
        status: text(row, "status")?,
        revision: row.try_get("revision")?,
        created_at: time("created_at", row.try_get("created_at")?)?,
        started_at: optional_time(row, "started_at")?,
        finished_at: optional_time(row, "finished_at")?,
        queue_position: None,
        recipe: json(row, "recipe")?,
        fingerprint: optional_json(row, "fingerprint")?,
        attempt: Attempt(row.try_get("attempt")?),
        cancel_requested: row.try_get("cancel_requested")?,
        losses: Vec::new(),
        stage_ends: Vec::new(),
        notices: json(row, "notices")?,
        error: optional_json(row, "error")?,
        content: BlobKey::named(row.try_get("content")?),
        styles: json(row, "styles")?,
        masks: json(row, "masks")?,
        style_masks: json(row, "style_masks")?,
        initial: optional_blob(row, "initial")?,
        preview: optional_blob(row, "preview")?,
        result: optional_blob(row, "result")?,
        result_16: optional_blob(row, "result_16")?,
    };
    Ok((row.try_get("number")?, job))
}

/// By number, and found by looking up each stage's last epoch, however many entries there are.
async fn fetch_stage_ends(
    connection: &mut SqliteConnection,
    jobs: Vec<i64>,
) -> Result<HashMap<i64, Vec<ProgressEntry>>, sqlx::Error> {
    let statement = "
        SELECT progress.* FROM jobs
        JOIN json_each(jobs.recipe, '$.stages') AS stage
        JOIN progress ON progress.job = jobs.number
            AND progress.stage = stage.key + 1
            AND progress.epoch =
                (SELECT max(epoch) FROM progress WHERE job = jobs.number AND progress.stage = stage.key + 1)
        WHERE jobs.number IN (SELECT value FROM json_each(?))
        ORDER BY progress.job, progress.stage";
    let rows = sqlx::query(statement).bind(Json(jobs)).fetch_all(connection).await?;
    let mut entries: HashMap<i64, Vec<ProgressEntry>> = HashMap::new();
    for row in rows {
        entries.entry(row.try_get("job")?).or_default().push(progress_entry(&row)?);
    }
    Ok(entries)
}

/// Every 2^n-th loss, with the smallest n that leaves few enough, and the last one. An entry that is left out as their
/// number grows never comes back, so that a curve drawn from them does not jump.
async fn fetch_thinned_losses(connection: &mut SqliteConnection, job: i64) -> Result<Vec<ProgressEntry>, sqlx::Error> {
    let count: u64 =
        sqlx::query_scalar("SELECT count(*) FROM progress WHERE job = ?").bind(job).fetch_one(&mut *connection).await?;
    let stride = count.div_ceil(Job::MOST_LOSSES).max(1).next_power_of_two();
    let statement = "
        SELECT * FROM
            (SELECT *, row_number() OVER (ORDER BY stage, epoch) AS place FROM progress WHERE job = ?1)
        WHERE (place - 1) % ?2 = 0 OR place = ?3
        ORDER BY stage, epoch";
    let rows = sqlx::query(statement)
        .bind(job)
        .bind(i64::try_from(stride).unwrap_or(i64::MAX))
        .bind(i64::try_from(count).unwrap_or(i64::MAX))
        .fetch_all(connection)
        .await?;
    rows.iter().map(progress_entry).collect()
}

pub(super) fn progress_entry(row: &SqliteRow) -> Result<ProgressEntry, sqlx::Error> {
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

fn priority(row: &SqliteRow) -> Result<Priority, sqlx::Error> {
    let rank: u8 = row.try_get("priority")?;
    let unknown = || sqlx::Error::ColumnDecode { index: "priority".to_owned(), source: format!("{rank}").into() };
    Priority::ALL.into_iter().find(|priority| priority.rank() == rank).ok_or_else(unknown)
}

pub(super) fn optional_time(row: &SqliteRow, column: &str) -> Result<Option<Timestamp>, sqlx::Error> {
    row.try_get::<Option<i64>, _>(column)?.map(|milliseconds| time(column, milliseconds)).transpose()
}

pub(super) fn time(column: &str, milliseconds: i64) -> Result<Timestamp, sqlx::Error> {
    let out_of_range =
        |error: jiff::Error| sqlx::Error::ColumnDecode { index: column.to_owned(), source: error.into() };
    Timestamp::from_millisecond(milliseconds).map_err(out_of_range)
}
