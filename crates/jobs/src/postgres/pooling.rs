//! What stands between the store and the database.
//!
//! A pooler that gives each transaction another connection of the database's loses statements that were prepared, unless it keeps
//! count of them (PgBouncer does since 1.21), and word of changes in any case.

use std::time::Duration;

use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};
use tokio::{time::timeout, try_join};

use super::pool::connect;

/// How long an answer may take. A pooler that has no second connection to give lets one wait.
const PATIENCE: Duration = Duration::from_secs(5);

/// Looks at who serves a connection, while others come and go.
const LOOKS: usize = 5;

/// What a connection leads through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pooling {
    /// Nothing, or a pooler by which each connection has one of the database's to itself.
    None,
    /// A pooler by transactions that keeps prepared statements.
    KeepsStatements,
    /// A pooler by transactions that does not.
    LosesStatements,
}

impl Pooling {
    /// Why a store cannot be opened through a pooler that loses statements, and what to do.
    pub const REFUSAL: &str = "it is reached through a pooler that gives each transaction another connection and forgets prepared \
        statements: let it pool by sessions, or keep prepared statements (PgBouncer 1.21 and later, max_prepared_statements), \
        or name the database's own address (store.database)";

    /// Finds out: while a second connection is in the middle of a transaction, the first one is still served by the same process
    /// of the database's if it has one to itself.
    pub async fn of(options: &PgConnectOptions) -> Result<Self, sqlx::Error> {
        let (mut first, mut second) = try_join!(connect(options), connect(options))?;
        let pooling = match look(&mut first, &mut second).await {
            // There is no such statement, or one of this name is somebody else's.
            Err(error) if is_of_statements(&error) => Ok(Self::LosesStatements),
            outcome => outcome,
        };
        for connection in [first, second] {
            // It has served its purpose, whatever becomes of it.
            _ = timeout(PATIENCE, connection.close()).await;
        }
        pooling
    }
}

async fn look(first: &mut PgConnection, second: &mut PgConnection) -> Result<Pooling, sqlx::Error> {
    let before = process_of(first).await?;
    sqlx::raw_sql("BEGIN").execute(&mut *second).await?;
    let other = process_of(second).await?;
    let mut is_pooled = before == other;
    for _ in 0..LOOKS {
        let Ok(now) = timeout(PATIENCE, process_of(first)).await else { return Ok(Pooling::LosesStatements) };
        is_pooled |= before != now?;
    }
    sqlx::raw_sql("ROLLBACK").execute(&mut *second).await?;
    Ok(if is_pooled { Pooling::KeepsStatements } else { Pooling::None })
}

/// By a prepared statement, as everything that the store asks.
async fn process_of(connection: &mut PgConnection) -> Result<i32, sqlx::Error> {
    sqlx::query_scalar("SELECT pg_backend_pid() + $1").bind(0).fetch_one(connection).await
}

fn is_of_statements(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    matches!(code.as_deref(), Some("26000" | "42P05"))
}
