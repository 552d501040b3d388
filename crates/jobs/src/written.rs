//! Blobs that are written from memory: small ones at once, large ones in parts where the store is elsewhere.

use bytes::Bytes;
use object_store::{Attribute, Attributes, PutMode, PutMultipartOptions, PutOptions, PutPayload, WriteMultipart};

use crate::{
    BlobError, BlobKey, BlobStore,
    blobs::{Home, location},
};

/// What is longer goes to a store elsewhere in parts: one that fails is sent again without the others.
const LONGEST_WHOLE: usize = 16 << 20;
/// The length of these parts. They are in memory already.
const LARGE_PART: usize = 8 << 20;
/// Parts that are on their way at once.
const LARGE_PARTS_IN_FLIGHT: usize = 4;
/// S3 takes 10,000 of one blob.
const MOST_PARTS: usize = 9_000;

impl BlobStore {
    /// Writes a blob, in the place of one that has its name.
    ///
    /// # Errors
    /// When the store fails; nothing of the blob is there then.
    pub async fn put(&self, key: &BlobKey, bytes: Bytes) -> Result<(), BlobError> {
        self.put_payload(key, bytes.into()).await
    }

    pub(crate) async fn put_payload(&self, key: &BlobKey, payload: PutPayload) -> Result<(), BlobError> {
        let bytes = payload.content_length();
        if self.is_in_parts(bytes) {
            self.put_parts(key, payload).await?;
        } else {
            let written = self.objects.put_opts(&location(key)?, payload, self.options(key, PutMode::Overwrite)).await;
            written.map_err(|cause| BlobError::failed(format!("write {key}"), cause))?;
        }
        self.traffic.count_written(key, bytes as u64);
        Ok(())
    }

    /// Whether a blob of so many bytes is written in parts.
    pub(crate) fn is_in_parts(&self, bytes: usize) -> bool {
        bytes > LONGEST_WHOLE && !matches!(self.home, Home::Folder(_))
    }

    async fn put_parts(&self, key: &BlobKey, payload: PutPayload) -> Result<(), BlobError> {
        let failed = |cause| BlobError::failed(format!("write {key}"), cause);
        let part = LARGE_PART.max(payload.content_length() / MOST_PARTS);
        let mut parts = self.begin_parts(key, part).await?;
        for mut piece in payload {
            while !piece.is_empty() {
                parts.put(piece.split_to(part.min(piece.len())));
                if let Err(cause) = parts.wait_for_capacity(LARGE_PARTS_IN_FLIGHT).await {
                    // The error at hand is the one to tell of.
                    _ = parts.abort().await;
                    return Err(failed(cause));
                }
            }
        }
        parts.finish().await.map(drop).map_err(failed)
    }

    pub(crate) async fn begin_parts(&self, key: &BlobKey, part: usize) -> Result<WriteMultipart, BlobError> {
        let options = PutMultipartOptions { attributes: self.attributes(key), ..PutMultipartOptions::default() };
        let begun = self.objects.put_multipart_opts(&location(key)?, options).await;
        let parts = begun.map_err(|cause| BlobError::failed(format!("write {key}"), cause))?;
        Ok(WriteMultipart::new_with_chunk_size(parts, part))
    }

    pub(crate) fn options(&self, key: &BlobKey, mode: PutMode) -> PutOptions {
        PutOptions { mode, attributes: self.attributes(key), ..PutOptions::default() }
    }

    /// What the store is to say of a blob to those who fetch it there. A folder can say nothing.
    fn attributes(&self, key: &BlobKey) -> Attributes {
        match (&self.home, key.content_type()) {
            (Home::Bucket(_) | Home::Objects, Some(kind)) => Attributes::from_iter([(Attribute::ContentType, kind)]),
            _ => Attributes::new(),
        }
    }
}
