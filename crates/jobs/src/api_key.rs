//! API keys: what they allow, and what is kept of them.

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    KeyText,
    secret::{is_same, random_bytes},
};

/// The part of a key that may be shown: letters and digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(String);

impl KeyId {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnopqrstuvwxyz0123456";

    /// An id that no other key has.
    pub(crate) fn new() -> Self {
        let letter = |byte| char::from(Self::LETTERS[usize::from(byte) % Self::LETTERS.len()]);
        Self(random_bytes::<12>().into_iter().map(letter).collect())
    }
}

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
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
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

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 4] = [Self::Submit, Self::Read, Self::Priority, Self::Admin];

    /// Its name, as commands and the API spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::Read => "read",
            Self::Priority => "priority",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Text that names no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no scope: give submit, read, priority or admin")]
pub struct UnknownScope(String);

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|scope| scope.name() == text).ok_or_else(|| UnknownScope(text.to_owned()))
    }
}

/// Text that is no name for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no name for a key: give 1 to 100 characters on one line, with no space at either end")]
pub struct UnusableNameError;

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

impl ApiKey {
    /// A new key, made now, and its text: the one chance to see it, for what is kept of it is a hash.
    pub fn generate(name: impl Into<String>, scopes: Vec<Scope>) -> (Self, KeyText) {
        let text = KeyText::generate();
        let key = Self {
            id: text.id().clone(),
            name: name.into(),
            scopes,
            hash: text.hash(),
            webhook_secret: format!("whsec_{}", STANDARD.encode(random_bytes::<32>())),
            created_at: Timestamp::now(),
            last_used_at: None,
            revoked_at: None,
        };
        (key, text)
    }

    /// Whether a key can be called `name`: by a line of text that is not long.
    ///
    /// # Errors
    /// When it cannot.
    pub fn check_name(name: &str) -> Result<(), UnusableNameError> {
        let is_usable = (1..=100).contains(&name.chars().count()) && !name.contains(char::is_control);
        if is_usable && name.trim() == name { Ok(()) } else { Err(UnusableNameError) }
    }

    /// Whether `text` is this key, and it was not revoked. How long the answer takes tells nothing of the secret.
    pub fn opens_to(&self, text: &KeyText) -> bool {
        is_same(&self.hash, &text.hash()) && self.id == *text.id() && self.revoked_at.is_none()
    }
}
