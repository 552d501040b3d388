//! What the sweeper asks: which jobs ended when, and which blobs have a name.

use std::collections::HashSet;

use jiff::Timestamp;
use sqlx::{QueryBuilder, Row, sqlite::SqliteRow, types::Json};

use super::{
    Sqlite,
    rows::{json, optional_blob, text},
};
use crate::{BlobKey, JobId, Status, StoreError};

impl Sqlite {
    pub(crate) async fn finished(
        &self,
        statuses: &[Status],
        before: Option<Timestamp>,
    ) -> Result<Vec<JobId>, StoreError> {
        let names: Vec<_> = statuses.iter().map(|status| status.name()).collect();
        let mut select = QueryBuilder::new("SELECT id FROM jobs WHERE status IN (SELECT value FROM json_each(");
        select.push_bind(Json(names)).push(")) AND finished_at IS NOT NULL");
        if let Some(before) = before {
            select.push(" AND finished_at < ").push_bind(before.as_millisecond());
        }
        select.push(" ORDER BY finished_at, number");
        let rows = select.build().fetch_all(&self.reader).await?;
        Ok(rows.iter().map(|row| text(row, "id")).collect::<Result<_, _>>()?)
    }

    pub(crate) async fn named_blobs(&self) -> Result<HashSet<BlobKey>, StoreError> {
        Ok(names_in(&sqlx::query(NAMED_BLOBS).fetch_all(&self.reader).await?)?)
    }
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
