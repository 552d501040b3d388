//! Pictures are decoded and encoded here: beside the async runtime, and only as many at once as there is memory for.

use std::panic::catch_unwind;

use bytes::Bytes;
use impasto_jobs::{BlobError, BlobKey, Client, JobId};
use impasto_picture::{DecodeError, DecodeLimits, EncodeError, Encoding, Inspected, MemoryNeed, Picture};
use tokio::{sync::OwnedSemaphorePermit, task::JoinError};
use utoipa::ToSchema;

use crate::{
    app::App,
    problem::{Kind, Problem},
    query,
};

/// The bytes of a picture, for OpenAPI.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "describes responses to OpenAPI")]
pub(crate) struct PictureFile(Vec<u8>);

/// A picture of our own is as large as it is.
pub(crate) const OF_OUR_OWN: DecodeLimits = DecodeLimits { max_pixels: u64::MAX };

/// What there is to know of the picture `key`, which is decoded to the last pixel; `field` is its name in problems.
/// It counts for `client`.
pub(crate) async fn check(
    app: &App,
    client: &Client,
    key: &BlobKey,
    limits: DecodeLimits,
    field: &str,
) -> Result<Inspected, Problem> {
    let read = async { Ok(app.blobs.get(key).await?) };
    let (file, room) = with_room(app, client, read, limits, |need| need.inspecting).await?;
    inspected(beside(room, move || Picture::inspect(&file, &limits)).await, field)
}

fn inspected(outcome: Result<Result<Inspected, DecodeError>, JoinError>, field: &str) -> Result<Inspected, Problem> {
    let refuse = |kind, why: String| Err(Problem::new(kind, why).in_field(field));
    match outcome {
        Ok(Ok(inspected)) => Ok(inspected),
        Ok(Err(error @ DecodeError::TooManyPixels { .. })) => refuse(Kind::TooManyPixels, error.to_string()),
        Ok(Err(error)) => refuse(Kind::NotAPicture, error.to_string()),
        // Whatever the file has brought a decoder to, another file is answered as ever.
        Err(died) if died.is_panic() => {
            tracing::error!(field, "a decoder panicked at an uploaded picture: {died}");
            let why = "the file cannot be read: no picture comes of it. Save it anew with another program, or as PNG";
            refuse(Kind::NotAPicture, why.to_owned())
        }
        Err(died) => Err(Problem::internal(&died)),
    }
}

/// Why the file of a picture that `job` has named cannot be read. Where it is gone, the job has been deleted since.
pub(crate) fn unreadable(error: BlobError, job: JobId) -> Problem {
    match error {
        BlobError::NotFound(_) => Problem::no_such_job(&job),
        error => error.into(),
    }
}

/// The picture `key` that `job` has named, as another file for `client`.
pub(crate) async fn transcode(
    app: &App,
    client: &Client,
    key: &BlobKey,
    job: JobId,
    encoding: Encoding,
) -> Result<Bytes, Problem> {
    let read = async { app.blobs.get(key).await.map_err(|error| unreadable(error, job)) };
    let (file, room) = with_room(app, client, read, OF_OUR_OWN, |need| need.decoding.saturating_mul(2)).await?;
    let encoded = beside(room, move || {
        let picture = Picture::decode(&file, &OF_OUR_OWN).map_err(|error| Problem::internal(&error))?;
        picture.encode(encoding).map_err(|error| match error {
            EncodeError::TooLarge { .. } => query::refuse("format", error.to_string()),
            EncodeError::Failed { .. } => Problem::internal(&error),
        })
    });
    encoded.await.map_err(|died| Problem::internal(&died))?.map(Bytes::from)
}

/// A picture's file, which `read` fetches, and room for it and for what it needs of memory.
async fn with_room(
    app: &App,
    client: &Client,
    read: impl Future<Output = Result<Bytes, Problem>>,
    limits: DecodeLimits,
    needed: impl FnOnce(MemoryNeed) -> u64,
) -> Result<(Bytes, OwnedSemaphorePermit), Problem> {
    let need = |file: &Bytes| {
        // What is not a picture within the limits is refused before it takes any memory, and so is what nobody can make sense of.
        let outline = catch_unwind(|| Picture::memory_need(file, &limits)).ok().and_then(Result::ok);
        (file.len() as u64).saturating_add(outline.map_or(0, needed))
    };
    app.bounds.memory_for(client, read, need).await
}

/// Does `work` on a thread that may take its time. `room` is held to its end even when the client has gone by then.
async fn beside<T: Send + 'static>(
    room: OwnedSemaphorePermit,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    tokio::task::spawn_blocking(move || {
        let _room = room;
        work()
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::{http::StatusCode, response::IntoResponse};
    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test]
    async fn a_decoder_that_panics_has_met_no_picture_and_gives_its_room_back() {
        let rooms = Arc::new(Semaphore::new(1));
        let room = rooms.clone().acquire_owned().await.unwrap();
        let panicked = beside(room, || panic!("index out of bounds")).await;
        let response = inspected(panicked, "style[1]").unwrap_err().into_response();
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((&problem["type"], &problem["field"]), (&"/problems/not-a-picture".into(), &"style[1]".into()));
        assert!(problem["detail"].as_str().unwrap().contains("cannot be read"), "{problem}");
        assert_eq!(rooms.available_permits(), 1);
    }
}
