//! Who may use the API.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{ApiKey, KeyId, NewKeyError, StoreError};

/// Sessions of one key at the most; a further one ends the one that would be over first.
pub(crate) const MOST_SESSIONS: i64 = 100;

/// Keys, and sessions of the page.
#[async_trait]
pub trait Keys {
    /// Whether there are keys, or were: where one was ever made, the API takes no request without one.
    ///
    /// # Errors
    /// When the database fails.
    async fn has_keys(&self) -> Result<bool, StoreError>;

    /// Keeps a key.
    ///
    /// # Errors
    /// [`NewKeyError::NameTaken`], or when the database fails.
    async fn add_key(&self, key: &ApiKey) -> Result<(), NewKeyError>;

    /// The key `id`, revoked or not.
    ///
    /// # Errors
    /// When the database fails.
    async fn find_key(&self, id: &KeyId) -> Result<Option<ApiKey>, StoreError>;

    /// Every key, revoked or not, the oldest first.
    ///
    /// # Errors
    /// When the database fails.
    async fn list_keys(&self) -> Result<Vec<ApiKey>, StoreError>;

    /// Revokes the key that is called `name`, or has this id, and ends its sessions; `None` if there is none. To revoke it
    /// again changes nothing.
    ///
    /// # Errors
    /// When the database fails.
    async fn revoke_key(&self, name: &str) -> Result<Option<ApiKey>, StoreError>;

    /// Writes down that the key was used now.
    ///
    /// # Errors
    /// When the database fails.
    async fn touch_key(&self, id: &KeyId) -> Result<(), StoreError>;

    /// Begins a session of the key `key`, whose cookie has the SHA-256 `hash`, until `expires_at`; forgets those that are over,
    /// and of the key's others all but the latest hundred.
    ///
    /// # Errors
    /// When the database fails.
    async fn begin_session(&self, hash: &str, key: &KeyId, expires_at: Timestamp) -> Result<(), StoreError>;

    /// The key of the session whose cookie has the SHA-256 `hash`, unless the session is over.
    ///
    /// # Errors
    /// When the database fails.
    async fn session_key(&self, hash: &str) -> Result<Option<ApiKey>, StoreError>;

    /// Ends a session; returns whether there was one.
    ///
    /// # Errors
    /// When the database fails.
    async fn end_session(&self, hash: &str) -> Result<bool, StoreError>;
}
