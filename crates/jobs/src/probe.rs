//! Whether the store is there, and does what it is told.

use object_store::{Error, ObjectStoreExt, PutMode, PutOptions, PutPayload, path::Path as Location};

use crate::{BlobError, BlobStore, blobs::Home, bucket::Bucket};

/// What a bucket that is used holds besides the blobs: to look at it costs next to nothing.
const MARK: &str = "impasto-store";
/// What it says to people.
const MARKED: &[u8] =
    b"The pictures of impasto are kept beside this file. It is looked at to see whether the store is there.\n";

/// Why a store cannot be used, whoever waits.
#[derive(Debug, thiserror::Error)]
pub enum UnusableStore {
    /// There is no such bucket.
    #[error("there is no such bucket: make it, or write another in store.blobs ({0})")]
    NoBucket(Error),
    /// It lets nobody in with these credentials.
    #[error(
        "it does not let impasto in: set the credentials in the environment, and let them read, write, list and delete in the bucket ({0})"
    )]
    Forbidden(Error),
}

/// What became of a first look at a store.
#[derive(Debug)]
pub enum FirstLook {
    /// It works.
    Works,
    /// It works, and writes over what is there although it is told not to.
    IgnoresConditions,
    /// It failed, which may pass.
    Failed(BlobError),
}

impl BlobStore {
    /// Looks at the store for the first time: a bucket is written to, unless it was before.
    ///
    /// # Errors
    /// [`UnusableStore`], where waiting will not help.
    pub async fn first_look(&self) -> Result<FirstLook, UnusableStore> {
        let Home::Bucket(bucket) = &self.home else { return Ok(FirstLook::Works) };
        // The second time it is there.
        for is_there in [false, true] {
            match mark(bucket).await {
                Ok(()) if is_there && bucket.knows_conditions => return Ok(FirstLook::IgnoresConditions),
                Ok(()) => {}
                Err(Error::AlreadyExists { .. }) => return Ok(FirstLook::Works),
                Err(cause @ Error::NotFound { .. }) => return Err(UnusableStore::NoBucket(cause)),
                Err(cause @ (Error::PermissionDenied { .. } | Error::Unauthenticated { .. })) => {
                    return Err(UnusableStore::Forbidden(cause));
                }
                Err(cause) => return Ok(FirstLook::Failed(BlobError::failed("write to the bucket", cause))),
            }
        }
        Ok(FirstLook::Works)
    }

    /// Whether every request to the store is charged for, and goes over a network.
    pub fn is_elsewhere(&self) -> bool {
        matches!(self.home, Home::Bucket(_))
    }

    /// Looks whether the store is there, which costs next to nothing. Nothing is written, unless the bucket was never looked at.
    ///
    /// # Errors
    /// When it is not, or lets nobody in.
    pub async fn look(&self) -> Result<(), BlobError> {
        let failed = |cause| BlobError::failed("be looked at", cause);
        match (self.objects.head(&Location::from(MARK)).await, &self.home) {
            (Ok(_), _) | (Err(Error::NotFound { .. }), Home::Folder(_) | Home::Objects) => Ok(()),
            // No such bucket has no such file either.
            (Err(Error::NotFound { .. }), Home::Bucket(bucket)) => match mark(bucket).await {
                Ok(()) | Err(Error::AlreadyExists { .. }) => Ok(()),
                Err(cause) => Err(failed(cause)),
            },
            (Err(cause), _) => Err(failed(cause)),
        }
    }
}

async fn mark(bucket: &Bucket) -> object_store::Result<()> {
    let mode = if bucket.knows_conditions { PutMode::Create } else { PutMode::Overwrite };
    let options = PutOptions { mode, ..PutOptions::default() };
    bucket.objects.put_opts(&Location::from(MARK), PutPayload::from_static(MARKED), options).await.map(drop)
}
