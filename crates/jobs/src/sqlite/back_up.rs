//! A copy of the database, made while it is in use.

use std::{collections::HashSet, path::Path};

use sqlx::{ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::{
    BlobKey, StoreError,
    rows::{NAMED_BLOBS, names_in},
};

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
    opened.map_err(|cause| StoreError::Open { place: file.display().to_string(), cause: cause.into() })
}
