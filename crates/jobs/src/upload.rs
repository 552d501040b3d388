//! Blobs that are written while they arrive.

use std::sync::Arc;

use bytes::Bytes;
use object_store::WriteMultipart;

use crate::{BlobError, BlobKey, traffic::Traffic};

/// Parts of an upload that may be on their way to the store while the next is gathered: more would hold more memory.
const PARTS_IN_FLIGHT: usize = 1;

/// A blob on its way to the store. One that is neither finished nor aborted, because its future was dropped, is aborted.
#[derive(Debug)]
pub struct Upload {
    key: BlobKey,
    parts: WriteMultipart,
    written: u64,
    traffic: Arc<Traffic>,
}

impl Upload {
    /// The first piece of the blob `key` may come.
    pub(crate) fn begin(key: BlobKey, parts: WriteMultipart, traffic: Arc<Traffic>) -> Self {
        Self { key, parts, written: 0, traffic }
    }

    /// Takes the next piece of the blob, of whatever length.
    ///
    /// # Errors
    /// When the store fails; the upload is to be aborted then.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), BlobError> {
        self.written += bytes.len() as u64;
        self.parts.put(bytes);
        let room = self.parts.wait_for_capacity(PARTS_IN_FLIGHT).await;
        room.map_err(|cause| BlobError::failed(format!("write {}", self.key), cause))
    }

    /// Gives the blob its name; returns how many bytes it has.
    ///
    /// # Errors
    /// When the store fails; nothing of the blob is there then.
    pub async fn finish(self) -> Result<u64, BlobError> {
        let Self { key, parts, written, traffic } = self;
        parts.finish().await.map_err(|cause| BlobError::failed(format!("write {key}"), cause))?;
        traffic.count_written(&key, written);
        Ok(written)
    }

    /// Forgets what was written.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn abort(self) -> Result<(), BlobError> {
        let Self { key, parts, .. } = self;
        parts.abort().await.map_err(|cause| BlobError::failed(format!("abort the upload of {key}"), cause))
    }
}
