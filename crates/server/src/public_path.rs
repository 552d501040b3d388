//! Under which path the service is seen from outside: a proxy may serve other things beside it under the same name.

use std::{convert::Infallible, fmt, io, str::FromStr, sync::Arc};

use axum::{
    Router,
    extract::{FromRequestParts, Request, State},
    http::{Uri, request::Parts},
    middleware::{self, Next},
    response::{IntoResponse, Redirect, Response},
};

use crate::{
    app::{App, Shared},
    peer::Peer,
};

/// Letters of a path at the most.
const LONGEST: usize = 128;

/// The path before all paths of the service, such as `/impasto`, with no slash at its end; empty where there is none. It goes
/// into links, headers and cookies as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct PublicPath(Arc<str>);

/// Text that is no path for a service.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoPublicPath;

impl FromStr for PublicPath {
    type Err = NoPublicPath;

    fn from_str(text: &str) -> Result<Self, NoPublicPath> {
        let path = text.trim_end_matches('/');
        let is_plain = |part: &str| {
            !matches!(part, "" | "." | "..")
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~'))
        };
        let parts = path.strip_prefix('/').ok_or(NoPublicPath)?;
        let is_path = path.len() <= LONGEST && parts.split('/').all(is_plain);
        if is_path { Ok(Self(path.into())) } else { Err(NoPublicPath) }
    }
}

impl fmt::Display for PublicPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PublicPath {
    /// Reads the setting `public_path`: nothing, or a path.
    ///
    /// # Errors
    /// When it is neither.
    pub fn read(setting: &str) -> io::Result<Self> {
        if setting.is_empty() {
            return Ok(Self::default());
        }
        setting.parse().map_err(|NoPublicPath| {
            let hint = "give a path such as /impasto, of plain letters, digits and -._~, or nothing";
            io::Error::new(io::ErrorKind::InvalidInput, format!("public_path: '{setting}' is no path: {hint}"))
        })
    }

    /// The one under which whoever comes from `peer` sees the service.
    pub fn seen_by(peer: &Peer, app: &App) -> Self {
        peer.prefix.clone().unwrap_or_else(|| app.public_path.clone())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Where `path` of the service is seen from outside.
    pub fn before(&self, path: &str) -> String {
        format!("{self}{path}")
    }

    /// What is left of `path` behind this one; `None` where it lies elsewhere.
    fn rest_of<'a>(&self, path: &'a str) -> Option<&'a str> {
        path.strip_prefix(&*self.0).filter(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// What the proxy that the request came by says, where it is trusted; else what the operator says.
impl FromRequestParts<Shared> for PublicPath {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Infallible> {
        Ok(Self::seen_by(&Peer::of(&parts.extensions), app))
    }
}

/// Lets `router` answer under `path` as well as without: some proxies take the path off, others leave it on.
pub(crate) fn also_under(path: PublicPath, router: Router) -> Router {
    if path.is_empty() {
        return router;
    }
    // What is changed here comes before the choice of a route; what is answered is answered behind it, as everything is.
    Router::new().fallback_service(router).layer(middleware::from_fn_with_state(path, take_off))
}

/// The request is for the path itself, with no slash at its end.
#[derive(Debug, Clone)]
struct WithoutSlash;

async fn take_off(State(path): State<PublicPath>, mut request: Request, next: Next) -> Response {
    if let Some(rest) = path.rest_of(request.uri().path()) {
        let is_bare = rest.is_empty();
        *request.uri_mut() = with_path(request.uri(), if is_bare { "/" } else { rest });
        if is_bare {
            request.extensions_mut().insert(WithoutSlash);
        }
    }
    next.run(request).await
}

/// Leads from the path itself to that with a slash: the page finds its files beside its own path.
pub(crate) async fn lead_to_slash(State(app): State<Shared>, request: Request, next: Next) -> Response {
    if request.extensions().get::<WithoutSlash>().is_none() {
        return next.run(request).await;
    }
    let to = with_query(&app.public_path.before("/"), request.uri());
    Redirect::temporary(&to).into_response()
}

fn with_path(uri: &Uri, path: &str) -> Uri {
    // A part of a path that begins with a slash is a path.
    with_query(path, uri).parse().unwrap_or_else(|_| uri.clone())
}

fn with_query(path: &str, of: &Uri) -> String {
    of.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_plain() {
        for (text, path) in [("/impasto", "/impasto"), ("/impasto/", "/impasto"), ("/a/b-1.2", "/a/b-1.2")] {
            assert_eq!(text.parse::<PublicPath>().unwrap().to_string(), path);
        }
        let long = format!("/{}", "a".repeat(LONGEST));
        for none in
            ["/", "", "impasto", "//evil.example", "/a//b", "/a/../b", "/a b", "/<b>", "/a?x", "/%2e", "/\"", &long]
        {
            assert_eq!(none.parse::<PublicPath>(), Err(NoPublicPath), "{none}");
        }
    }

    #[test]
    fn only_whole_parts_of_a_path_are_taken_off() {
        let path: PublicPath = "/impasto".parse().unwrap();
        assert_eq!(path.rest_of("/impasto/v1/jobs"), Some("/v1/jobs"));
        assert_eq!(path.rest_of("/impasto"), Some(""));
        assert_eq!(path.rest_of("/impastoso"), None);
        assert_eq!(path.rest_of("/v1/jobs"), None);
        let uri: Uri = "/impasto//evil.example?a=b".parse().unwrap();
        assert_eq!(with_path(&uri, "//evil.example").path(), "//evil.example");
    }
}
