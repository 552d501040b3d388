//! What passes with time.

use super::Sqlite;
use crate::StoreError;

impl Sqlite {
    pub(crate) async fn fail_unstarted(&self) -> Result<u64, StoreError> {
        todo!()
    }

    pub(crate) async fn forget_what_is_past(&self) -> Result<(), StoreError> {
        todo!()
    }
}
