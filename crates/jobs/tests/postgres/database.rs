//! Job stores in PostgreSQL.

use std::{
    path::Path,
    sync::{Mutex, OnceLock, PoisonError},
    time::Duration,
};

use impasto_jobs::JobPlace;
use sqlx::{ConnectOptions, PgConnection, postgres::PgConnectOptions};

use crate::server::PostgresServer;

pub type Connection = PgConnection;

/// What a test waits for anything at the most: far longer than it takes, so that only what hangs gets there.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The server of all tests here. Without one, none of them is run.
pub fn server() -> &'static PostgresServer {
    static SERVER: OnceLock<PostgresServer> = OnceLock::new();
    // Whoever found no server has said so; with CI, it has failed.
    SERVER.get_or_init(|| PostgresServer::start().unwrap_or_else(|| std::process::exit(0)))
}

/// A database of a test's own.
pub struct Database {
    url: String,
}

/// Databases whose tests are over. The next test drops them: to drop needs to wait, which `Drop` cannot.
static USED: Mutex<Vec<String>> = Mutex::new(Vec::new());

impl Database {
    /// An empty one; it needs no folder.
    pub async fn fresh(_: &Path) -> Self {
        let used = std::mem::take(&mut *USED.lock().unwrap_or_else(PoisonError::into_inner));
        for url in used {
            server().drop_database(&url).await;
        }
        Self { url: server().fresh_database().await }
    }

    /// Where a store finds it.
    pub fn place(&self) -> JobPlace {
        JobPlace::Server { database: self.url.clone(), listen: None }
    }

    /// A connection to it past the store, for what would take days.
    pub async fn connection(&self) -> Connection {
        let options: PgConnectOptions = self.url.parse().unwrap();
        options.connect().await.unwrap()
    }

    /// What lets its disk be full.
    pub async fn full_disk(&self) -> FullDisk {
        FullDisk(tokio::sync::Mutex::new(self.connection().await))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        USED.lock().unwrap_or_else(PoisonError::into_inner).push(std::mem::take(&mut self.url));
    }
}

/// Lets every write fail as on a full disk.
pub struct FullDisk(tokio::sync::Mutex<PgConnection>);

impl FullDisk {
    /// From now on there is no room.
    pub async fn begin(&self) {
        self.run(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN RAISE EXCEPTION 'could not extend file: the disk is full' USING ERRCODE = 'disk_full'; END $$;
            CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE OR DELETE ON jobs EXECUTE FUNCTION refuse();
            CREATE TRIGGER full_disk BEFORE INSERT ON progress EXECUTE FUNCTION refuse();
            CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON probe EXECUTE FUNCTION refuse();",
        )
        .await;
    }

    /// From now on there is room again.
    pub async fn end(&self) {
        self.run("DROP FUNCTION refuse CASCADE").await;
    }

    async fn run(&self, statements: &'static str) {
        sqlx::raw_sql(statements).execute(&mut *self.0.lock().await).await.expect("it runs");
    }
}
