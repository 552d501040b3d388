//! `/v1/session`: how people log in on the page.

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use cookie::{Cookie, SameSite};
use impasto_jobs::{ApiKey, Scope, SessionCookie};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    app::Shared,
    caller::Caller,
    credential::{self, Credential},
    json::SmallJson,
    keyring,
    peer::Peer,
    problem::{Kind, Problem, ProblemDocument, StoreProblems},
    public_path::PublicPath,
};

/// How long somebody stays logged in.
const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Who asks.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Session {
    /// Whether a key is needed.
    keys: bool,
    /// What the key of whoever asks is called; null where there is none.
    #[schema(required)]
    name: Option<String>,
    /// What whoever asks may do.
    scopes: Vec<Scope>,
}

/// A key to log in with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogIn {
    /// The key: `impasto_…`.
    key: String,
}

/// Say who asks, and whether a key is needed
#[utoipa::path(
    get,
    path = "/v1/session",
    tag = "service",
    operation_id = "getSession",
    responses((status = 200, description = "Who asks", body = Session), StoreProblems),
)]
pub(crate) async fn show(State(app): State<Shared>, caller: Option<Extension<Caller>>) -> Result<Response, Problem> {
    let keys = app.keyring.is_in_use(app.jobs.as_ref()).await?;
    let caller = caller.as_ref().map(|Extension(caller)| caller);
    let name = caller.and_then(Caller::name).map(str::to_owned);
    let may = |scope: &Scope| caller.is_some_and(|caller| caller.may(*scope));
    let session = Session { keys, name, scopes: Scope::ALL.into_iter().filter(may).collect() };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(session)).into_response())
}

/// Log in with a key
///
/// The browser gets a cookie that stands for the key for a week, and that no script sees.
#[utoipa::path(
    post,
    path = "/v1/session",
    tag = "service",
    operation_id = "logIn",
    request_body = LogIn,
    responses(
        (status = 204, description = "The cookie is set"),
        (status = 401, description = "The key opens nothing",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 403, description = "The request comes from a page of another site",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 408, description = "The body did not arrive in time",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 422, description = "The body is not what it should be",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 429, description = "There were too many requests, or too many wrong keys",
            body = ProblemDocument, content_type = "application/problem+json", headers(
                ("Retry-After" = u64, description = "Seconds to wait before the next try"),
            )),
        StoreProblems,
    ),
)]
pub(crate) async fn log_in(
    State(app): State<Shared>,
    Extension(peer): Extension<Peer>,
    under: PublicPath,
    SmallJson(LogIn { key }): SmallJson<LogIn>,
) -> Result<Response, Problem> {
    let text = key.trim().parse().map_err(|error| Problem::new(Kind::UnknownKey, format!("{error}")))?;
    let key: Arc<ApiKey> = keyring::open(&app, &Credential::Key(text), &peer).await?;
    let secret = SessionCookie::generate();
    app.jobs.begin_session(&secret.hash(), &key.id, Timestamp::now() + WEEK).await?;
    tracing::info!(key = %key.id, "logged in");
    let cookie = format!("{}; Max-Age={}", cookie(secret.reveal(), &peer, &under), WEEK.as_secs());
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, header_value(cookie)?)]).into_response())
}

/// Log out
#[utoipa::path(
    delete,
    path = "/v1/session",
    tag = "service",
    operation_id = "logOut",
    responses(
        (status = 204, description = "The session is over, if there was one"),
        (status = 403, description = "The request comes from a page of another site",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 429, description = "There were too many requests",
            body = ProblemDocument, content_type = "application/problem+json", headers(
                ("Retry-After" = u64, description = "Seconds to wait before the next try"),
            )),
        StoreProblems,
    ),
)]
pub(crate) async fn log_out(
    State(app): State<Shared>,
    Extension(peer): Extension<Peer>,
    under: PublicPath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    // Of two cookies nobody knows which is whose.
    if let Ok(Some(secret)) = credential::session(&headers, credential::session_name(&peer, &under)) {
        let hash = secret.hash();
        // Whoever makes up a cookie is not to keep those waiting who have something to write.
        if app.jobs.session_key(&hash).await?.is_some() {
            app.jobs.end_session(&hash).await?;
            app.keyring.forget_session(hash);
        }
    }
    let cookie = format!("{}; Max-Age=0", cookie("", &peer, &under));
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, header_value(cookie)?)]).into_response())
}

/// A cookie that no script sees, that no other site makes a browser send, and that no other service on the same host gets.
fn cookie<'a>(value: &'a str, peer: &Peer, under: &PublicPath) -> Cookie<'a> {
    let path = if under.is_empty() { "/".to_owned() } else { under.to_string() };
    let name = credential::session_name(peer, under);
    Cookie::build((name, value)).http_only(true).same_site(SameSite::Strict).secure(peer.is_https).path(path).build()
}

fn header_value(text: String) -> Result<HeaderValue, Problem> {
    HeaderValue::try_from(text).map_err(|error| Problem::internal(&error))
}
