//! The job store in a PostgreSQL database. All of its SQL is in this folder.

use crate::{StoreError, sqlite::Sqlite};

/// To be written.
pub(crate) type Postgres = Sqlite;

impl Postgres {
    pub(crate) async fn open_server(_: &str, _: Option<&str>) -> Result<Self, StoreError> {
        Err(StoreError::Failed("PostgreSQL is not there yet".into()))
    }
}
