//! Job stores in SQLite.

use std::path::{Path, PathBuf};

use impasto_jobs::JobPlace;
use sqlx::{ConnectOptions, SqliteConnection, sqlite::SqliteConnectOptions};

pub use crate::faults::FullDatabase as FullDisk;

pub type Connection = SqliteConnection;

/// A file of a test's own.
pub struct Database {
    file: PathBuf,
}

impl Database {
    /// One that is not there yet, in the test's folder.
    pub async fn fresh(folder: &Path) -> Self {
        Self { file: folder.join("jobs.db") }
    }

    /// Where a store finds it.
    pub fn place(&self) -> JobPlace {
        JobPlace::File(self.file.clone())
    }

    /// A connection to it past the store, for what would take days.
    pub async fn connection(&self) -> Connection {
        SqliteConnectOptions::new().filename(&self.file).connect().await.unwrap()
    }

    /// What lets its disk be full.
    pub async fn full_disk(&self) -> FullDisk {
        FullDisk::at(&self.file).await
    }
}
