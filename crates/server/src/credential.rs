//! What a request shows to be let in: a key, or the cookie of a session.

use axum::http::{HeaderMap, header};
use cookie::Cookie;
use impasto_jobs::{KeyText, SessionCookie};

use crate::{
    peer::Peer,
    problem::{Kind, Problem},
    public_path::PublicPath,
};

/// The name of the cookie of the page's session.
pub(crate) const SESSION: &str = "impasto_session";
/// By HTTPS it is called so, where it is for all paths of the host: browsers take it from nobody but this host by that name.
const SESSION_OF_HOST: &str = "__Host-impasto_session";
/// By HTTPS, under a path: no page in clear text can set it.
const SESSION_BY_HTTPS: &str = "__Secure-impasto_session";

/// What the cookie of a session is called for a client that comes from `peer` and sees the service `under` a path.
pub(crate) fn session_name(peer: &Peer, under: &PublicPath) -> &'static str {
    match (peer.is_https, under.is_empty()) {
        (true, true) => SESSION_OF_HOST,
        (true, false) => SESSION_BY_HTTPS,
        (false, _) => SESSION,
    }
}

/// What a request shows.
#[derive(Debug, Clone)]
pub(crate) enum Credential {
    /// A key, in `Authorization: Bearer`.
    Key(KeyText),
    /// The cookie of somebody who is logged in on the page.
    Session(SessionCookie),
}

impl Credential {
    /// What the request with `headers` shows, if anything. A key goes before a cookie, which browsers send unasked.
    /// A session's cookie is called `session`.
    pub fn of(headers: &HeaderMap, session: &str) -> Result<Option<Self>, Problem> {
        let Some(given) = headers.get(header::AUTHORIZATION) else {
            return Ok(self::session(headers, session)?.map(Self::Session));
        };
        let (scheme, text) = given.to_str().ok().and_then(|given| given.split_once(' ')).unwrap_or_default();
        if !scheme.eq_ignore_ascii_case("bearer") {
            let why = "the header Authorization holds no key: send Authorization: Bearer impasto_…";
            return Err(Problem::new(Kind::KeyRequired, why));
        }
        let key = text.trim().parse().map_err(|error| Problem::new(Kind::UnknownKey, format!("{error}")))?;
        Ok(Some(Self::Key(key)))
    }
}

/// The cookie of a session, which is called `name`, if there is one. What other services of the same host have left under its
/// name is none. Of two that differ, one may be somebody else's, who wants to see what is done in their name.
pub(crate) fn session(headers: &HeaderMap, name: &str) -> Result<Option<SessionCookie>, Problem> {
    let lists = headers.get_all(header::COOKIE).iter().filter_map(|list| list.to_str().ok());
    let cookies = lists.flat_map(Cookie::split_parse).filter_map(Result::ok).filter(|cookie| cookie.name() == name);
    let mut sessions = cookies.filter_map(|cookie| cookie.value().parse().ok());
    let first: Option<SessionCookie> = sessions.next();
    if sessions.all(|other| first.as_ref() == Some(&other)) {
        return Ok(first);
    }
    let why = format!("two cookies {name} came that differ: delete the cookies of this site, and log in again");
    Err(Problem::new(Kind::UnknownKey, why))
}
