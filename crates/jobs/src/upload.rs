//! Blobs that are written while they arrive.

use std::{mem, sync::Arc};

use bytes::Bytes;
use object_store::{PutMode, PutPayload, WriteMultipart};
use tokio::runtime::Handle;

use crate::{
    BlobError, BlobKey, BlobStore,
    blobs::{Home, location},
    traffic::Traffic,
};

/// Parts of an upload that may be on their way to the store while the next is gathered: more would hold more memory.
const PARTS_IN_FLIGHT: usize = 1;

/// A blob on its way to the store. One that is neither finished nor aborted, because its future was dropped, is aborted.
#[derive(Debug)]
pub struct Upload {
    key: BlobKey,
    store: BlobStore,
    state: State,
    written: u64,
    traffic: Arc<Traffic>,
}

/// How far it is.
#[derive(Debug)]
enum State {
    /// The store has heard nothing of it: what fits in one part is written at once.
    Gathered(Vec<Bytes>),
    /// The store has parts of it, or a file beside its place.
    Begun(WriteMultipart),
    /// It has its name, or was forgotten.
    Over,
}

impl BlobStore {
    /// Begins to write a blob piece by piece. It has no name until it is finished.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn upload(&self, key: &BlobKey) -> Result<Upload, BlobError> {
        let state = match &self.home {
            // A file is begun and moved just as well as it is written at once.
            Home::Folder(_) => State::Begun(self.begin_parts(key, self.part).await?),
            Home::Bucket(_) | Home::Objects => State::Gathered(Vec::new()),
        };
        Ok(Upload { key: key.clone(), store: self.clone(), state, written: 0, traffic: self.traffic.clone() })
    }
}

impl Upload {
    /// Takes the next piece of the blob, of whatever length.
    ///
    /// # Errors
    /// When the store fails; the upload is to be aborted then.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), BlobError> {
        self.written += bytes.len() as u64;
        match &mut self.state {
            State::Gathered(pieces) => {
                pieces.push(bytes);
                if self.written > self.store.part as u64 {
                    let pieces = mem::take(pieces);
                    self.state = State::Begun(self.store.begin_parts(&self.key, self.store.part).await?);
                    for piece in pieces {
                        self.send(piece).await?;
                    }
                }
                Ok(())
            }
            State::Begun(_) => self.send(bytes).await,
            State::Over => Ok(()),
        }
    }

    async fn send(&mut self, piece: Bytes) -> Result<(), BlobError> {
        let State::Begun(parts) = &mut self.state else { return Ok(()) };
        parts.put(piece);
        let room = parts.wait_for_capacity(PARTS_IN_FLIGHT).await;
        room.map_err(|cause| BlobError::failed(format!("write {}", self.key), cause))
    }

    /// Gives the blob its name; returns how many bytes it has.
    ///
    /// # Errors
    /// When the store fails; nothing of the blob is there then.
    pub async fn finish(mut self) -> Result<u64, BlobError> {
        let finished = match mem::replace(&mut self.state, State::Over) {
            State::Gathered(pieces) => {
                let options = self.store.options(&self.key, PutMode::Overwrite);
                let payload = PutPayload::from_iter(pieces);
                self.store.objects.put_opts(&location(&self.key)?, payload, options).await.map(drop)
            }
            State::Begun(parts) => parts.finish().await.map(drop),
            State::Over => Ok(()),
        };
        finished.map_err(|cause| BlobError::failed(format!("write {}", self.key), cause))?;
        self.traffic.count_written(&self.key, self.written);
        Ok(self.written)
    }

    /// Forgets what was written.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn abort(mut self) -> Result<(), BlobError> {
        let State::Begun(parts) = mem::replace(&mut self.state, State::Over) else { return Ok(()) };
        parts.abort().await.map_err(|cause| BlobError::failed(format!("abort the upload of {}", self.key), cause))
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        // A file goes by itself; parts elsewhere stay, and are charged for, until somebody says so.
        let is_elsewhere = !matches!(self.store.home, Home::Folder(_));
        if let State::Begun(parts) = mem::replace(&mut self.state, State::Over)
            && is_elsewhere
            && let Ok(runtime) = Handle::try_current()
        {
            let key = self.key.clone();
            runtime.spawn(async move {
                if let Err(error) = parts.abort().await {
                    tracing::warn!(%error, "the parts of an upload of {key} that was given up could not be deleted");
                }
            });
        }
    }
}
