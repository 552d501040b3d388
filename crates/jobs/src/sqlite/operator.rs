//! What whoever runs the service asks: how long the queue is, and a copy of everything.

use std::{collections::HashSet, path::Path, time::Duration};

use sqlx::{ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions, types::Text};

use super::{
    Sqlite, now,
    retention::{NAMED_BLOBS, names_in},
};
use crate::{BlobKey, Status, StoreError};

impl Sqlite {
    pub(crate) async fn longest_wait(&self) -> Result<Option<Duration>, StoreError> {
        let select = "SELECT min(created_at) FROM jobs WHERE status = ?";
        let since: Option<i64> = sqlx::query_scalar(select).bind(Text(Status::Queued)).fetch_one(&self.reader).await?;
        // A clock that was set back meanwhile has stood still.
        Ok(since.map(|since| Duration::from_millis(u64::try_from(now() - since).unwrap_or_default())))
    }
}

/// Writes all of the database in the file `from` as it is at one moment to the file `to`, which must not be there, while others
/// use it. Its tables stay those of the version that wrote them.
pub(crate) async fn copy_database(from: &Path, to: &Path) -> Result<(), StoreError> {
    let mut connection = connect(from, SqliteConnectOptions::new().read_only(true)).await?;
    sqlx::query("VACUUM INTO ?").bind(to.to_string_lossy()).execute(&mut connection).await?;
    Ok(connection.close().await?)
}

/// Every blob that a job in the database file `file` names, which nobody else has open. The file is left as it is.
pub(crate) async fn blobs_named_in(file: &Path) -> Result<HashSet<BlobKey>, StoreError> {
    let mut connection = connect(file, SqliteConnectOptions::new().read_only(true).immutable(true)).await?;
    let rows = sqlx::query(NAMED_BLOBS).fetch_all(&mut connection).await?;
    connection.close().await?;
    Ok(names_in(&rows)?)
}

async fn connect(file: &Path, options: SqliteConnectOptions) -> Result<SqliteConnection, StoreError> {
    let opened = options.filename(file).connect().await;
    opened.map_err(|cause| StoreError::Open { path: file.into(), cause: cause.into() })
}
