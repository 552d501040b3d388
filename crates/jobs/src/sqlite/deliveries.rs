//! The outbox of webhooks.

use std::time::Duration;

use super::Sqlite;
use crate::{DueDelivery, StoreError, TryOutcome};

impl Sqlite {
    pub(crate) async fn take_due_deliveries(
        &self,
        _most: u32,
        _lease: Duration,
    ) -> Result<Vec<DueDelivery>, StoreError> {
        todo!()
    }

    pub(crate) async fn record_delivery(&self, _id: &str, _outcome: &TryOutcome) -> Result<(), StoreError> {
        todo!()
    }
}
