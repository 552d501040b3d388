//! The door: who has no key, and who comes too often, gets no further. What a key allows is the business of each route.

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use impasto_jobs::Client;

use crate::{
    app::Shared,
    caller::Caller,
    peer::Peer,
    problem::{Kind, Problem},
    rate_limit::{self, Left, Limit},
    rates::Rate,
    request_log::Signature,
    routes::{self, Access},
};

/// Lets a request by that shows a key, where it needs one, and whose client has not asked too often. What there is no route
/// for needs neither.
pub(crate) async fn admit(
    State(app): State<Shared>,
    route: Option<MatchedPath>,
    mut request: Request,
    next: Next,
) -> Response {
    let access = route.as_ref().map_or(Access::Free, |route| routes::access(route.as_str()));
    if access == Access::Free {
        return next.run(request).await;
    }
    let submits = route.is_some_and(|route| routes::takes_pictures(request.method(), route.as_str()));
    let peer = Peer::of(request.extensions());
    let caller = Caller::identify(&app, request.headers(), &peer).await;
    if caller.as_ref().is_err_and(|problem| problem.kind() == Kind::Unavailable) {
        app.turns.store_failed();
    }
    let client = caller.as_ref().map_or_else(|_| Client::at(peer.address), |caller| caller.client().clone());
    let rate = app.turns.take(app.jobs.as_ref(), &client).await;
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
    let requests = rate.as_ref().map(Left::from);
    let used_up = response.extensions().get::<Left>().copied();
    let left: Vec<_> = requests.into_iter().chain(used_up).collect();
    let mut limits: Vec<_> = requests.iter().map(|left| left.limit).collect();
    if submits {
        limits.extend(Limit::of_submissions(&app.limits));
    }
    rate_limit::tell(response.headers_mut(), &limits, &left);
    response
}

fn refusal(rate: &Rate) -> Option<Problem> {
    let wait = rate.wait?;
    let why = format!("there may be {} requests a minute; wait as long as Retry-After says", rate.limit);
    Some(Problem::new(Kind::TooManyRequests, why).retry_after(wait.as_secs() + 1))
}
