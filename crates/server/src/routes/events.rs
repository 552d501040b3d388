//! `GET /v1/jobs/{id}/events`

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::{Stream, StreamExt, stream};
use tokio::time::sleep;
use utoipa::ToSchema;

use super::id::Id;
use crate::{
    app::Shared,
    caller::Reads,
    events::{Heard, Teller},
    problem::{Kind, Problem, ProblemDocument, StoreProblems, excerpt},
    public_path::PublicPath,
    rendered,
};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// From one sign of life to the next where there is nothing to tell.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// After how long a client is to come back that has lost its stream.
const RETRY: Duration = Duration::from_secs(2);
/// How long a stream may last. The client comes back for the rest, if it still may: its key may have been revoked.
const LONGEST: Duration = Duration::from_secs(600);

/// One event.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes responses to OpenAPI")]
struct ToldEvent {
    /// What it tells of: `state`, `losses` or `preview`.
    #[schema(pattern = "^(state|losses|preview)$")]
    event: String,
    /// What to send as `Last-Event-ID` to hear what comes after it.
    id: String,
    /// The news, in JSON.
    data: String,
}

/// Follow a job as server-sent events
///
/// `state` is the job as `GET /v1/jobs/{id}` shows it, but with no losses in it; `losses` has the progress entries that are new;
/// `preview` has the path of a preview that is new. An entry goes before all that the client has from its place on: a job that
/// starts over, under another `attempt`, tells its losses again from the start.
///
/// The stream ends after the last state of a job that has ended, and when the job is deleted. It may end at other times: `EventSource`
/// comes back by itself, and `Last-Event-ID` has it go on where it was, whichever process of the service it reaches. A comment
/// every 15 seconds shows that the stream lives.
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}/events",
    tag = "jobs",
    operation_id = "getEvents",
    params(
        ("id" = String, Path, format = Uuid, description = "The job"),
        ("Last-Event-ID" = Option<String>, Header, nullable = false, pattern = "^([0-9]+\\.[0-9]+\\.[0-9]+\\.[0-9]+\\.[0-9]+)?$",
            description = "The id of the last event that the client has heard: only what came after it is told"),
    ),
    responses(
        (status = 200, description = "The events", body = inline(ToldEvent), content_type = "text/event-stream"),
        (status = 204, description = "The job has ended, and the client has heard it all"),
        (status = 404, description = "There is no such job",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = 422, description = "`Last-Event-ID` is no id of an event of a job",
            body = ProblemDocument, content_type = "application/problem+json"),
        StoreProblems,
    ),
)]
pub(crate) async fn events(
    State(app): State<Shared>,
    Reads(caller): Reads,
    Id(id): Id,
    under: PublicPath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let heard = last_heard(&headers)?;
    // Whether the caller sees the job does not change while it is there.
    rendered::job(&app, id, &caller.sight(), &under).await?;
    let place = app.bounds.waiting(caller.client())?;
    let mut teller = Teller::new(app, id, under, heard);
    let first = teller.look().await?;
    if heard.is_some() && teller.is_done() && first.is_empty() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let told = teller.tell(first).map(move |event| {
        // It is held for as long as the stream lasts.
        let _ = &place;
        event
    });
    let headers = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        // Tells proxies of nginx's kind to hand each event on at once.
        (ACCEL_BUFFERING, HeaderValue::from_static("no")),
    ];
    Ok((headers, alive(told)).into_response())
}

/// What is told, with signs of life between, for as long as a stream may last.
fn alive(told: impl Stream<Item = Result<Event, Infallible>> + Send + 'static) -> impl IntoResponse {
    let greeting = stream::iter([Ok(Event::default().retry(RETRY))]);
    let told = greeting.chain(told).take_until(sleep(LONGEST));
    Sse::new(told).keep_alive(KeepAlive::new().interval(HEARTBEAT))
}

fn last_heard(headers: &HeaderMap) -> Result<Option<Heard>, Problem> {
    // A browser that has heard no id yet may send an empty one.
    let Some(id) = headers.get(LAST_EVENT_ID).filter(|id| !id.is_empty()) else { return Ok(None) };
    let id = String::from_utf8_lossy(id.as_bytes());
    let heard = excerpt(&id).parse();
    heard.map(Some).map_err(|why: String| Problem::new(Kind::InvalidHeader, why).in_field("Last-Event-ID"))
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_stream_without_news_shows_that_it_lives_and_ends_in_time() {
        let begun = Instant::now();
        let mut pieces = alive(stream::pending()).into_response().into_body().into_data_stream();
        assert_eq!(pieces.next().await.unwrap().unwrap(), "retry: 2000\n\n");
        for beat in 1..LONGEST.as_secs() / 15 {
            assert_eq!(pieces.next().await.unwrap().unwrap(), ":\n\n");
            assert_eq!(begun.elapsed().as_secs(), 15 * beat);
        }
        while pieces.next().await.is_some() {}
        assert_eq!(begun.elapsed().as_secs(), 600);
    }
}
