//! Which database this is.

use async_trait::async_trait;

use super::{Postgres, in_time};
use crate::{Identity, StoreError};

#[async_trait]
impl Identity for Postgres {
    async fn identity(&self) -> Result<String, StoreError> {
        in_time(async {
            let mut session = self.single().await?;
            let id = sqlx::query_scalar("SELECT id FROM identity").fetch_one(&mut *session).await?;
            session.done();
            Ok(id)
        })
        .await
    }
}
