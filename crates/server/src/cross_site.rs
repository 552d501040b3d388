//! Requests that a page of another site makes its visitor's browser send. What changes something is refused to them; and on a
//! service that is open to whoever sits at the machine, so is everything that comes under a foreign name.

use std::net::IpAddr;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{
    app::{App, Shared},
    peer::Peer,
    problem::{Kind, Problem, excerpt},
};

/// Refuses what comes from elsewhere.
pub(crate) async fn guard(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let peer = Peer::of(request.extensions());
    // Who looks after the service calls it by its address.
    let is_health = matches!(request.uri().path(), "/healthz" | "/readyz");
    if !is_health && let Err(problem) = refuse_foreign_host(&app, peer.host.as_deref()).await {
        return problem.into_response();
    }
    let is_safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if is_safe || !is_cross_site(request.headers(), &peer, &app.settings.cors_origins) {
        return next.run(request).await;
    }
    let why = "a page of another site may not do this: cors_origins of the configuration names those that may";
    Problem::new(Kind::CrossSite, why).into_response()
}

/// A page can give its own name the address of this machine, and read from then on what the service answers (DNS rebinding);
/// but then the request says that name.
async fn refuse_foreign_host(app: &App, host: Option<&str>) -> Result<(), Problem> {
    let hosts = &app.settings.hosts;
    let is_at_home = app.is_on_loopback && !app.keyring.is_in_use(app.jobs.as_ref()).await?;
    if hosts.is_empty() && !is_at_home {
        return Ok(());
    }
    let name = host.map(without_port).unwrap_or_default();
    let is_known = hosts.iter().any(|known| without_port(known).eq_ignore_ascii_case(name));
    if is_known || (is_at_home && is_loopback(name)) {
        return Ok(());
    }
    let name = excerpt(name);
    let why =
        format!("the service is not known as '{name}': server.hosts of the configuration says what it is known as");
    Err(Problem::new(Kind::ForeignHost, why))
}

fn is_loopback(name: &str) -> bool {
    let literal = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    name == "localhost" || literal.parse().is_ok_and(|address: IpAddr| address.to_canonical().is_loopback())
}

/// A host without its port; the colons of an address in brackets are its own.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') && (!name.contains(':') || name.ends_with(']')) => name,
        _ => host,
    }
}

/// Whether a browser says that a page of another origin is behind it. Whoever is no browser says nothing.
fn is_cross_site(headers: &HeaderMap, peer: &Peer, allowed: &[String]) -> bool {
    let fetch_site = headers.get("sec-fetch-site").map(|site| site.as_bytes());
    let Some(origin) = headers.get(header::ORIGIN) else {
        return matches!(fetch_site, Some(b"cross-site" | b"same-site"));
    };
    let origin = origin.to_str().unwrap_or_default();
    let is_allowed = allowed.iter().any(|allowed| allowed == "*" || allowed == origin);
    // The browser knows the origins of both, also where a proxy has put another host in the place of its own.
    let is_same = fetch_site == Some(b"same-origin") || is_origin_of(origin, peer);
    !is_allowed && !is_same
}

fn is_origin_of(origin: &str, peer: &Peer) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    // Where TLS ends before the service and nobody says so, both are possible.
    let is_scheme = scheme == "https" || (scheme == "http" && !peer.is_https);
    let with_default_port = |host: &str| {
        let port = if scheme == "https" { ":443" } else { ":80" };
        host.strip_suffix(port).unwrap_or(host).to_owned()
    };
    let host = peer.host.as_deref().map(with_default_port);
    is_scheme && host.is_some_and(|host| host == with_default_port(authority))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_told_from_an_address() {
        for (host, name) in [
            ("localhost:8080", "localhost"),
            ("localhost", "localhost"),
            ("[::1]:80", "[::1]"),
            ("[::1]", "[::1]"),
            ("::1", "::1"),
            ("", ""),
        ] {
            assert_eq!(without_port(host), name);
        }
        assert!(["localhost", "127.0.0.1", "127.8.9.1", "[::1]", "::1"].into_iter().all(is_loopback));
        assert!(!["evil.example", "localhost.evil.example", "10.0.0.1", "", "0.0.0.0"].into_iter().any(is_loopback));
    }

    #[test]
    fn origins_are_told_apart() {
        let is_cross = |pairs: &[(&'static str, &str)], host: &str, is_https| {
            let headers = pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
            let peer = Peer { host: Some(host.to_owned()), is_https, ..Peer::default() };
            is_cross_site(&headers, &peer, &["https://friend.example".to_owned()])
        };
        for (pairs, cross) in [
            (&[][..], false),
            (&[("origin", "http://a.example:8080")], false),
            (&[("origin", "http://a.example")], true),
            (&[("origin", "http://a.example:8081")], true),
            (&[("origin", "null")], true),
            (&[("origin", "https://friend.example")], false),
            (&[("origin", "https://b.example"), ("sec-fetch-site", "cross-site")], true),
            (&[("origin", "https://public.example"), ("sec-fetch-site", "same-origin")], false),
            (&[("sec-fetch-site", "same-site")], true),
            (&[("sec-fetch-site", "none")], false),
        ] {
            assert_eq!(is_cross(pairs, "a.example:8080", false), cross, "{pairs:?}");
        }
        assert!(is_cross(&[("origin", "http://a.example")], "a.example", true), "in clear text anybody can be it");
        assert!(!is_cross(&[("origin", "https://a.example")], "a.example:443", true));
    }
}
