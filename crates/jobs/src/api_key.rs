//! API keys: what they allow, and what is kept of them.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The part of a key that may be shown: letters and digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(String);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Text that is no key's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no id of a key: it is made of letters and digits")]
pub struct ParseKeyIdError(String);

impl FromStr for KeyId {
    type Err = ParseKeyIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_id = (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if is_id { Ok(Self(text.to_owned())) } else { Err(ParseKeyIdError(text.to_owned())) }
    }
}

/// What a key allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Submit jobs, cancel and delete one's own.
    Submit,
    /// Look at one's own jobs and fetch their pictures.
    Read,
    /// Submit with the priority `high`.
    Priority,
    /// See and stop all jobs, read the metrics, and all of the above.
    Admin,
}

/// A key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// What it is known by.
    pub id: KeyId,
    /// What people call it.
    pub name: String,
    /// What it allows.
    pub scopes: Vec<Scope>,
    /// SHA-256 of its secret part, in hexadecimal.
    pub hash: String,
    /// What webhooks of its jobs are signed with, as Standard Webhooks writes it (`whsec_…`).
    pub webhook_secret: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was used last, to the minute or so.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked; it opens nothing since.
    pub revoked_at: Option<Timestamp>,
}
