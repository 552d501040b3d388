//! Opening a store: one that is not there yet, one that is, and one that a later version has written.

use impasto_jobs::Sight;

use crate::{
    common::{TestStore, fingerprint},
    database::Database,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_database_is_opened_by_all_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::fresh(folder.path()).await;
    let opened = futures::future::join_all((0..8).map(|_| {
        let place = database.place();
        tokio::spawn(async move { place.open().await })
    }));
    for store in opened.await {
        store.unwrap().unwrap().probe().await.unwrap();
    }
    let applied: Vec<i64> = sqlx::query_scalar("SELECT count(*) FROM _sqlx_migrations GROUP BY version")
        .fetch_all(&mut database.connection().await)
        .await
        .unwrap();
    assert!(!applied.is_empty() && applied.iter().all(|&times| times == 1), "{applied:?}");
}

#[tokio::test]
async fn an_existing_database_is_opened_with_what_is_in_it() {
    let test = TestStore::new().await;
    let claim = test.running().await;
    test.store.begin(&claim, &fingerprint("cpu")).await.unwrap();
    let again = test.opened_again().await;
    again.probe().await.unwrap();
    assert_eq!(again.find(claim.job, &Sight::All).await.unwrap(), Some(test.find(claim.job).await));
}

#[tokio::test]
async fn a_database_that_a_later_version_wrote_is_refused() {
    let test = TestStore::new().await;
    let migration = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
        SELECT 9999, 'from the future', success, checksum, 0 FROM _sqlx_migrations LIMIT 1";
    sqlx::query(migration).execute(&mut test.connection().await).await.unwrap();
    let refused = test.place().open().await.unwrap_err().to_string();
    let expected = "a later version of impasto has written it (migration 9999): use that version";
    assert!(refused.contains(expected), "{refused}");
}
