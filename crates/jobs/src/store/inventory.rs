//! What the sweeper asks.

use std::collections::HashSet;

use async_trait::async_trait;

use crate::{BlobKey, Finished, StoreError};

/// What the sweeper asks.
#[async_trait]
pub trait Inventory {
    /// Every job that came to its end; the one that ended last comes first.
    ///
    /// # Errors
    /// When the database fails.
    async fn finished(&self) -> Result<Vec<Finished>, StoreError>;

    /// Every blob that any job names.
    ///
    /// # Errors
    /// When the database fails.
    async fn named_blobs(&self) -> Result<HashSet<BlobKey>, StoreError>;
}
