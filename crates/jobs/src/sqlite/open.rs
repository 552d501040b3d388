//! Opens the file and brings its tables up to date.

use std::{error::Error, path::Path, time::Duration};

use sqlx::{
    SqlitePool,
    migrate::{MigrateError, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::time::{Instant, sleep};

use super::Sqlite;
use crate::{StoreError, store::Newsroom};

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/sqlite");

/// How long a write waits for those of other processes. Each takes some milliseconds: whoever waits that long has met
/// something else.
const PATIENCE: Duration = Duration::from_secs(15);

/// Questions that are answered at the same time.
const READERS: u32 = 4;

impl Sqlite {
    pub(crate) async fn open(path: &Path) -> Result<Self, StoreError> {
        let opened = async {
            let options = options(path);
            let writer = connect(SqlitePoolOptions::new().max_connections(1), &options).await?;
            migrate(&writer).await?;
            let reader = connect(SqlitePoolOptions::new().max_connections(READERS), &options).await?;
            Ok(Self { reader, writer, news: Newsroom::new() })
        };
        opened.await.map_err(|cause: Box<dyn Error + Send + Sync>| StoreError::Open {
            place: path.display().to_string(),
            cause,
        })
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // With WAL, NORMAL would keep the file sound but could forget the last writes in a power cut: a job that was
        // answered with 202, or a checkpoint whose predecessor's blob is deleted already.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        // The log of writes is folded into the database, and cut, after so many pages and bytes: on a small disk, SQLite's own
        // 4 MB may be all there is.
        .pragma("wal_autocheckpoint", "64")
        .pragma("journal_size_limit", "524288")
        .busy_timeout(PATIENCE)
}

/// Connects, and tries again while other processes do: to turn a file to WAL takes a lock that SQLite's own timeout does
/// not wait for.
async fn connect(pool: SqlitePoolOptions, options: &SqliteConnectOptions) -> Result<SqlitePool, sqlx::Error> {
    // A connection to a file does not go stale.
    let pool = pool.test_before_acquire(false).acquire_timeout(2 * PATIENCE);
    let deadline = Instant::now() + PATIENCE;
    loop {
        match pool.clone().connect_with(options.clone()).await {
            Err(error) if is_busy(&error) && Instant::now() < deadline => sleep(Duration::from_millis(10)).await,
            outcome => return outcome,
        }
    }
}

fn is_busy(error: &sqlx::Error) -> bool {
    const SQLITE_BUSY: i32 = 5;
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<i32>().ok());
    // The low byte of an extended code is the plain one.
    code.is_some_and(|code| code & 0xff == SQLITE_BUSY)
}

/// Runs the migrations that are missing, in one transaction: the migrator itself takes no lock on SQLite, and two
/// processes would run the same.
async fn migrate(writer: &SqlitePool) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
    // `run` is this and a generality that keeps the future from being `Send`.
    match MIGRATIONS.run_direct(None, &mut *transaction, false).await {
        Ok(()) => Ok(transaction.commit().await?),
        Err(MigrateError::VersionMissing(version)) => {
            Err(format!("a later version of impasto has written it (migration {version}): use that version").into())
        }
        Err(error) => Err(error.into()),
    }
}
