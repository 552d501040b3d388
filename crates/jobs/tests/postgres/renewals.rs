//! What renewals cost the database.

use tokio::time::timeout;

use crate::{common::TestStore, database::PATIENCE};

#[tokio::test]
async fn renewals_and_progress_touch_no_index() {
    const RENEWALS: i64 = 500;
    let test = TestStore::new().await;
    let claim = test.running().await;
    let mut connection = test.connection().await;
    // The server's own look at a table keeps old versions of its rows for as long as it takes.
    let unseen = "ALTER TABLE jobs SET (autovacuum_enabled = false)";
    sqlx::query(unseen).execute(&mut connection).await.unwrap();
    let counted = async {
        let mut epoch = 0;
        loop {
            epoch += 1;
            test.store.renew(&claim).await.unwrap();
            test.store.record_progress(&claim, &crate::common::entry(1, epoch)).await.unwrap();
            // The server counts what a connection did a while later.
            let counts = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'jobs'";
            let (all, in_place): (i64, i64) = sqlx::query_as(counts).fetch_one(&mut connection).await.unwrap();
            if all >= 2 * RENEWALS {
                return (all, in_place);
            }
        }
    };
    let (all, in_place) = timeout(PATIENCE, counted).await.expect("the server counts");
    // The claim itself changes what indexes hold.
    // With an index over what changes, none would be in place. Where another test's transaction is long, old versions stay, and a
    // row now and then has to move to another page.
    assert!(4 * in_place >= 3 * all, "{in_place} of {all} in place");
}
