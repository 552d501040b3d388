//! The door: who has no key, and who comes too often, gets no further. What a key allows is the business of each route.

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue},
    middleware::Next,
    response::{IntoResponse, Response},
};
use impasto_jobs::Client;

use crate::{
    app::Shared,
    caller::Caller,
    peer::Peer,
    problem::{Kind, Problem},
    rates::{Rate, WINDOW},
    request_log::Signature,
    routes::{self, Access},
};

/// Says what a client may do a minute, and what it has left of it (draft-ietf-httpapi-ratelimit-headers).
pub(crate) const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
pub(crate) const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Lets a request by that shows a key, where it needs one, and whose client has not asked too often. What there is no route
/// for needs neither.
pub(crate) async fn admit(
    State(app): State<Shared>,
    route: Option<MatchedPath>,
    mut request: Request,
    next: Next,
) -> Response {
    let access = route.map_or(Access::Free, |route| routes::access(route.as_str()));
    if access == Access::Free {
        return next.run(request).await;
    }
    let peer = Peer::of(request.extensions());
    let caller = Caller::identify(&app, request.headers(), &peer).await;
    let client = caller.as_ref().map_or_else(|_| Client::at(peer.address), |caller| caller.client().clone());
    let rate = app.rates.take(&client);
    let mut response = match (rate.as_ref().and_then(refusal), caller) {
        (Some(refused), _) => refused.into_response(),
        (None, Err(problem)) if access == Access::Keyed => problem.into_response(),
        (None, caller) => {
            if let Ok(caller) = caller {
                if let Some(signature) = request.extensions().get::<Signature>() {
                    signature.sign(caller.client());
                }
                request.extensions_mut().insert(caller);
            }
            next.run(request).await
        }
    };
    if let Some(rate) = rate {
        tell(&rate, response.headers_mut());
    }
    response
}

fn refusal(rate: &Rate) -> Option<Problem> {
    let wait = rate.wait?;
    let why = format!("there may be {} requests a minute; wait as long as Retry-After says", rate.limit);
    Some(Problem::new(Kind::TooManyRequests, why).retry_after(wait.as_secs() + 1))
}

fn tell(rate: &Rate, headers: &mut HeaderMap) {
    let policy = format!("\"requests\";q={};w={}", rate.limit, WINDOW.as_secs());
    let left = format!("\"requests\";r={};t={}", rate.left, rate.full_in.as_secs_f64().ceil() as u64);
    for (name, value) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, left)] {
        // Digits and plain letters are a header value.
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
}
