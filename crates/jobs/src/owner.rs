//! Whose the blobs of a store are: its mark names the job database by which they are swept.

use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, path::Path as Location};

use crate::{BlobError, BlobStore, blobs::Home};

/// Names the database in its first line.
pub(crate) const MARK: &str = "impasto-database";

impl BlobStore {
    /// The database whose blobs these are: that of the mark, which is written for the database `id` where there is none. `None` for
    /// a folder: nobody comes by it by mistake.
    pub(crate) async fn owner(&self, id: &str) -> Result<Option<String>, BlobError> {
        if matches!(self.home, Home::Folder(_)) {
            return Ok(None);
        }
        let owner = match read(self.objects.as_ref()).await {
            Err(Error::NotFound { .. }) => match self.write_mark(id).await {
                // Of two that write at once, the one that is there then counts.
                Ok(()) | Err(Error::AlreadyExists { .. }) => read(self.objects.as_ref()).await,
                Err(cause) => Err(cause),
            },
            read => read,
        };
        owner.map(Some).map_err(|cause| BlobError::failed(format!("say whose it is ({MARK})"), cause))
    }

    async fn write_mark(&self, id: &str) -> object_store::Result<()> {
        let knows_conditions = !matches!(&self.home, Home::Bucket(bucket) if !bucket.knows_conditions);
        let mode = if knows_conditions { PutMode::Create } else { PutMode::Overwrite };
        let text = format!(
            "{id}\nThe pictures of this job database of impasto are kept beside this file. No other one deletes any.\n"
        );
        let options = PutOptions { mode, ..PutOptions::default() };
        self.objects.put_opts(&Location::from(MARK), PutPayload::from(text), options).await.map(drop)
    }
}

async fn read(objects: &dyn ObjectStore) -> object_store::Result<String> {
    let text = objects.get(&Location::from(MARK)).await?.bytes().await?;
    let text = String::from_utf8_lossy(&text);
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}
