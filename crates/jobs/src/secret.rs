//! Secrets that are handed out once and kept as hashes: the text of a key, and the cookie of a session.

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::KeyId;

/// Random bytes of a secret: more than anybody can guess, so that its hash needs no salt and may be a fast one.
const BYTES: usize = 32;

/// A key as its holder sends it: `impasto_<id>_<secret>`. It is never printed but on purpose.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyText {
    id: KeyId,
    secret: Secret,
}

/// Text that is no key. What it is is not said: it may be half of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no key: one reads impasto_, letters and digits, an underscore, and 43 characters")]
pub struct ParseKeyError;

impl KeyText {
    const PREFIX: &str = "impasto_";

    pub(crate) fn generate() -> Self {
        Self { id: KeyId::new(), secret: Secret::generate() }
    }

    /// The part of it that may be shown.
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// All of it, to be shown to its holder and to nobody else.
    pub fn reveal(&self) -> String {
        format!("{}{}_{}", Self::PREFIX, self.id, self.secret.0)
    }

    /// What is kept of it: SHA-256 of its secret part, in hexadecimal.
    pub fn hash(&self) -> String {
        self.secret.hash()
    }
}

impl FromStr for KeyText {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // The secret may hold an underscore, the id does not.
        let (id, secret) =
            text.strip_prefix(Self::PREFIX).and_then(|rest| rest.split_once('_')).ok_or(ParseKeyError)?;
        let id = id.parse().map_err(|_| ParseKeyError)?;
        Ok(Self { id, secret: Secret::read(secret).ok_or(ParseKeyError)? })
    }
}

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyText({}{}_…)", Self::PREFIX, self.id)
    }
}

/// What the browser of somebody who is logged in sends. It is never printed but on purpose.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionCookie(Secret);

/// Text that is no session's cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no cookie of a session")]
pub struct ParseCookieError;

impl SessionCookie {
    /// A cookie that no other session has.
    pub fn generate() -> Self {
        Self(Secret::generate())
    }

    /// All of it, for the browser.
    pub fn reveal(&self) -> &str {
        &self.0.0
    }

    /// What is kept of it: its SHA-256, in hexadecimal.
    pub fn hash(&self) -> String {
        self.0.hash()
    }
}

impl FromStr for SessionCookie {
    type Err = ParseCookieError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Secret::read(text).map(Self).ok_or(ParseCookieError)
    }
}

impl fmt::Debug for SessionCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionCookie(…)")
    }
}

/// Random bytes in the letters of base64url.
#[derive(Clone)]
struct Secret(String);

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        is_same(&self.0, &other.0)
    }
}

impl Eq for Secret {}

impl Secret {
    fn generate() -> Self {
        Self(URL_SAFE_NO_PAD.encode(random_bytes::<BYTES>()))
    }

    fn read(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        (bytes.len() == BYTES).then(|| Self(text.to_owned()))
    }

    fn hash(&self) -> String {
        hex::encode(Sha256::digest(&self.0))
    }
}

/// Compares all of both, wherever they differ.
pub(crate) fn is_same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

pub(crate) fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // A system that has no randomness to give has none to go on with either.
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    bytes
}
