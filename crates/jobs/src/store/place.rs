//! Where a job store is.

use std::{fmt, path::PathBuf, sync::Arc};

use super::JobStore;
use crate::{StoreError, postgres::Postgres, sqlite::Sqlite};

/// Where a job store is.
#[derive(Clone, PartialEq, Eq)]
pub enum JobPlace {
    /// A SQLite file on this machine. The folder that it lies in must be there.
    File(PathBuf),
    /// A PostgreSQL server, which machines share.
    Server {
        /// The database: `postgres://user:password@host/database`.
        database: String,
        /// The same database past any pooler, for word of changes; `None` if `database` is that.
        listen: Option<String>,
    },
}

impl fmt::Debug for JobPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => f.debug_tuple("File").field(file).finish(),
            // There is a password in each address.
            Self::Server { .. } => f.debug_struct("Server").finish_non_exhaustive(),
        }
    }
}

impl JobPlace {
    /// Whether other machines may have the same store open.
    pub fn is_shared(&self) -> bool {
        matches!(self, Self::Server { .. })
    }

    /// Opens the job store, creating it or bringing its tables up to date where needed.
    ///
    /// # Errors
    /// When it cannot be opened or created, is no job store, or was written by a later version.
    pub async fn open(&self) -> Result<Arc<dyn JobStore>, StoreError> {
        match self {
            Self::File(file) => Ok(Arc::new(Sqlite::open(file).await?)),
            Self::Server { database, listen } => Ok(Arc::new(Postgres::open(database, listen.as_deref()).await?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_shown() {
        let address = || "postgres://impasto:s3cret@host/jobs".to_owned();
        let shown = format!("{:?}", JobPlace::Server { database: address(), listen: Some(address()) });
        assert_eq!(shown, "Server { .. }");
    }
}
