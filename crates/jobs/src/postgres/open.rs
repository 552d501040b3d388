//! Opens the database and brings its tables up to date.

use std::{error::Error, str::FromStr, sync::Arc, time::Duration};

use sqlx::{
    Connection, PgPool,
    migrate::{MigrateError, Migrator},
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::{Postgres, in_time, listen::listen, pooling::Pooling};
use crate::{StoreError, store::Newsroom};

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/postgres");

/// The oldest version that is tested.
const OLDEST: i32 = 15;

/// Connections of one process at the most. They are made as they are needed: a worker has one or two.
const MOST_CONNECTIONS: u32 = 10;
/// How long an operation waits for one of them.
const ACQUIRE: Duration = Duration::from_secs(10);
/// A connection that nobody has used for so long is asked whether it still lives.
const FRESH: Duration = Duration::from_secs(1);
/// How long that may take.
const PING: Duration = Duration::from_secs(2);

/// Nobody else migrates while this is held; the number means nothing. A machine that is cut off meanwhile must not hold it for long,
/// and what is there already is no news.
const MIGRATING: &str = "
    SET LOCAL client_min_messages = warning; SET LOCAL idle_in_transaction_session_timeout = '15s'; SELECT pg_advisory_xact_lock(4849338561271)";
/// How long it may take to bring the tables up to date, with the wait for others who do.
const MIGRATION: Duration = Duration::from_secs(600);

type Cause = Box<dyn Error + Send + Sync>;

impl Postgres {
    pub(crate) async fn open(database: &str, listen_at: Option<&str>) -> Result<Self, StoreError> {
        let options = options(database)?;
        let listen_options = listen_at.map_or_else(|| Ok(options.clone()), self::options)?;
        let refuse = |cause| StoreError::Open { place: place(&options), cause };
        let pool = in_time(connect(&options)).await.map_err(explain).map_err(refuse)?;
        let migrated = timeout(MIGRATION, migrate(&pool)).await;
        migrated.unwrap_or_else(|_| Err("its tables are not up to date after ten minutes".into())).map_err(refuse)?;
        let news = Newsroom::new();
        let listening = tokio::spawn(listen(listen_options, news.clone()));
        Ok(Self { pool, news, _listening: Arc::new(AbortOnDropHandle::new(listening)) })
    }
}

/// What an address says. The names of its parts and of what it lacks come from the environment and the password file, as with
/// PostgreSQL's own tools.
fn options(address: &str) -> Result<PgConnectOptions, StoreError> {
    let read = PgConnectOptions::from_str(address);
    // Poolers refuse to set it, and numbers come in binary.
    let read = read.map(|options| options.application_name("impasto").extra_float_digits(None));
    read.map_err(|cause| {
        let why = format!("{cause}; write postgres://USER:PASSWORD@HOST/DATABASE (store.database, store.listen)");
        StoreError::Open { place: "of that address".to_owned(), cause: why.into() }
    })
}

/// Where a database is, with nothing that is secret.
pub(super) fn place(options: &PgConnectOptions) -> String {
    let host = options.get_socket().map_or_else(|| options.get_host().into(), |socket| socket.to_string_lossy());
    let database = options.get_database().unwrap_or_else(|| options.get_username());
    format!("postgres://{host}:{}/{database}", options.get_port())
}

async fn connect(options: &PgConnectOptions) -> Result<PgPool, sqlx::Error> {
    match Pooling::of(options).await? {
        Pooling::None | Pooling::KeepsStatements => {}
        Pooling::LosesStatements => return Err(sqlx::Error::Configuration(Pooling::REFUSAL.into())),
    }
    let pool = PgPoolOptions::new()
        .max_connections(MOST_CONNECTIONS)
        .acquire_timeout(ACQUIRE)
        .test_before_acquire(false)
        .before_acquire(|connection, known| {
            Box::pin(async move {
                Ok(known.idle_for < FRESH || timeout(PING, connection.ping()).await.is_ok_and(|lives| lives.is_ok()))
            })
        });
    pool.connect_with(options.clone()).await
}

/// Says what to do.
fn explain(error: sqlx::Error) -> Cause {
    let code = error.as_database_error().and_then(|error| error.code().map(String::from));
    let hint = match (&error, code.as_deref()) {
        (sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut, _) => "is PostgreSQL running there, and can it be reached?",
        (_, Some("28P01" | "28000")) => "are the user and the password right?",
        (_, Some("3D000")) => "create it first: createdb",
        (_, Some("42501")) => "the user must own the database's schema, or be allowed to create tables in it",
        _ => return error.into(),
    };
    format!("{error}; {hint}").into()
}

/// Runs the migrations that are missing, in one transaction and one process at a time.
async fn migrate(pool: &PgPool) -> Result<(), Cause> {
    let mut transaction = in_time(pool.begin()).await.map_err(explain)?;
    let version = sqlx::query_scalar("SHOW server_version_num").fetch_one(&mut *transaction);
    let version: String = in_time(version).await.map_err(explain)?;
    let version = version.parse::<i32>()? / 10_000;
    if version < OLDEST {
        return Err(format!("it is PostgreSQL {version}, and impasto needs {OLDEST} or later").into());
    }
    sqlx::raw_sql(MIGRATING).execute(&mut *transaction).await?;
    // `run` is this and a generality that keeps the future from being `Send`.
    match MIGRATIONS.run_direct(None, &mut *transaction, false).await {
        Ok(()) => in_time(transaction.commit()).await.map_err(explain),
        Err(MigrateError::VersionMissing(version)) => {
            Err(format!("a later version of impasto has written it (migration {version}): use that version").into())
        }
        Err(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) => Err(explain(error)),
        Err(error) => Err(error.into()),
    }
}
