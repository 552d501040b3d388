//! What every request and every response passes through.

use std::{io, time::Duration};

use axum::{
    Router,
    extract::Request,
    http::{HeaderValue, Method, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use tower_http::{
    catch_panic::CatchPanicLayer,
    cors::{AllowOrigin, CorsLayer},
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    set_header::SetResponseHeaderLayer,
};

use crate::{
    app::Shared,
    compression, metrics,
    problem::{self, Kind, Problem},
    request_log::{self, REQUEST_ID},
};

/// What the answers of the API may do in a browser: nothing.
const API_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// Puts the layers around `router`, the outermost last, and problems in the place of bare 404s and 405s.
///
/// # Errors
/// When a setting cannot be.
pub(crate) fn wrap(router: Router<Shared>, app: &Shared) -> io::Result<Router<Shared>> {
    let by_default = |name, value| SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value));
    Ok(router
        .fallback(no_such_route)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(CatchPanicLayer::custom(problem::of_panic))
        .layer(compression::layer())
        .layer(middleware::from_fn(compression::choose))
        .layer(by_default(header::CONTENT_SECURITY_POLICY, API_POLICY))
        .layer(by_default(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(by_default(header::REFERRER_POLICY, "no-referrer"))
        .layer(middleware::from_fn_with_state(app.clone(), metrics::record))
        .layer(middleware::from_fn(request_log::log))
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
        .layer(middleware::from_fn(request_log::name))
        .layer(cors(&app.settings.cors_origins)?)
        .layer(middleware::from_fn(hide_cors_from_strangers)))
}

async fn no_such_route(request: Request) -> Response {
    let path = request.uri().path();
    Problem::new(Kind::NoSuchRoute, format!("there is nothing at {path}; /docs says what there is")).into_response()
}

async fn method_not_allowed(request: Request) -> Response {
    let (method, path) = (request.method(), request.uri().path());
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
        .allow_headers([header::ACCEPT, header::CONTENT_TYPE, header::IF_NONE_MATCH])
        .expose_headers([header::ETAG, header::LOCATION, header::RETRY_AFTER, REQUEST_ID])
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
