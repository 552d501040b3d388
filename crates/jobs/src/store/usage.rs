//! What clients have used of what they may.

use std::{num::NonZeroU32, time::Duration};

use async_trait::async_trait;

use crate::{Client, StoreError};

pub(crate) const MILLISECONDS_A_DAY: i64 = 24 * 60 * 60 * 1000;

/// What clients have used of what they may.
#[async_trait]
pub trait Usage {
    /// Counts bytes that `client` has uploaded now; returns all that it has uploaded today, in UTC.
    ///
    /// # Errors
    /// When the database fails.
    async fn count_uploaded(&self, client: &Client, bytes: u64) -> Result<u64, StoreError>;

    /// The bytes that `client` has uploaded today, in UTC.
    ///
    /// # Errors
    /// When the database fails.
    async fn uploaded_today(&self, client: &Client) -> Result<u64, StoreError>;

    /// Counts a request of `client`, which may make `a_minute` of them a minute: all at once, if it likes, and then as they come
    /// back bit by bit. `None` where the store is this machine's own, and every request comes by whoever asks.
    ///
    /// # Errors
    /// When the database fails.
    async fn take_turn(&self, client: &Client, a_minute: NonZeroU32) -> Result<Option<Turn>, StoreError>;
}

/// How a client stands with its requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// Requests that it may make at once.
    pub left: u32,
    /// Until it may make all of them at once again.
    pub full_in: Duration,
    /// After how long it may make one; `None` if this one was allowed.
    pub wait: Option<Duration>,
}
