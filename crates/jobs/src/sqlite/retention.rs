//! What the sweeper asks: which jobs ended when, and which blobs have a name.

use std::collections::HashSet;

use async_trait::async_trait;

use super::Sqlite;
use crate::{
    BlobKey, Finished, Inventory, StoreError,
    rows::{self, NAMED_BLOBS, names_in},
};

#[async_trait]
impl Inventory for Sqlite {
    async fn finished(&self) -> Result<Vec<Finished>, StoreError> {
        let select = "
            SELECT id, client, status, finished_at, EXISTS (
                SELECT 1 FROM deliveries WHERE deliveries.job = jobs.number AND next_try_at IS NOT NULL
            ) AS owes_a_message
            FROM jobs WHERE finished_at IS NOT NULL
            ORDER BY finished_at DESC, number DESC";
        let rows = sqlx::query(select).fetch_all(&self.reader).await?;
        Ok(rows.iter().map(rows::finished).collect::<Result<_, _>>()?)
    }

    async fn named_blobs(&self) -> Result<HashSet<BlobKey>, StoreError> {
        Ok(names_in(&sqlx::query(NAMED_BLOBS).fetch_all(&self.reader).await?)?)
    }
}
