//! What is told to webhooks.

use std::time::Duration;

use async_trait::async_trait;

use crate::{DueDelivery, StoreError, TryOutcome};

/// What is told to webhooks. A message is written in the transaction that ends its job.
#[async_trait]
pub trait Outbox {
    /// Takes up to `most` messages that are due. Nobody else takes one of them within `lease`; one whose outcome is not written
    /// down by then is due again.
    ///
    /// # Errors
    /// When the database fails.
    async fn take_due_deliveries(&self, most: u32, lease: Duration) -> Result<Vec<DueDelivery>, StoreError>;

    /// Writes down what came of a try, which raises the job's revision. A message that was delivered stays so, and one whose
    /// job is gone is gone with it.
    ///
    /// # Errors
    /// When the database fails.
    async fn record_delivery(&self, id: &str, outcome: &TryOutcome) -> Result<(), StoreError>;
}
