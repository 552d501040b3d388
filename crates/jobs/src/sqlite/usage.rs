//! What clients have uploaded, by days.

use std::num::NonZeroU32;

use async_trait::async_trait;

use super::{Sqlite, now};
use crate::{Client, StoreError, Turn, Usage, store::MILLISECONDS_A_DAY};

#[async_trait]
impl Usage for Sqlite {
    async fn count_uploaded(&self, client: &Client, bytes: u64) -> Result<u64, StoreError> {
        let statement = "
            INSERT INTO uploaded (client, day, bytes) VALUES (?, ?, ?)
            ON CONFLICT (client, day) DO UPDATE SET bytes = uploaded.bytes + excluded.bytes
            RETURNING bytes";
        Ok(sqlx::query_scalar(statement)
            .bind(client.as_str())
            .bind(today())
            .bind(i64::try_from(bytes).unwrap_or(i64::MAX))
            .fetch_one(&self.writer)
            .await?)
    }

    async fn uploaded_today(&self, client: &Client) -> Result<u64, StoreError> {
        let select = sqlx::query_scalar("SELECT bytes FROM uploaded WHERE client = ? AND day = ?");
        let bytes: Option<u64> = select.bind(client.as_str()).bind(today()).fetch_optional(&self.reader).await?;
        Ok(bytes.unwrap_or_default())
    }

    async fn take_turn(&self, _: &Client, _: NonZeroU32) -> Result<Option<Turn>, StoreError> {
        Ok(None)
    }
}

/// Counted from 1970 in UTC.
pub(super) fn today() -> i64 {
    now().div_euclid(MILLISECONDS_A_DAY)
}
