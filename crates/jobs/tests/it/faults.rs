//! A database that fails on demand, as on a full disk: SQLite then ends the transaction by itself.

use impasto_jobs::{JobQuery, Status, SubmitError};
use sqlx::{ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::sync::Mutex;

use crate::common::{LONG, NO_LIMIT, TestStore, entry, new_job, worker};

/// Lets every write to jobs fail from another process's connection, by a trigger that rolls back as SQLite does on a full
/// disk.
pub struct Faults(Mutex<SqliteConnection>);

const TABLES: [(&str, &str); 4] = [("jobs", "INSERT"), ("jobs", "UPDATE"), ("progress", "INSERT"), ("probe", "INSERT")];

impl Faults {
    pub async fn at(test: &TestStore) -> Self {
        let options = SqliteConnectOptions::new().filename(test.folder.path().join("jobs.db"));
        Self(Mutex::new(options.connect().await.unwrap()))
    }

    pub async fn begin(&self) {
        for (table, write) in TABLES {
            self.run(format!(
                "CREATE TRIGGER full_{table}_{write} BEFORE {write} ON {table}
                 BEGIN SELECT RAISE(ROLLBACK, 'database or disk is full'); END"
            ))
            .await;
        }
    }

    pub async fn end(&self) {
        for (table, write) in TABLES {
            self.run(format!("DROP TRIGGER full_{table}_{write}")).await;
        }
    }

    async fn run(&self, statement: String) {
        let mut connection = self.0.lock().await;
        sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut *connection).await.unwrap();
        connection.ping().await.unwrap();
    }
}

#[tokio::test]
async fn a_full_disk_is_forgotten_once_there_is_room() {
    let test = TestStore::new().await;
    let faults = Faults::at(&test).await;
    let claim = test.running().await;
    for _ in 0..3 {
        faults.begin().await;
        for _ in 0..3 {
            assert!(test.store.probe().await.unwrap_err().to_string().contains("disk is full"));
            let refused = test.store.submit(new_job(), NO_LIMIT).await;
            assert!(matches!(refused, Err(SubmitError::Store(_))), "{refused:?}");
            assert!(test.store.renew(&claim).await.is_err());
            assert!(test.store.record_progress(&claim, &entry(1, 1)).await.is_err());
            // Questions are answered all the same.
            assert_eq!(test.find(claim.job).await.status, Status::Running);
        }
        faults.end().await;
        test.store.probe().await.unwrap();
        test.store.renew(&claim).await.unwrap();
        test.store.record_progress(&claim, &entry(1, 1)).await.unwrap();
        test.submit().await;
    }
    assert_eq!(test.store.list(&JobQuery { limit: 9, ..JobQuery::default() }).await.unwrap().jobs.len(), 4);
}

#[tokio::test]
async fn what_failed_halfway_is_not_done_by_halves() {
    let test = TestStore::new().await;
    let id = test.submit().await;
    let faults = Faults::at(&test).await;
    faults.begin().await;
    assert!(test.store.claim(&worker("one"), LONG).await.is_err());
    assert!(test.store.request_cancel(id).await.is_err());
    faults.end().await;
    let job = test.find(id).await;
    assert_eq!((job.status, job.revision, job.attempt.0), (Status::Queued, 1, 0));
    assert_eq!(test.claim().await.key.job, id);
}
