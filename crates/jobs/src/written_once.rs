//! Blobs that are written once: what has the name already is never written over.

use bytes::Bytes;
use futures::StreamExt;
use object_store::{Error, PutMode, PutPayload};

use crate::{
    BlobError, BlobKey, BlobStore,
    blobs::{Home, location},
};

impl BlobStore {
    /// Writes a blob that has a name of its own, in pieces that are not copied together. Where it is there already, because an
    /// earlier try was written and its answer lost, nothing is done.
    ///
    /// A large blob, and one in a store that knows no conditions, is looked for before it is written: of two that write
    /// different blobs under one name at one moment the later wins there.
    ///
    /// # Errors
    /// [`BlobError::Taken`] where another blob has the name, or when the store fails; nothing of the blob is there then.
    pub async fn create(&self, key: &BlobKey, pieces: impl IntoIterator<Item = Bytes>) -> Result<(), BlobError> {
        let payload = PutPayload::from_iter(pieces);
        let refused = if self.is_in_parts(payload.content_length()) || !self.knows_conditions() {
            match self.size(key).await {
                Err(BlobError::NotFound(_)) => return self.put_payload(key, payload).await,
                found => found.map(drop)?,
            }
            None
        } else {
            let options = self.options(key, PutMode::Create);
            match self.objects.put_opts(&location(key)?, payload.clone(), options).await {
                Ok(_) => {
                    self.traffic.count_written(key, payload.content_length() as u64);
                    return Ok(());
                }
                Err(refused @ (Error::AlreadyExists { .. } | Error::Precondition { .. })) => Some(refused),
                Err(cause) => return Err(BlobError::failed(format!("write {key}"), cause)),
            }
        };
        match (self.holds(key, &payload).await, refused) {
            (Ok(true), _) => Ok(()),
            (Ok(false), _) => Err(BlobError::Taken(key.clone())),
            // Whoever had it is gone again, or is not done: the next try will see.
            (Err(BlobError::NotFound(_)), Some(refused)) => Err(BlobError::failed(format!("write {key}"), refused)),
            (Err(error), _) => Err(error),
        }
    }

    /// Whether the store writes only where nothing is, if it is told so. A folder could, but not on every file system.
    fn knows_conditions(&self) -> bool {
        match &self.home {
            Home::Folder(_) => false,
            Home::Bucket(bucket) => bucket.knows_conditions,
            Home::Objects => true,
        }
    }

    /// Whether the blob `key` has these very bytes.
    async fn holds(&self, key: &BlobKey, payload: &PutPayload) -> Result<bool, BlobError> {
        if self.size(key).await? != payload.content_length() as u64 {
            return Ok(false);
        }
        let mut stored = self.read(key, None).await?;
        let mut expected = payload.iter().cloned();
        let mut piece = Bytes::new();
        while let Some(read) = stored.next().await {
            let mut read = read?;
            while !read.is_empty() {
                if piece.is_empty() {
                    let Some(next) = expected.next() else { return Ok(false) };
                    piece = next;
                    continue;
                }
                let both = piece.len().min(read.len());
                if piece.split_to(both) != read.split_to(both) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}
