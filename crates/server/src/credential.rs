//! What a request shows to be let in: a key, or the cookie of a session.

use axum::http::{HeaderMap, header};
use cookie::Cookie;
use impasto_jobs::{KeyText, SessionCookie};

use crate::problem::{Kind, Problem};

/// The name of the cookie of the page's session.
pub(crate) const SESSION: &str = "impasto_session";

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
    pub fn of(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let Some(given) = headers.get(header::AUTHORIZATION) else {
            return Ok(session(headers).map(Self::Session));
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

/// The cookie of a session, if there is one. What other services of the same host have left under its name is none.
pub(crate) fn session(headers: &HeaderMap) -> Option<SessionCookie> {
    let lists = headers.get_all(header::COOKIE).iter().filter_map(|list| list.to_str().ok());
    let cookies = lists.flat_map(Cookie::split_parse).filter_map(Result::ok);
    cookies.filter(|cookie| cookie.name() == SESSION).find_map(|cookie| cookie.value().parse().ok())
}
