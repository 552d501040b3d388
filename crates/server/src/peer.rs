//! Where a request comes from, as far as that can be trusted.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{Extensions, HeaderMap, header},
    middleware::Next,
    response::Response,
};
use ipnet::IpNet;

use crate::{
    forwarded::{self, Hop},
    public_path::PublicPath,
};

/// Where a request comes from. It stands in the extensions of every request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Peer {
    /// The client's address: that of the connection or, behind trusted proxies, what they say.
    pub address: IpAddr,
    /// Whether the client came by HTTPS, as a trusted proxy says.
    pub is_https: bool,
    /// The path that a trusted proxy has taken off.
    pub prefix: Option<PublicPath>,
    /// The host that the client asked for, with its port where it named one, in small letters.
    pub host: Option<String>,
}

impl Default for Peer {
    fn default() -> Self {
        Self { address: Ipv4Addr::LOCALHOST.into(), is_https: false, prefix: None, host: None }
    }
}

impl Peer {
    /// The one that was [recognised](recognise).
    pub fn of(extensions: &Extensions) -> Self {
        extensions.get().cloned().unwrap_or_default()
    }

    fn behind(proxy: IpAddr, headers: &HeaderMap, trusted: &TrustedProxies) -> Self {
        let hops = forwarded::hops(headers);
        let by_list = trusted.client(proxy, &forwarded::x_for(headers));
        let by_hops = trusted.client(proxy, &hops.iter().map(|hop| hop.from).collect::<Vec<_>>());
        let address = match (by_list, by_hops) {
            (Some(one), Some(other)) if one != other => proxy,
            (Some(client), _) | (None, Some(client)) => client,
            (None, None) => proxy,
        };
        let Hop { proto, host, .. } = hops.into_iter().next().unwrap_or_default();
        let proto = forwarded::x_proto(headers).map(str::to_owned).or(proto);
        let host = forwarded::x_host(headers).map(str::to_owned).or(host).or_else(|| asked_for(headers));
        Self {
            address,
            is_https: proto.is_some_and(|proto| proto.eq_ignore_ascii_case("https")),
            prefix: forwarded::x_prefix(headers),
            host: host.map(|host| host.to_ascii_lowercase()),
        }
    }
}

fn asked_for(headers: &HeaderMap) -> Option<String> {
    headers.get(header::HOST)?.to_str().ok().map(str::to_ascii_lowercase)
}

/// The proxies whose word counts. A proxy that sets one of X-Forwarded-For and Forwarded passes on the other as its client has
/// written it: where both are there and name different clients, neither is believed.
#[derive(Debug, Clone, Default)]
pub(crate) struct TrustedProxies(Arc<[IpNet]>);

impl TrustedProxies {
    /// Reads networks, such as `10.0.0.0/8`, and addresses.
    ///
    /// # Errors
    /// When one is neither.
    pub fn read(networks: &[String]) -> io::Result<Self> {
        let read = |text: &String| {
            let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            network.map_err(|_| {
                let hint = "give an address or a network, such as 10.0.0.0/8";
                io::Error::new(io::ErrorKind::InvalidInput, format!("trusted_proxies: '{text}' is neither: {hint}"))
            })
        };
        Ok(Self(networks.iter().map(read).collect::<io::Result<_>>()?))
    }

    /// Whether `address` is one of them.
    pub fn include(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address.to_canonical()))
    }

    /// The client at the other end of `hops`, which `proxy` has told: the last one that is none of ours. Whoever comes before it
    /// may have written anything. `None` where nothing was told.
    fn client(&self, proxy: IpAddr, hops: &[Option<IpAddr>]) -> Option<IpAddr> {
        let mut client = None;
        for hop in hops.iter().rev() {
            let Some(address) = *hop else { break };
            client = Some(address);
            if !self.include(address) {
                break;
            }
        }
        client.or_else(|| (!hops.is_empty()).then_some(proxy))
    }
}

/// Recognises where a request comes from, for all that look at it afterwards.
pub(crate) async fn recognise(State(trusted): State<TrustedProxies>, mut request: Request, next: Next) -> Response {
    let connection = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let address = connection.map_or(Peer::default().address, |ConnectInfo(address)| address.ip().to_canonical());
    let peer = if trusted.include(address) {
        Peer::behind(address, request.headers(), &trusted)
    } else {
        Peer { address, host: host_of(&request), ..Peer::default() }
    };
    request.extensions_mut().insert(peer);
    next.run(request).await
}

/// The host of a request: a whole address in its first line goes before the header.
fn host_of(request: &Request) -> Option<String> {
    let in_line = request.uri().authority().map(|authority| authority.as_str().to_ascii_lowercase());
    in_line.or_else(|| asked_for(request.headers()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn peer(headers: &[(&'static str, &str)]) -> Peer {
        let trusted = TrustedProxies::read(&["10.0.0.0/8".to_owned(), "2001:db8::1".to_owned()]).unwrap();
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        Peer::behind("10.0.0.1".parse().unwrap(), &headers, &trusted)
    }

    #[test]
    fn the_client_is_the_last_that_no_trusted_proxy_vouches_for() {
        for (told, address) in [
            ("192.0.2.1", "192.0.2.1"),
            ("6.6.6.6, 192.0.2.1", "192.0.2.1"),
            ("6.6.6.6, 192.0.2.1, 10.2.3.4, 2001:db8::1", "192.0.2.1"),
            ("10.9.9.9", "10.9.9.9"),
            ("6.6.6.6, nonsense", "10.0.0.1"),
            ("6.6.6.6, nonsense, 10.2.3.4", "10.2.3.4"),
            ("", "10.0.0.1"),
        ] {
            assert_eq!(peer(&[("x-forwarded-for", told)]).address.to_string(), address, "{told}");
        }
        assert_eq!(peer(&[("forwarded", "for=6.6.6.6, for=192.0.2.1")]).address.to_string(), "192.0.2.1");
    }

    #[test]
    fn a_header_that_the_proxy_does_not_set_is_no_way_around_it() {
        let forged = [("x-forwarded-for", "192.0.2.1"), ("forwarded", "for=6.6.6.6")];
        assert_eq!(peer(&forged).address.to_string(), "10.0.0.1");
        let both = [("x-forwarded-for", "192.0.2.1"), ("forwarded", "for=192.0.2.1")];
        assert_eq!(peer(&both).address.to_string(), "192.0.2.1");
    }

    #[test]
    fn what_is_no_network_is_refused_by_name() {
        let error = TrustedProxies::read(&["10.0.0.0/40".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("10.0.0.0/40") && error.contains("trusted_proxies"), "{error}");
    }

    proptest! {
        #[test]
        fn no_client_gets_in_front_of_its_own_address(forged in "[ -~]{0,60}") {
            let told = format!("{forged}, 192.0.2.1");
            prop_assert_eq!(peer(&[("x-forwarded-for", &told)]).address.to_string(), "192.0.2.1");
        }
    }
}
