//! Rows of whichever database, read as what they mean. The databases name their columns alike, and keep times as milliseconds
//! since 1970 and lists as JSON.

use std::{collections::HashSet, str::FromStr, time::Duration};

use impasto_recipe::ProgressEntry;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use sqlx::{Row, error::BoxDynError, postgres::PgRow, sqlite::SqliteRow};

use crate::{
    ApiKey, Attempt, BlobKey, Claim, ClaimKey, Client, Delivery, DueDelivery, Finished, Job, Lease, Priority, Stamp,
    WorkerName,
};

/// The columns of a row, as they are stored.
pub(crate) trait Columns {
    fn optional_integer(&self, column: &str) -> Result<Option<i64>, sqlx::Error>;
    fn optional_number(&self, column: &str) -> Result<Option<f64>, sqlx::Error>;
    fn optional_text(&self, column: &str) -> Result<Option<String>, sqlx::Error>;
    fn flag(&self, column: &str) -> Result<bool, sqlx::Error>;

    fn integer(&self, column: &str) -> Result<i64, sqlx::Error> {
        self.optional_integer(column)?.ok_or_else(|| missing(column))
    }

    fn text(&self, column: &str) -> Result<String, sqlx::Error> {
        self.optional_text(column)?.ok_or_else(|| missing(column))
    }
}

macro_rules! columns_of {
    ($row:ty) => {
        impl Columns for $row {
            fn optional_integer(&self, column: &str) -> Result<Option<i64>, sqlx::Error> {
                self.try_get(column)
            }

            fn optional_number(&self, column: &str) -> Result<Option<f64>, sqlx::Error> {
                self.try_get(column)
            }

            fn optional_text(&self, column: &str) -> Result<Option<String>, sqlx::Error> {
                self.try_get(column)
            }

            fn flag(&self, column: &str) -> Result<bool, sqlx::Error> {
                self.try_get(column)
            }
        }
    };
}
columns_of!(SqliteRow);
columns_of!(PgRow);

fn missing(column: &str) -> sqlx::Error {
    undecodable(column, "there is nothing in it".into())
}

fn undecodable(column: &str, source: BoxDynError) -> sqlx::Error {
    sqlx::Error::ColumnDecode { index: column.to_owned(), source }
}

/// A whole number of whichever type.
pub(crate) fn count<T: TryFrom<i64>>(row: &impl Columns, column: &str) -> Result<T, sqlx::Error> {
    let number = row.integer(column)?;
    T::try_from(number).map_err(|_| undecodable(column, format!("{number} is out of range").into()))
}

/// What is kept as text.
pub(crate) fn parsed<T>(row: &impl Columns, column: &str) -> Result<T, sqlx::Error>
where
    T: FromStr,
    BoxDynError: From<T::Err>,
{
    row.text(column)?.parse().map_err(|error: T::Err| undecodable(column, error.into()))
}

pub(crate) fn json<T: DeserializeOwned>(row: &impl Columns, column: &str) -> Result<T, sqlx::Error> {
    serde_json::from_str(&row.text(column)?).map_err(|error| undecodable(column, error.into()))
}

fn optional_json<T: DeserializeOwned>(row: &impl Columns, column: &str) -> Result<Option<T>, sqlx::Error> {
    let text = row.optional_text(column)?;
    text.map(|text| serde_json::from_str(&text)).transpose().map_err(|error| undecodable(column, error.into()))
}

fn blob(row: &impl Columns, column: &str) -> Result<BlobKey, sqlx::Error> {
    Ok(BlobKey::named(row.text(column)?))
}

pub(crate) fn optional_blob(row: &impl Columns, column: &str) -> Result<Option<BlobKey>, sqlx::Error> {
    Ok(row.optional_text(column)?.map(BlobKey::named))
}

pub(crate) fn time(row: &impl Columns, column: &str) -> Result<Timestamp, sqlx::Error> {
    timestamp(column, row.integer(column)?)
}

fn optional_time(row: &impl Columns, column: &str) -> Result<Option<Timestamp>, sqlx::Error> {
    row.optional_integer(column)?.map(|milliseconds| timestamp(column, milliseconds)).transpose()
}

/// The time `milliseconds` after 1970, of the column `column`.
pub(crate) fn timestamp(column: &str, milliseconds: i64) -> Result<Timestamp, sqlx::Error> {
    Timestamp::from_millisecond(milliseconds).map_err(|error| undecodable(column, error.into()))
}

/// A time without end does not overflow.
pub(crate) fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

fn priority(row: &impl Columns) -> Result<Priority, sqlx::Error> {
    let rank: u8 = count(row, "priority")?;
    let unknown = || undecodable("priority", format!("there is no rank {rank}").into());
    Priority::ALL.into_iter().find(|priority| priority.rank() == rank).ok_or_else(unknown)
}

/// A job and its number; what lies in other tables, and its place in the queue, are left out.
pub(crate) fn numbered_job(row: &impl Columns) -> Result<(i64, Job), sqlx::Error> {
    let job = Job {
        id: parsed(row, "id")?,
        client: Client::named(row.text("client")?),
        priority: priority(row)?,
        start_by: optional_time(row, "start_by")?,
        webhook: row.optional_text("webhook")?,
        deliveries: Vec::new(),
        previews: count(row, "previews")?,
        status: parsed(row, "status")?,
        revision: count(row, "revision")?,
        created_at: time(row, "created_at")?,
        started_at: optional_time(row, "started_at")?,
        finished_at: optional_time(row, "finished_at")?,
        queue_position: None,
        recipe: json(row, "recipe")?,
        fingerprint: optional_json(row, "fingerprint")?,
        attempt: Attempt(count(row, "attempt")?),
        cancel_requested: row.flag("cancel_requested")?,
        losses: Vec::new(),
        stage_ends: Vec::new(),
        notices: json(row, "notices")?,
        error: optional_json(row, "error")?,
        content: blob(row, "content")?,
        styles: json(row, "styles")?,
        masks: json(row, "masks")?,
        style_masks: json(row, "style_masks")?,
        initial: optional_blob(row, "initial")?,
        preview: optional_blob(row, "preview")?,
        result: optional_blob(row, "result")?,
        result_16: optional_blob(row, "result_16")?,
    };
    Ok((row.integer("number")?, job))
}

/// How a job stands that has the place `queue_position` in the queue.
pub(crate) fn stamp(row: &impl Columns, queue_position: Option<u64>) -> Result<Stamp, sqlx::Error> {
    Ok(Stamp {
        revision: count(row, "revision")?,
        queue_position,
        has_begun: row.flag("has_begun")?,
        previews: count(row, "previews")?,
    })
}

pub(crate) fn claim(row: &impl Columns) -> Result<Claim, sqlx::Error> {
    Ok(Claim {
        key: ClaimKey { job: parsed(row, "id")?, attempt: Attempt(count(row, "attempt")?) },
        created_at: time(row, "created_at")?,
        started_at: time(row, "started_at")?,
        recipe: json(row, "recipe")?,
        fingerprint: optional_json(row, "fingerprint")?,
        content: blob(row, "content")?,
        styles: json(row, "styles")?,
        masks: json(row, "masks")?,
        style_masks: json(row, "style_masks")?,
        initial: optional_blob(row, "initial")?,
        checkpoint: optional_blob(row, "checkpoint")?,
        request: row.optional_text("request")?,
    })
}

pub(crate) fn lease(row: &impl Columns) -> Result<Lease, sqlx::Error> {
    Ok(Lease {
        claim: ClaimKey { job: parsed(row, "id")?, attempt: Attempt(count(row, "attempt")?) },
        worker: WorkerName(row.text("worker")?),
        renewals: row.integer("renewals")?,
        length: Duration::from_millis(count(row, "lease_milliseconds")?),
    })
}

pub(crate) fn progress_entry(row: &impl Columns) -> Result<ProgressEntry, sqlx::Error> {
    // SQLite keeps no NaN: it writes NULL.
    let loss = |column| row.optional_number(column).map(|loss| loss.unwrap_or(f64::NAN));
    Ok(ProgressEntry {
        stage: count(row, "stage")?,
        epoch: count(row, "epoch")?,
        content: loss("content")?,
        style: loss("style")?,
        tv: loss("tv")?,
        total: loss("total")?,
        learning_rate: loss("learning_rate")?,
        seconds_per_epoch: loss("seconds_per_epoch")?,
    })
}

pub(crate) fn finished(row: &impl Columns) -> Result<Finished, sqlx::Error> {
    Ok(Finished {
        id: parsed(row, "id")?,
        client: Client::named(row.text("client")?),
        status: parsed(row, "status")?,
        finished_at: time(row, "finished_at")?,
        owes_a_message: row.flag("owes_a_message")?,
    })
}

/// Every column that names blobs, of every job.
pub(crate) const NAMED_BLOBS: &str =
    "SELECT content, styles, masks, style_masks, initial, checkpoint, preview, result, result_16 FROM jobs";

/// The blobs that rows of [`NAMED_BLOBS`] name.
pub(crate) fn names_in<'r>(
    rows: impl IntoIterator<Item = &'r (impl Columns + 'r)>,
) -> Result<HashSet<BlobKey>, sqlx::Error> {
    let mut named = HashSet::new();
    for row in rows {
        named.insert(blob(row, "content")?);
        for column in ["styles", "masks", "style_masks"] {
            named.extend(json::<Vec<BlobKey>>(row, column)?);
        }
        for column in ["initial", "checkpoint", "preview", "result", "result_16"] {
            named.extend(optional_blob(row, column)?);
        }
    }
    Ok(named)
}

pub(crate) fn key(row: &impl Columns) -> Result<ApiKey, sqlx::Error> {
    Ok(ApiKey {
        id: parsed(row, "id")?,
        name: row.text("name")?,
        scopes: json(row, "scopes")?,
        hash: row.text("hash")?,
        webhook_secret: row.text("webhook_secret")?,
        created_at: time(row, "created_at")?,
        last_used_at: optional_time(row, "last_used_at")?,
        revoked_at: optional_time(row, "revoked_at")?,
    })
}

pub(crate) fn delivery(row: &impl Columns) -> Result<Delivery, sqlx::Error> {
    let status = |status| u16::try_from(status).map_err(|_| undecodable("last_status", "out of range".into()));
    Ok(Delivery {
        id: row.text("id")?,
        tries: count(row, "tries")?,
        next_try_at: optional_time(row, "next_try_at")?,
        delivered_at: optional_time(row, "delivered_at")?,
        last_status: row.optional_integer("last_status")?.map(status).transpose()?,
        last_error: row.optional_text("last_error")?,
    })
}

pub(crate) fn due_delivery(row: &impl Columns) -> Result<DueDelivery, sqlx::Error> {
    Ok(DueDelivery {
        id: row.text("id")?,
        job: parsed(row, "job")?,
        client: Client::named(row.text("client")?),
        url: row.text("url")?,
        body: row.text("body")?,
        tries: count(row, "tries")?,
        created_at: time(row, "created_at")?,
    })
}
