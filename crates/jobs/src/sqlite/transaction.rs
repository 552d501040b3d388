//! Transactions that leave nothing behind on their connection.
//!
//! SQLite ends a transaction by itself where the disk is full or fails. sqlx counts how deep its own transactions are, and
//! one that ended so leaves a count that never falls back to 0 on a connection that is used for ever. So BEGIN and COMMIT
//! are plain statements here, and a connection whose transaction did not surely come to its end is closed.

use std::ops::{Deref, DerefMut};

use sqlx::{SqliteConnection, SqlitePool, pool::PoolConnection};

/// What is done in it happens whole at [`commit`](Self::commit), or, when it is dropped before, not at all.
#[derive(Debug)]
pub(super) struct Transaction {
    connection: PoolConnection<sqlx::Sqlite>,
    is_over: bool,
}

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
        // Made before it begins: whoever drops this future midway leaves it to be closed.
        let mut transaction = Self { connection: pool.acquire().await?, is_over: false };
        sqlx::query(how).execute(&mut *transaction).await?;
        Ok(transaction)
    }

    pub async fn commit(self) -> Result<(), sqlx::Error> {
        self.end("COMMIT").await
    }

    /// Leaves everything as it was. To drop it does so as well, but costs the connection.
    pub async fn roll_back(self) -> Result<(), sqlx::Error> {
        self.end("ROLLBACK").await
    }

    async fn end(mut self, how: &'static str) -> Result<(), sqlx::Error> {
        sqlx::query(how).execute(&mut *self).await?;
        self.is_over = true;
        Ok(())
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if !self.is_over {
            self.connection.close_on_drop();
        }
    }
}

impl Deref for Transaction {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.connection
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }
}
