//! What clients have uploaded, by days.

use std::num::NonZeroU32;

use super::{Sqlite, now};
use crate::{Client, StoreError, Turn, Usage};
use async_trait::async_trait;

const MILLISECONDS_A_DAY: i64 = 24 * 60 * 60 * 1000;

#[async_trait]
impl Usage for Sqlite {
    async fn count_uploaded(&self, client: &Client, bytes: u64) -> Result<(), StoreError> {
        let statement = "
            INSERT INTO uploaded (client, day, bytes) VALUES (?, ?, ?)
            ON CONFLICT (client, day) DO UPDATE SET bytes = bytes + excluded.bytes";
        sqlx::query(statement)
            .bind(client.as_str())
            .bind(today())
            .bind(i64::try_from(bytes).unwrap_or(i64::MAX))
            .execute(&self.writer)
            .await?;
        Ok(())
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
