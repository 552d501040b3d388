//! What passes with time.

use async_trait::async_trait;

use crate::StoreError;

/// What passes with time.
#[async_trait]
pub trait Upkeep {
    /// Fails the jobs that no worker has begun in time; returns how many there were.
    ///
    /// # Errors
    /// When the database fails.
    async fn fail_unstarted(&self) -> Result<u64, StoreError>;

    /// Forgets idempotency keys that are older than a day, sessions that are over, and uploads of days that are past.
    ///
    /// # Errors
    /// When the database fails.
    async fn forget_what_is_past(&self) -> Result<(), StoreError>;
}
