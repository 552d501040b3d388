//! API keys, the sessions of the page, and what clients have uploaded.

use jiff::Timestamp;

use super::Sqlite;
use crate::{ApiKey, Client, KeyId, NewKeyError, StoreError};

impl Sqlite {
    pub(crate) async fn has_keys(&self) -> Result<bool, StoreError> {
        todo!()
    }

    pub(crate) async fn add_key(&self, _key: &ApiKey) -> Result<(), NewKeyError> {
        todo!()
    }

    pub(crate) async fn find_key(&self, _id: &KeyId) -> Result<Option<ApiKey>, StoreError> {
        todo!()
    }

    pub(crate) async fn list_keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        todo!()
    }

    pub(crate) async fn revoke_key(&self, _name: &str) -> Result<Option<ApiKey>, StoreError> {
        todo!()
    }

    pub(crate) async fn touch_key(&self, _id: &KeyId) -> Result<(), StoreError> {
        todo!()
    }

    pub(crate) async fn begin_session(
        &self,
        _hash: &str,
        _key: &KeyId,
        _expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        todo!()
    }

    pub(crate) async fn session_key(&self, _hash: &str) -> Result<Option<ApiKey>, StoreError> {
        todo!()
    }

    pub(crate) async fn end_session(&self, _hash: &str) -> Result<(), StoreError> {
        todo!()
    }

    pub(crate) async fn count_uploaded(&self, _client: &Client, _bytes: u64) -> Result<(), StoreError> {
        todo!()
    }

    pub(crate) async fn uploaded_today(&self, _client: &Client) -> Result<u64, StoreError> {
        todo!()
    }
}
