//! What proxies say of the requests that they pass on: X-Forwarded-For and its like, and Forwarded (RFC 7239).

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, header};

use crate::public_path::PublicPath;

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

/// The addresses that X-Forwarded-For names, the client's first; `None` for one that cannot be read.
pub(crate) fn x_for(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    texts(headers, &FOR).flat_map(|text| text.split(',')).map(node).collect()
}

/// The scheme that the client came by, as X-Forwarded-Proto names it.
pub(crate) fn x_proto(headers: &HeaderMap) -> Option<&str> {
    first(headers, &PROTO)
}

/// The host that the client asked for, as X-Forwarded-Host names it.
pub(crate) fn x_host(headers: &HeaderMap) -> Option<&str> {
    first(headers, &HOST)
}

/// The path that was taken off, as X-Forwarded-Prefix names it. What is no plain path is none.
pub(crate) fn x_prefix(headers: &HeaderMap) -> Option<PublicPath> {
    first(headers, &PREFIX)?.parse().ok()
}

/// What one proxy says of whom it heard from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Hop {
    /// Who sent the request to it; `None` where that cannot be read, or is hidden.
    pub from: Option<IpAddr>,
    /// By which scheme.
    pub proto: Option<String>,
    /// To which host.
    pub host: Option<String>,
}

/// The hops that Forwarded names, the client's first.
pub(crate) fn hops(headers: &HeaderMap) -> Vec<Hop> {
    texts(headers, &header::FORWARDED).flat_map(|text| split(text, ',')).map(hop).collect()
}

fn hop(element: &str) -> Hop {
    let mut hop = Hop::default();
    for pair in split(element, ';') {
        let Some((name, value)) = pair.split_once('=') else { continue };
        let value = unquoted(value.trim());
        match name.trim().to_ascii_lowercase().as_str() {
            "for" => hop.from = node(&value),
            "proto" => hop.proto = Some(value),
            "host" => hop.host = Some(value),
            _ => {}
        }
    }
    hop
}

/// The parts of `text` between `separator`s that stand in no quotes.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(|letter| {
        if escaped {
            escaped = false;
            return false;
        }
        match letter {
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => return letter == separator && !quoted,
        }
        false
    })
    .collect()
}

fn unquoted(value: &str) -> String {
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let Some(inner) = inner else { return value.to_owned() };
    let mut escaped = false;
    inner
        .chars()
        .filter(|&letter| {
            escaped = letter == '\\' && !escaped;
            !escaped
        })
        .collect()
}

/// An address, with or without brackets and a port.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().or_else(|_| text.parse().map(|with_port: SocketAddr| with_port.ip()));
    address.ok().map(|address| address.to_canonical())
}

fn texts<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).iter().map(|value| value.to_str().unwrap_or_default())
}

fn first<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let text = headers.get(name)?.to_str().ok()?;
    text.split(',').next().map(str::trim).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn with(name: &HeaderName, values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn addresses_are_read_as_proxies_write_them() {
        let headers =
            with(&FOR, &["192.0.2.1, [2001:db8::1]:443", "2001:db8::2,192.0.2.2:80 , ::ffff:192.0.2.3,unknown"]);
        let addresses: Vec<_> =
            x_for(&headers).into_iter().map(|a| a.map_or("?".to_owned(), |a| a.to_string())).collect();
        assert_eq!(addresses, ["192.0.2.1", "2001:db8::1", "2001:db8::2", "192.0.2.2", "192.0.2.3", "?"]);
    }

    #[test]
    fn forwarded_is_read_with_its_quotes() {
        let text =
            r#"For="[2001:db8:cafe::17]:4711";proto=https;host="a.example, \"b\";c", for=_hidden;by=x, for=192.0.2.43"#;
        let hops = hops(&with(&header::FORWARDED, &[text]));
        assert_eq!(hops[0].from, Some("2001:db8:cafe::17".parse().unwrap()));
        assert_eq!((hops[0].proto.as_deref(), hops[0].host.as_deref()), (Some("https"), Some(r#"a.example, "b";c"#)));
        assert_eq!(hops[1], Hop::default());
        assert_eq!(hops[2].from, Some("192.0.2.43".parse().unwrap()));
    }

    #[test]
    fn the_prefix_of_the_first_proxy_counts() {
        let prefix = |text: &str| x_prefix(&with(&PREFIX, &[text])).map(|prefix| prefix.to_string());
        assert_eq!(prefix("/impasto/, /inner").as_deref(), Some("/impasto"));
        assert_eq!(prefix("//evil.example"), None);
    }

    proptest! {
        #[test]
        fn nothing_that_a_header_can_hold_is_too_much(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(value) = axum::http::HeaderValue::from_bytes(&bytes) {
                let names = [FOR, PROTO, HOST, PREFIX, header::FORWARDED];
                let headers: HeaderMap = names.into_iter().map(|name| (name, value.clone())).collect();
                x_for(&headers);
                hops(&headers);
                let prefix = x_prefix(&headers).map(|prefix| prefix.to_string());
                prop_assert!(prefix.is_none_or(|prefix| prefix.starts_with('/') && !prefix.starts_with("//")));
            }
        }

        #[test]
        fn forwarded_of_any_shape_is_read(text in r#"([a-z]{0,5}=?("([^"\\]|\\.)*"|[a-z0-9.:\[\]]{0,20})[;,\\" ]{0,3}){0,8}"#) {
            if let Ok(value) = axum::http::HeaderValue::from_str(&text) {
                hops(&[(header::FORWARDED, value)].into_iter().collect());
            }
        }
    }
}
