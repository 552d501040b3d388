//! The blob store: images and checkpoints, by name.

use std::{
    collections::{BTreeMap, HashSet},
    io,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream, stream::BoxStream};
use object_store::{GetOptions, ObjectStore, ObjectStoreExt, local::LocalFileSystem, path::Path as Location};

use crate::{BlobKey, BlobKind, BlobPlace, JobId, Moved, bucket::Bucket, key, leftovers, traffic::Traffic};

/// All blobs. Any number of processes may have the same store open; a clone is the same store.
#[derive(Debug, Clone)]
pub struct BlobStore {
    pub(crate) objects: Arc<dyn ObjectStore>,
    pub(crate) home: Home,
    /// The length of the parts that an upload is written in, in bytes.
    pub(crate) part: usize,
    pub(crate) traffic: Arc<Traffic>,
}

/// Where a store is.
#[derive(Debug, Clone)]
pub(crate) enum Home {
    /// In a folder on this machine.
    Folder(Arc<Path>),
    /// Elsewhere.
    Bucket(Arc<Bucket>),
    /// Wherever somebody has opened it.
    Objects,
}

/// A blob that is there.
#[derive(Debug)]
pub(crate) struct StoredBlob {
    pub job: JobId,
    pub key: BlobKey,
    pub bytes: u64,
}

/// What went wrong with a blob.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// There is no blob of this name.
    #[error("there is no blob {0}")]
    NotFound(BlobKey),
    /// A blob that is never written over is there, and is another.
    #[error("there is another blob {0} already")]
    Taken(BlobKey),
    /// The store did not do what it was told.
    #[error("the blob store cannot {doing}: {cause}")]
    Failed {
        /// What it was told, such as `write jobs/…/content`.
        doing: String,
        /// What it said.
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl BlobError {
    pub(crate) fn failed(doing: impl Into<String>, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Failed { doing: doing.into(), cause: cause.into() }
    }
}

/// A folder takes parts of any length; each is held in memory.
const LOCAL_PART: usize = 128 << 10;
/// The least that S3 takes.
const REMOTE_PART: usize = 5 << 20;

impl BlobStore {
    /// The blobs in `folder`, which is created where it is missing.
    ///
    /// A blob is written beside its place, synchronised to the disk, and moved to its place; then the folder is
    /// synchronised. So a blob is there whole or not at all, and one whose writing has returned survives a power cut.
    ///
    /// # Errors
    /// When the folder cannot be created or is none.
    pub fn local(folder: &Path) -> Result<Self, BlobError> {
        let open = || -> Result<_, Box<dyn std::error::Error + Send + Sync>> {
            std::fs::create_dir_all(folder)?;
            Ok((folder.canonicalize()?, LocalFileSystem::new_with_prefix(folder)?.with_fsync(true)))
        };
        let (path, objects) =
            open().map_err(|cause| BlobError::failed(format!("use the folder {}", folder.display()), cause))?;
        let home = Home::Folder(path.into());
        Ok(Self { objects: Arc::new(objects), home, part: LOCAL_PART, traffic: Arc::default() })
    }

    /// The blobs at `place`. What speaks to a bucket is taken from the variables `environment`, as its vendor's own tools take
    /// it; nothing is asked of it yet.
    ///
    /// # Errors
    /// When the folder cannot be used, or the environment is not enough for the bucket.
    pub fn open(place: &BlobPlace, environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, BlobError> {
        let bucket = match place {
            BlobPlace::Folder(folder) => return Self::local(folder),
            BlobPlace::Bucket(bucket) => bucket,
        };
        let opened = Bucket::open(bucket, &BTreeMap::from_iter(environment));
        let opened = Arc::new(opened.map_err(|cause| BlobError::failed(format!("use {bucket}"), cause))?);
        let (objects, home) = (opened.objects.clone(), Home::Bucket(opened));
        Ok(Self { objects, home, part: REMOTE_PART, traffic: Arc::default() })
    }

    /// The blobs in a store of any kind. Unfinished uploads are its own to delete.
    pub fn on(objects: Arc<dyn ObjectStore>) -> Self {
        Self { objects, home: Home::Objects, part: REMOTE_PART, traffic: Arc::default() }
    }

    /// Reads a blob.
    ///
    /// # Errors
    /// [`BlobError::NotFound`], or when the store fails.
    pub async fn get(&self, key: &BlobKey) -> Result<Bytes, BlobError> {
        let place = location(key)?;
        let read = async { self.objects.get(&place).await?.bytes().await };
        let bytes = read.await.map_err(|cause| unreadable(key, cause))?;
        self.traffic.count_read(key, bytes.len() as u64);
        Ok(bytes)
    }

    /// How many bytes a blob has; nothing of it is read.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    pub async fn size(&self, key: &BlobKey) -> Result<u64, BlobError> {
        let found = self.objects.head(&location(key)?).await;
        found.map(|blob| blob.size).map_err(|cause| unreadable(key, cause))
    }

    /// Reads a blob, or some of its bytes, piece by piece: no more of it is in memory than is on its way. One that is deleted
    /// meanwhile may break off.
    ///
    /// # Errors
    /// As for [`get`](Self::get), and when `range` begins after the end of the blob.
    pub async fn read(
        &self,
        key: &BlobKey,
        range: Option<Range<u64>>,
    ) -> Result<BoxStream<'static, Result<Bytes, BlobError>>, BlobError> {
        let options = GetOptions { range: range.map(Into::into), ..GetOptions::default() };
        let found = self.objects.get_opts(&location(key)?, options).await.map_err(|cause| unreadable(key, cause))?;
        let (key, traffic) = (key.clone(), self.traffic.clone());
        let pieces = found.into_stream().map(move |piece| {
            let piece = piece.map_err(|cause| unreadable(&key, cause))?;
            traffic.count_read(&key, piece.len() as u64);
            Ok(piece)
        });
        Ok(pieces.boxed())
    }

    /// The bytes that this process has read and written by this store and its clones since it was last asked.
    pub fn take_traffic(&self) -> impl Iterator<Item = (BlobKind, Moved)> {
        self.traffic.take().into_iter()
    }

    /// Copies a blob, piece by piece, in the place of one that has the other name.
    ///
    /// # Errors
    /// [`BlobError::NotFound`], or when the store fails; nothing of the copy is there then.
    pub async fn copy(&self, from: &BlobKey, to: &BlobKey) -> Result<(), BlobError> {
        let found = self.objects.get(&location(from)?).await.map_err(|cause| unreadable(from, cause))?;
        let mut pieces = found.into_stream();
        let mut upload = self.upload(to).await?;
        while let Some(piece) = pieces.next().await {
            let written = match piece {
                Ok(piece) => upload.write(piece).await,
                Err(cause) => Err(unreadable(from, cause)),
            };
            if let Err(error) = written {
                // The error at hand is the one to tell of.
                _ = upload.abort().await;
                return Err(error);
            }
        }
        let copied = upload.finish().await?;
        self.traffic.count_read(from, copied);
        Ok(())
    }

    /// Deletes blobs; those that are not there are fine.
    ///
    /// # Errors
    /// When the store fails at one of them; the others are deleted all the same.
    pub async fn delete(&self, keys: &[BlobKey]) -> Result<(), BlobError> {
        let places = keys.iter().map(location).collect::<Result<Vec<_>, _>>()?;
        self.delete_at(places).await
    }

    /// Deletes all blobs of the job `id`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn delete_job(&self, id: JobId) -> Result<(), BlobError> {
        match &self.home {
            // The folder goes as a whole, and with it what a dead process left of an upload.
            Home::Folder(root) => {
                let folder = root.join(key::folder(id));
                match blocking(move || std::fs::remove_dir_all(folder)).await.map_err(|cause| (cause.kind(), cause)) {
                    // A worker that has not heard of it yet may have written meanwhile: that is for the sweep.
                    Ok(()) | Err((io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty, _)) => Ok(()),
                    Err((_, cause)) => Err(BlobError::failed(format!("delete the blobs of job {id}"), cause)),
                }
            }
            Home::Bucket(_) | Home::Objects => {
                let listed = self.objects.list(Some(&Location::from(key::folder(id))));
                let found: Vec<_> = listed
                    .map_ok(|blob| blob.location)
                    .try_collect()
                    .await
                    .map_err(|cause| BlobError::failed(format!("list the blobs of job {id}"), cause))?;
                self.delete_at(found).await
            }
        }
    }

    /// Every blob of every job. What is not named like a job's blob is nobody's business here.
    pub(crate) async fn list(&self) -> Result<Vec<StoredBlob>, BlobError> {
        let mut found = Vec::new();
        let mut listed = self.objects.list(Some(&Location::from(key::JOBS)));
        while let Some(blob) = listed.next().await {
            let blob = blob.map_err(|cause| BlobError::failed("list the blobs", cause))?;
            let key = BlobKey::named(blob.location.to_string());
            found.extend(key.job().map(|job| StoredBlob { job, key, bytes: blob.size }));
        }
        Ok(found)
    }

    /// What uploads that were never finished may have left: files and empty folders, those of uploads under way among them.
    /// A store elsewhere deletes its own by a rule of its own.
    pub(crate) async fn leftovers(&self) -> Result<HashSet<PathBuf>, BlobError> {
        let Home::Folder(folder) = &self.home else { return Ok(HashSet::new()) };
        let jobs = folder.join(key::JOBS);
        let found = blocking(move || leftovers::find(&jobs)).await;
        found.map(HashSet::from_iter).map_err(|cause| BlobError::failed("look for unfinished uploads", cause))
    }

    /// Deletes such leftovers; returns how many files.
    pub(crate) async fn delete_leftovers(&self, paths: Vec<PathBuf>) -> Result<u64, BlobError> {
        let deleted =
            blocking(move || paths.iter().try_fold(0, |files, path| Ok(files + u64::from(leftovers::remove(path)?))));
        deleted.await.map_err(|cause| BlobError::failed("delete unfinished uploads", cause))
    }

    async fn delete_at(&self, places: Vec<Location>) -> Result<(), BlobError> {
        let mut deleted = self.objects.delete_stream(stream::iter(places.into_iter().map(Ok)).boxed());
        let mut outcome = Ok(());
        while let Some(each) = deleted.next().await {
            match each {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(cause) => outcome = Err(BlobError::failed("delete a blob", cause)),
            }
        }
        outcome
    }
}

fn unreadable(key: &BlobKey, cause: object_store::Error) -> BlobError {
    match cause {
        object_store::Error::NotFound { .. } => BlobError::NotFound(key.clone()),
        cause => BlobError::failed(format!("read {key}"), cause),
    }
}

pub(crate) fn location(key: &BlobKey) -> Result<Location, BlobError> {
    Location::parse(key.as_str()).map_err(|cause| BlobError::failed(format!("name a blob {key}"), cause))
}

/// Runs `work` on a thread that may wait for the disk.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|died| Err(io::Error::other(died)))
}
