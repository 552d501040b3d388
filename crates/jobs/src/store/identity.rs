//! What tells one database from another.

use async_trait::async_trait;

use crate::StoreError;

/// What tells one database from another.
#[async_trait]
pub trait Identity {
    /// What no other database is called. A copy has the name of what it was copied from.
    ///
    /// # Errors
    /// When the database fails.
    async fn identity(&self) -> Result<String, StoreError>;
}
