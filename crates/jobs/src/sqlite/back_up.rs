//! A copy of the database, made while it is in use.

use std::path::Path;

use tokio::fs;

use super::Sqlite;
use crate::BackUpError;

impl Sqlite {
    pub(crate) async fn back_up(&self, to: &Path) -> Result<(), BackUpError> {
        let file_error = |cause| BackUpError::File { path: to.into(), cause };
        let name = to.to_str().ok_or_else(|| file_error(std::io::ErrorKind::InvalidFilename.into()))?;
        // SQLite writes into an empty file; to make it oneself is what surely overwrites nobody's.
        let file = fs::File::create_new(to).await.map_err(file_error)?;
        let copied = sqlx::query("VACUUM INTO ?").bind(name).execute(&self.reader).await;
        if let Err(error) = copied {
            // One that stays says by its size that it is none.
            drop(fs::remove_file(to).await);
            return Err(BackUpError::Store(error.into()));
        }
        file.sync_all().await.map_err(file_error)
    }
}
