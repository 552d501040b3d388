//! Where a message may go.

use std::net::IpAddr;

use url::{Host, Url};

use super::{reach, settings::WebhookSettings};
use crate::problem::excerpt;

/// Characters of an address at the most.
const LONGEST: usize = 2048;

/// Below this are the ports of services that a web server is none of. A request to one could pass for something else.
const FIRST_FREE_PORT: u16 = 1024;

/// An address that webhooks may have, as far as can be told without asking for its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub is_https: bool,
    /// A name, or an address of the Internet Protocol without brackets.
    pub host: String,
    pub port: u16,
    /// The host, and the port where it is not the usual one.
    pub authority: String,
    /// The path and the query.
    pub target: String,
}

impl Address {
    /// Reads the address `text`; else says what is wrong with it, and what would be right.
    pub fn read(text: &str, settings: &WebhookSettings) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!("is above the limit of {LONGEST} characters: give a shorter address"));
        }
        let no_url = |why: &dyn std::fmt::Display| {
            format!("'{}' is no address ({why}): give one such as https://example.com/painted", excerpt(text))
        };
        let url = Url::parse(text).map_err(|error| no_url(&error))?;
        let is_https = match url.scheme() {
            "https" => true,
            "http" if settings.allow_http => false,
            "http" => return Err("is http, which anybody on the way can read: give an address with https".to_owned()),
            _ => return Err(no_url(&"it is neither https nor http")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err("has a name or a password in it: what comes is known by its signature".to_owned());
        }
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(no_url(&"it has no host"));
        };
        if !settings.allow_private {
            refuse_private(&host, port)?;
        }
        let host = match host {
            Host::Domain(name) => name.to_owned(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        let authority = url.authority().to_owned();
        let target = url[url::Position::BeforePath..url::Position::AfterQuery].to_owned();
        Ok(Self { is_https, host, port, authority, target })
    }
}

fn refuse_private(host: &Host<&str>, port: u16) -> Result<(), String> {
    let is_public = match host {
        Host::Ipv4(address) => reach::is_public(IpAddr::V4(*address)),
        Host::Ipv6(address) => reach::is_public(IpAddr::V6(*address)),
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            name != "localhost" && !name.ends_with(".localhost")
        }
    };
    if !is_public {
        return Err("is in a private network: give an address of the public Internet".to_owned());
    }
    if port < FIRST_FREE_PORT && !matches!(port, 80 | 443) {
        return Err(format!(
            "has the port {port}, which is another service's: give 443, or one from {FIRST_FREE_PORT} on"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Address, String> {
        Address::read(text, &WebhookSettings::default())
    }

    #[test]
    fn an_address_is_taken_apart() {
        let address = read("https://example.com:8443/a%20b?c=d&e#f").unwrap();
        let expected = Address {
            is_https: true,
            host: "example.com".to_owned(),
            port: 8443,
            authority: "example.com:8443".to_owned(),
            target: "/a%20b?c=d&e".to_owned(),
        };
        assert_eq!(address, expected);
        assert_eq!(
            read("https://EXAMPLE.com").map(|address| (address.authority, address.target)).unwrap(),
            ("example.com".to_owned(), "/".to_owned())
        );
        assert_eq!(read("https://[2606:4700::1111]/x").unwrap().host, "2606:4700::1111");
    }

    #[test]
    fn what_strangers_must_not_reach_is_refused_however_it_is_written() {
        for text in [
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0177.0.0.1/",
            "https://%31%32%37.0.0.1/",
            "https://\u{ff11}27.0.0.1/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://169.254.169.254/latest/",
            "https://localhost/",
            "https://LOCALHOST./",
            "https://a.localhost/",
            "https://10.0.0.1:8443/",
            "https://example.com:25/",
            "https://example.com:22/",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        // What follows a backslash is a path, and not a host.
        assert_eq!(read("https://example.com\\@127.0.0.1/").unwrap().host, "example.com");
    }

    #[test]
    fn a_refusal_says_why() {
        let long = format!("https://example.com/{}", "x".repeat(LONGEST));
        for (text, why) in [
            ("", "no address"),
            ("example.com/painted", "no address"),
            ("/painted", "no address"),
            ("ftp://example.com/", "neither https nor http"),
            ("file:///etc/passwd", "neither https nor http"),
            ("http://example.com/", "give an address with https"),
            ("https://me:secret@example.com/", "a name or a password"),
            ("https:///", "no address"),
            (long.as_str(), "limit of 2048"),
        ] {
            let refusal = read(text).unwrap_err();
            assert!(refusal.contains(why), "{text}: {refusal}");
        }
    }

    #[test]
    fn the_operator_may_allow_more() {
        let settings = WebhookSettings { allow_http: true, allow_private: true, ..WebhookSettings::default() };
        let address = Address::read("http://localhost:81/", &settings).unwrap();
        assert_eq!((address.is_https, address.port), (false, 81));
    }
}
