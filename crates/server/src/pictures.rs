//! Pictures are decoded and encoded here: beside the async runtime, and only as many at once as there is memory for.

use bytes::Bytes;
use impasto_jobs::BlobKey;
use impasto_picture::{DecodeError, DecodeLimits, EncodeError, Format, MemoryNeed, Picture};
use impasto_recipe::Size;
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

/// The size, upright, of the uploaded picture `key`, which is decoded to the last pixel; `field` is its name in problems.
pub(crate) async fn check(app: &App, key: &BlobKey, field: &str) -> Result<Size, Problem> {
    let limits = DecodeLimits { max_pixels: app.settings.max_pixels };
    let inspected = with_room(app, key, |need| need.inspecting, move |bytes| Picture::inspect(&bytes, &limits));
    inspected.await?.map_err(|error| {
        let kind = match error {
            DecodeError::TooManyPixels { .. } => Kind::TooManyPixels,
            _ => Kind::NotAPicture,
        };
        Problem::new(kind, error.to_string()).in_field(field)
    })
}

/// The stored picture `key` as a file of `format`.
pub(crate) async fn transcode(app: &App, key: &BlobKey, format: Format) -> Result<Bytes, Problem> {
    // A picture of our own is as large as it is.
    let limits = DecodeLimits { max_pixels: u64::MAX };
    let encoded = with_room(
        app,
        key,
        |need| 2 * need.decoding,
        move |bytes| {
            let picture = Picture::decode(&bytes, &limits).map_err(|error| Problem::internal(&error))?;
            picture.encode(format).map_err(|error| match error {
                EncodeError::TooLarge { .. } => query::refuse("format", error.to_string()),
                EncodeError::Failed { .. } => Problem::internal(&error),
            })
        },
    );
    encoded.await?.map(Bytes::from)
}

/// Does `work` with a picture's file once there is room for it and for what it needs of memory.
async fn with_room<T: Send + 'static>(
    app: &App,
    key: &BlobKey,
    needed: impl FnOnce(MemoryNeed) -> u64,
    work: impl FnOnce(Bytes) -> T + Send + 'static,
) -> Result<T, Problem> {
    let read = async { Ok(app.blobs.get(key).await?) };
    // What is not a picture is refused before it takes any memory.
    let need = |file: &Bytes| file.len() as u64 + Picture::memory_need(file).map_or(0, needed);
    let (bytes, room) = app.bounds.memory_for(read, need).await?;
    let work = tokio::task::spawn_blocking(move || {
        // Held to the end of the work even when the client has gone by then.
        let _room = room;
        work(bytes)
    });
    work.await.map_err(|died| Problem::internal(&died))
}
