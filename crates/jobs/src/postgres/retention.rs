//! What the sweeper asks: which jobs ended when, and which blobs have a name.

use std::collections::HashSet;

use async_trait::async_trait;

use super::{Postgres, in_time};
use crate::{
    BlobKey, Finished, Inventory, StoreError,
    rows::{self, NAMED_BLOBS, names_in},
};

#[async_trait]
impl Inventory for Postgres {
    async fn finished(&self) -> Result<Vec<Finished>, StoreError> {
        in_time(async {
            let mut session = self.single().await?;
            let select = "
                SELECT id, client, status, finished_at, EXISTS (
                    SELECT 1 FROM deliveries WHERE deliveries.job = jobs.number AND next_try_at IS NOT NULL
                ) AS owes_a_message
                FROM jobs WHERE finished_at IS NOT NULL
                ORDER BY finished_at DESC, number DESC";
            let found = sqlx::query(select).fetch_all(&mut *session).await?;
            session.done();
            Ok(found.iter().map(rows::finished).collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn named_blobs(&self) -> Result<HashSet<BlobKey>, StoreError> {
        in_time(async {
            let mut session = self.single().await?;
            let found = sqlx::query(NAMED_BLOBS).fetch_all(&mut *session).await?;
            session.done();
            Ok(names_in(&found)?)
        })
        .await
    }
}
