//! What the sweeper asks: which jobs ended when, and which blobs have a name.

use std::collections::HashSet;

use sqlx::{Row, sqlite::SqliteRow};

use super::{
    Sqlite,
    rows::{json, optional_blob, text, time},
};
use crate::{BlobKey, Client, StoreError, sweep::Finished};

impl Sqlite {
    pub(crate) async fn finished(&self) -> Result<Vec<Finished>, StoreError> {
        let select = "
            SELECT id, client, status, finished_at, EXISTS (
                SELECT 1 FROM deliveries WHERE deliveries.job = jobs.number AND next_try_at IS NOT NULL
            ) AS owes_a_message
            FROM jobs WHERE finished_at IS NOT NULL
            ORDER BY finished_at DESC, number DESC";
        let rows = sqlx::query(select).fetch_all(&self.reader).await?;
        Ok(rows.iter().map(read_finished).collect::<Result<_, _>>()?)
    }

    pub(crate) async fn named_blobs(&self) -> Result<HashSet<BlobKey>, StoreError> {
        Ok(names_in(&sqlx::query(NAMED_BLOBS).fetch_all(&self.reader).await?)?)
    }
}

fn read_finished(row: &SqliteRow) -> Result<Finished, sqlx::Error> {
    Ok(Finished {
        id: text(row, "id")?,
        client: Client::named(row.try_get("client")?),
        status: text(row, "status")?,
        finished_at: time("finished_at", row.try_get("finished_at")?)?,
        owes_a_message: row.try_get("owes_a_message")?,
    })
}

/// Every column that names blobs, of every job.
pub(super) const NAMED_BLOBS: &str =
    "SELECT content, styles, masks, style_masks, initial, checkpoint, preview, result, result_16 FROM jobs";

/// The blobs that such rows name.
pub(super) fn names_in(rows: &[SqliteRow]) -> Result<HashSet<BlobKey>, sqlx::Error> {
    let mut named = HashSet::new();
    for row in rows {
        for column in ["styles", "masks", "style_masks"] {
            named.extend(json::<Vec<BlobKey>>(row, column)?);
        }
        named.insert(BlobKey::named(row.try_get("content")?));
        for column in ["initial", "checkpoint", "preview", "result", "result_16"] {
            named.extend(optional_blob(row, column)?);
        }
    }
    Ok(named)
}
