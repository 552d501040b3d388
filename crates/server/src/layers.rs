//! What every request and every response passes through.

use std::{io, time::Duration};

use axum::{
    Router,
    extract::Request,
    http::{HeaderName, HeaderValue, Method, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use tower_http::{
    catch_panic::CatchPanicLayer,
    cors::{AllowOrigin, CorsLayer},
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
};

use crate::{
    admission,
    app::Shared,
    compression, cross_site, metrics, peer,
    problem::{self, Kind, Problem, excerpt},
    protection::{self, Embedding},
    public_path::{self, PublicPath},
    rate_limit::{RATE_LIMIT, RATE_LIMIT_POLICY},
    request_id::{self, REQUEST_ID},
    request_log,
};

/// What pages of other origins may send. A key is theirs to send; cookies are not sent along.
const ALLOWED: [HeaderName; 9] = [
    header::ACCEPT,
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::IF_NONE_MATCH,
    header::IF_RANGE,
    header::RANGE,
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("last-event-id"),
    HeaderName::from_static("prefer"),
];

/// What they may see of an answer.
const EXPOSED: [HeaderName; 13] = [
    header::ACCEPT_RANGES,
    header::CONTENT_DISPOSITION,
    header::CONTENT_LOCATION,
    header::CONTENT_RANGE,
    header::ETAG,
    header::LINK,
    header::LOCATION,
    header::RETRY_AFTER,
    header::WWW_AUTHENTICATE,
    HeaderName::from_static("preference-applied"),
    RATE_LIMIT,
    RATE_LIMIT_POLICY,
    REQUEST_ID,
];

/// Puts the layers around `router`, the outermost last, and problems in the place of bare 404s and 405s.
///
/// # Errors
/// When a setting cannot be.
pub(crate) fn wrap(router: Router<Shared>, app: &Shared) -> io::Result<Router<Shared>> {
    let router = router
        .fallback(no_such_route)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn_with_state(app.clone(), admission::admit))
        .layer(middleware::from_fn_with_state(app.clone(), public_path::lead_to_slash))
        .layer(CatchPanicLayer::custom(problem::of_panic))
        .layer(compression::layer())
        .layer(middleware::from_fn(compression::choose))
        // It answers by itself what browsers ask before they ask.
        .layer(cors(&app.settings.cors_origins)?)
        .layer(middleware::from_fn(hide_cors_from_strangers))
        .layer(middleware::from_fn_with_state(app.clone(), cross_site::guard));
    Ok(record(router, app))
}

/// Puts around `router` what is said of every answer: to the client, in the log and in the numbers.
pub(crate) fn record(router: Router<Shared>, app: &Shared) -> Router<Shared> {
    let embedding = if app.settings.cors_origins.is_empty() { Embedding::Own } else { Embedding::Any };
    router
        .layer(middleware::from_fn(move |request, next| protection::protect(embedding, request, next)))
        .layer(middleware::from_fn_with_state(app.clone(), metrics::record))
        .layer(middleware::from_fn(request_log::log))
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
        .layer(middleware::from_fn(request_id::keep_plain))
        .layer(middleware::from_fn_with_state(app.trusted_proxies.clone(), peer::recognise))
}

async fn no_such_route(under: PublicPath, request: Request) -> Response {
    let path = excerpt(request.uri().path());
    let why = format!("there is nothing at {under}{path}; {under}/docs says what there is");
    Problem::new(Kind::NoSuchRoute, why).into_response()
}

async fn method_not_allowed(request: Request) -> Response {
    let (method, path) = (excerpt(request.method().as_str()), excerpt(request.uri().path()));
    Problem::new(Kind::MethodNotAllowed, format!("{path} does not take {method}; the header Allow says what it takes"))
        .into_response()
}

fn cors(origins: &[String]) -> io::Result<CorsLayer> {
    let allowed = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(origins.iter().map(|origin| parse_origin(origin)).collect::<io::Result<Vec<_>>>()?)
    };
    Ok(CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers(ALLOWED)
        .expose_headers(EXPOSED)
        .max_age(Duration::from_secs(3600)))
}

/// An origin is compared as text, so it has to be written as browsers write it.
fn parse_origin(origin: &str) -> io::Result<HeaderValue> {
    let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    let as_browsers_write = host.is_some_and(|host| {
        !host.is_empty() && !host.contains(['/', '?', '#', '@', '*']) && host.chars().all(|c| c.is_ascii_graphic())
    }) && !origin.contains(|c: char| c.is_ascii_uppercase());
    let wrong = || {
        let hint = "give SCHEME://HOST[:PORT] in small letters and with no path, such as https://example.com, or *";
        io::Error::new(io::ErrorKind::InvalidInput, format!("cors_origins: '{origin}' is no origin: {hint}"))
    };
    if !as_browsers_write {
        return Err(wrong());
    }
    HeaderValue::from_str(origin).map_err(|_| wrong())
}

/// [`CorsLayer`] tells any origin which methods and headers it would have; those that are not allowed need not know.
async fn hide_cors_from_strangers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    if !headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
        for name in [
            header::ACCESS_CONTROL_ALLOW_METHODS,
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            header::ACCESS_CONTROL_MAX_AGE,
        ] {
            headers.remove(name);
        }
    }
    response
}
