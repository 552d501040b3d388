//! What the database is called.

use async_trait::async_trait;

use super::Sqlite;
use crate::{Identity, StoreError};

#[async_trait]
impl Identity for Sqlite {
    async fn identity(&self) -> Result<String, StoreError> {
        Ok(sqlx::query_scalar("SELECT id FROM identity").fetch_one(&self.reader).await?)
    }
}
