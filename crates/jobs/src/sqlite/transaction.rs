//! Transactions that leave nothing behind on their connection.
//!
//! SQLite ends a transaction by itself where the disk is full or fails. sqlx counts how deep its own transactions are, and
//! one that ended so leaves a count that never falls back to 0 on a connection that is used for ever. So BEGIN and COMMIT
//! are plain statements here, and a connection that comes back to its pool is out of any transaction, or is closed.

use std::ops::{Deref, DerefMut};

use sqlx::{
    SqliteConnection, SqlitePool,
    pool::PoolConnection,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};

/// What is done in it happens whole at [`commit`](Self::commit), or, when it is dropped before, not at all.
#[derive(Debug)]
pub(super) struct Transaction(PoolConnection<sqlx::Sqlite>);

impl Transaction {
    /// Sees the database as it is at one moment.
    pub async fn read(pool: &SqlitePool) -> Result<Self, sqlx::Error> {
        Self::begin(pool, "BEGIN").await
    }

    /// Lets no other writer come between.
    pub async fn write(pool: &SqlitePool) -> Result<Self, sqlx::Error> {
        Self::begin(pool, "BEGIN IMMEDIATE").await
    }

    async fn begin(pool: &SqlitePool, how: &'static str) -> Result<Self, sqlx::Error> {
        let mut connection = pool.acquire().await?;
        sqlx::query(how).execute(&mut *connection).await?;
        Ok(Self(connection))
    }

    pub async fn commit(mut self) -> Result<(), sqlx::Error> {
        sqlx::query("COMMIT").execute(&mut *self.0).await.map(drop)
    }
}

impl Deref for Transaction {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.0
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.0
    }
}

/// A pool whose connections come back to it outside a transaction, or not at all.
pub(super) async fn connect(pool: SqlitePoolOptions, options: SqliteConnectOptions) -> Result<SqlitePool, sqlx::Error> {
    pool.after_release(|connection, _| Box::pin(is_left(connection))).connect_with(options).await
}

/// Leaves the transaction that the connection may be in; whether it surely is in none.
async fn is_left(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    match sqlx::query("ROLLBACK").execute(connection).await {
        Ok(_) => Ok(true),
        // The usual case: it was committed. SQLite has no code of its own for this.
        Err(sqlx::Error::Database(error)) if error.message().contains("no transaction is active") => Ok(true),
        Err(error) => {
            tracing::warn!(%error, "a database connection could not leave its transaction; it is closed");
            Ok(false)
        }
    }
}
