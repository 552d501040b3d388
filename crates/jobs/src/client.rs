//! Whose jobs are whose.

use std::{fmt, net::IpAddr};

use serde::{Deserialize, Serialize};

use crate::KeyId;

/// Who submits jobs: the holder of an API key or, where there are no keys, whoever comes from an address. Jobs of earlier
/// versions are [nobody](Self::default)'s.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Client(String);

impl Client {
    /// The holder of the key `id`.
    pub fn with_key(id: &KeyId) -> Self {
        Self(format!("key:{id}"))
    }

    /// Whoever comes from `address`. All of an IPv6 network of 64 bits is one client: it is what one subscriber is given.
    pub fn at(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(format!("address:{address}")),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self(format!("address:{a:x}:{b:x}:{c:x}:{d:x}::/64"))
            }
        }
    }

    /// The key that it holds, if it is known by one.
    pub fn key(&self) -> Option<KeyId> {
        self.0.strip_prefix("key:").and_then(|id| id.parse().ok())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The client of this name.
    pub(crate) fn named(name: String) -> Self {
        Self(name)
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which jobs somebody may see. To everybody else a job is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// All of them.
    All,
    /// The client's own.
    Own(Client),
}

impl Sight {
    /// Whether jobs of `client` are seen.
    pub fn sees(&self, client: &Client) -> bool {
        match self {
            Self::All => true,
            Self::Own(own) => own == client,
        }
    }

    /// The one client whose jobs are seen; `None` where all are.
    pub(crate) fn only(&self) -> Option<&str> {
        match self {
            Self::All => None,
            Self::Own(client) => Some(client.as_str()),
        }
    }
}
