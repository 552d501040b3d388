//! Rows, read as jobs.

use std::collections::HashMap;

use impasto_recipe::ProgressEntry;
use serde::Serialize;
use sqlx::{PgConnection, Postgres, QueryBuilder, types::Text};

use super::{deliveries::fetch_deliveries, queue::fetch_places};
use crate::{
    Job, JobId,
    rows::{Columns, numbered_job, progress_entry},
};

/// All that is known of jobs; a condition follows.
pub(super) const SELECT_JOBS: &str = "SELECT * FROM jobs";

/// The jobs that `query`, which began as [`SELECT_JOBS`], finds, without their losses and deliveries; and their numbers.
pub(super) async fn fetch_jobs(
    connection: &mut PgConnection,
    mut query: QueryBuilder<Postgres>,
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
pub(super) async fn fetch_job(connection: &mut PgConnection, id: JobId) -> Result<Option<Job>, sqlx::Error> {
    let mut query = QueryBuilder::new(SELECT_JOBS);
    query.push(" WHERE id = ").push_bind(Text(id));
    let Some((number, mut job)) = fetch_jobs(connection, query).await?.pop() else { return Ok(None) };
    job.losses = fetch_thinned_losses(connection, number).await?;
    job.deliveries = fetch_deliveries(connection, number).await?;
    Ok(Some(job))
}

/// By number, and found by looking up each stage's last epoch, however many entries there are.
async fn fetch_stage_ends(
    connection: &mut PgConnection,
    jobs: Vec<i64>,
) -> Result<HashMap<i64, Vec<ProgressEntry>>, sqlx::Error> {
    let statement = "
        SELECT latest.* FROM jobs
        CROSS JOIN LATERAL generate_series(1, jsonb_array_length(jobs.recipe::jsonb -> 'stages')) AS stages (number)
        CROSS JOIN LATERAL (
            SELECT * FROM progress WHERE progress.job = jobs.number AND progress.stage = stages.number
            ORDER BY epoch DESC LIMIT 1
        ) AS latest
        WHERE jobs.number = ANY($1)
        ORDER BY latest.job, latest.stage";
    let rows = sqlx::query(statement).bind(jobs).fetch_all(connection).await?;
    let mut entries: HashMap<i64, Vec<ProgressEntry>> = HashMap::new();
    for row in rows {
        entries.entry(row.integer("job")?).or_default().push(progress_entry(&row)?);
    }
    Ok(entries)
}

/// Every 2^n-th loss, with the smallest n that leaves few enough, and the last one. An entry that is left out as their
/// number grows never comes back, so that a curve drawn from them does not jump.
async fn fetch_thinned_losses(connection: &mut PgConnection, job: i64) -> Result<Vec<ProgressEntry>, sqlx::Error> {
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM progress WHERE job = $1")
        .bind(job)
        .fetch_one(&mut *connection)
        .await?;
    let stride = count.unsigned_abs().div_ceil(Job::MOST_LOSSES).max(1).next_power_of_two();
    let statement = "
        SELECT * FROM
            (SELECT *, row_number() OVER (ORDER BY stage, epoch) AS place FROM progress WHERE job = $1) AS placed
        WHERE (place - 1) % $2 = 0 OR place = $3
        ORDER BY stage, epoch";
    let rows = sqlx::query(statement)
        .bind(job)
        .bind(i64::try_from(stride).unwrap_or(i64::MAX))
        .bind(count)
        .fetch_all(connection)
        .await?;
    rows.iter().map(progress_entry).collect()
}

/// What a column of JSON holds.
pub(super) fn json(value: &impl Serialize) -> Result<String, sqlx::Error> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(error.into()))
}
