//! Connections that leave nothing behind.
//!
//! One whose work did not surely come to its end is closed: what is still on its way on it is nobody's, and its transaction, if
//! one is open, is undone by the database.

use std::ops::{Deref, DerefMut};

use sqlx::PgConnection;

use super::pool::{Lent, Pool};

/// Begins a transaction that sees the database as it is at one moment. A machine that is cut off in the middle of it must not keep
/// the database from tidying up.
const READ: &str = "
    BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL idle_in_transaction_session_timeout = '15s'";

/// Begins one that writes. A machine that is cut off in the middle of it must not hold its locks for long.
const WRITE: &str = "
    BEGIN; SET LOCAL idle_in_transaction_session_timeout = '15s'; SET LOCAL lock_timeout = '15s'";

/// Begins one that submits, when all that began before are over: so the numbers of jobs follow the order in which they can be seen,
/// and limits of the queue hold to the job. The lock's number means nothing.
const SUBMIT: &str = "
    BEGIN; SET LOCAL idle_in_transaction_session_timeout = '15s'; SET LOCAL lock_timeout = '15s';
    SELECT pg_advisory_xact_lock(4849338561272)";

/// A connection, for one statement or one transaction. What is done in a transaction happens whole at [`commit`](Self::commit), or,
/// when it is dropped before, not at all.
#[derive(Debug)]
pub(super) struct Session(Lent);

impl Session {
    /// For one statement, after which it is [`done`](Self::done).
    pub async fn single(pool: &Pool) -> Result<Self, sqlx::Error> {
        Ok(Self(pool.lend().await?))
    }

    pub async fn read(pool: &Pool) -> Result<Self, sqlx::Error> {
        Self::begin(pool, READ).await
    }

    pub async fn write(pool: &Pool) -> Result<Self, sqlx::Error> {
        Self::begin(pool, WRITE).await
    }

    pub async fn submit(pool: &Pool) -> Result<Self, sqlx::Error> {
        Self::begin(pool, SUBMIT).await
    }

    async fn begin(pool: &Pool, how: &'static str) -> Result<Self, sqlx::Error> {
        let mut session = Self::single(pool).await?;
        sqlx::raw_sql(how).execute(&mut *session).await?;
        Ok(session)
    }

    /// Its statement has been answered.
    pub fn done(self) {
        self.0.give_back();
    }

    pub async fn commit(self) -> Result<(), sqlx::Error> {
        self.end("COMMIT").await
    }

    /// Leaves everything as it was. To drop it does so as well, but costs the connection.
    pub async fn roll_back(self) -> Result<(), sqlx::Error> {
        self.end("ROLLBACK").await
    }

    async fn end(mut self, how: &'static str) -> Result<(), sqlx::Error> {
        sqlx::raw_sql(how).execute(&mut *self).await?;
        self.done();
        Ok(())
    }
}

impl Deref for Session {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        self.0.connection()
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.0.connection_mut()
    }
}
