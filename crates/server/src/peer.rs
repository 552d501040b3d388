//! Where a request comes from, as far as that can be trusted.

use std::net::{IpAddr, Ipv4Addr};

/// Where a request comes from. It stands in the extensions of every request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(dead_code)]
pub(crate) struct Peer {
    /// The client's address: that of the connection or, behind trusted proxies, what they say.
    pub address: IpAddr,
    /// Whether the client came by HTTPS, as a trusted proxy says.
    pub is_https: bool,
    /// The path that a trusted proxy has taken off, such as `/impasto`: no slash at its end.
    pub prefix: Option<String>,
}

#[allow(dead_code)]
impl Default for Peer {
    fn default() -> Self {
        Self { address: Ipv4Addr::LOCALHOST.into(), is_https: false, prefix: None }
    }
}
