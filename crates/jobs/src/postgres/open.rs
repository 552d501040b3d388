//! Opens the database and brings its tables up to date.

use std::{error::Error, str::FromStr, sync::Arc, time::Duration};

use sqlx::{
    Connection, PgConnection,
    migrate::{MigrateError, Migrator},
    postgres::PgConnectOptions,
};
use tokio::{sync::Semaphore, time::timeout};
use tokio_util::task::AbortOnDropHandle;

use super::{
    Postgres, in_time,
    listen::listen,
    pool::{Pool, connect},
    pooling::Pooling,
};
use crate::{StoreError, store::Newsroom};

/// The oldest version that is tested.
const OLDEST: i32 = 15;

/// Nobody else migrates while this is held; the number means nothing. A machine that is cut off meanwhile must not hold it for long,
/// and what is there already is no news.
const MIGRATING: &str = "
    SET LOCAL client_min_messages = warning; SET LOCAL idle_in_transaction_session_timeout = '15s';
    SELECT pg_advisory_xact_lock(4849338561271)";
/// How long it may take to bring the tables up to date, with the wait for others who do.
const MIGRATION: Duration = Duration::from_secs(600);

/// Submissions of one process that may wait for their turn at once.
const SUBMITTING: usize = 2;

type Cause = Box<dyn Error + Send + Sync>;

impl Postgres {
    pub(crate) async fn open(database: &str, listen_at: Option<&str>) -> Result<Self, StoreError> {
        let options = options(database)?;
        let listen_options = listen_at.map_or_else(|| Ok(options.clone()), self::options)?;
        let prepared = timeout(MIGRATION, prepare(&options)).await;
        prepared.unwrap_or_else(|_| Err(Refusal::of("its tables are not up to date after ten minutes"))).map_err(
            |Refusal { cause, is_away }| {
                let place = place(&options);
                if is_away { StoreError::Away { place, cause } } else { StoreError::Open { place, cause } }
            },
        )?;
        let news = Newsroom::new();
        let listening = tokio::spawn(listen(listen_options, news.clone()));
        Ok(Self {
            pool: Pool::of(options),
            submitting: Arc::new(Semaphore::new(SUBMITTING)),
            news,
            _listening: Arc::new(AbortOnDropHandle::new(listening)),
        })
    }
}

/// Why the database cannot be used.
struct Refusal {
    cause: Cause,
    /// Whether it may be another time, with nothing done.
    is_away: bool,
}

impl Refusal {
    fn of(why: impl Into<Cause>) -> Self {
        Self { cause: why.into(), is_away: false }
    }
}

impl From<sqlx::Error> for Refusal {
    /// Says what to do.
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(|error| error.code().map(String::from));
        let (hint, is_away) = match (&error, code.as_deref()) {
            (sqlx::Error::Io(_), _) => ("is PostgreSQL running there, and can it be reached?", true),
            (_, Some("57P03" | "57P01")) => ("it starts, or ends", true),
            (_, Some("53300")) => ("let it have more connections (max_connections)", true),
            (_, Some("28P01" | "28000")) => ("are the user and the password right?", false),
            (_, Some("3D000")) => ("create it first: createdb", false),
            (_, Some("42501")) => {
                ("the user must own the database's schema, or be allowed to create tables in it", false)
            }
            _ => return Self::of(error),
        };
        Self { cause: format!("{error}; {hint}").into(), is_away }
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

/// Makes sure that the database can be used, and brings its tables up to date.
async fn prepare(options: &PgConnectOptions) -> Result<(), Refusal> {
    match Pooling::of(options).await? {
        Pooling::None | Pooling::KeepsStatements => {}
        Pooling::LosesStatements => return Err(Refusal::of(Pooling::REFUSAL)),
    }
    let mut connection = connect(options).await?;
    migrate(&mut connection).await?;
    in_time(connection.close()).await.map_err(Refusal::from)
}

/// Runs the migrations that are missing, in one transaction and one process at a time.
async fn migrate(connection: &mut PgConnection) -> Result<(), Refusal> {
    let mut transaction = in_time(connection.begin()).await?;
    let version = sqlx::query_scalar("SHOW server_version_num").fetch_one(&mut *transaction);
    let version: String = in_time(version).await?;
    let version = version.parse::<i32>().map_err(|_| Refusal::of(format!("it is of the version {version}")))? / 10_000;
    if version < OLDEST {
        return Err(Refusal::of(format!("it is PostgreSQL {version}, and impasto needs {OLDEST} or later")));
    }
    sqlx::raw_sql(MIGRATING).execute(&mut *transaction).await?;
    // `run` is this and a generality that keeps the future from being `Send`.
    match migrations().run_direct(None, &mut *transaction, false).await {
        Ok(()) => Ok(in_time(transaction.commit()).await?),
        Err(MigrateError::VersionMissing(version)) => Err(Refusal::of(format!(
            "a later version of impasto has written it (migration {version}): use that version"
        ))),
        Err(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) => Err(error.into()),
        Err(error) => Err(Refusal::of(error)),
    }
}

/// Its own lock is a session's: a pooler would keep it after a refusal.
fn migrations() -> Migrator {
    let mut migrations = sqlx::migrate!("../../migrations/postgres");
    migrations.set_locking(false);
    migrations
}
